// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_scan.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>

#include "base/wall_clock.h"
#include "cache/chunk_set.h"
#include "cache/map_file.h"

namespace penstock {
namespace {

// A younger map may be about to be put in place.
constexpr std::chrono::nanoseconds draft_age = std::chrono::hours(1);

using Pair = CacheDirectory::Pair;

/// False where the map cannot be told from a broken one, or from another pair's.
bool describe(CacheCore& core, const std::string& name, CachedEntry& entry) {
  const DiskFile file = open_file(core.disk, core.directory.map_path(name), O_RDONLY | O_NOFOLLOW);
  std::optional<ParsedMap> map;
  if (!file || read_map(file, map) != 0 || !map || cache_name(map->header.id) != name) return false;
  const ChunkLayout layout = map->layout();
  ChunkSet present(layout.count());
  if (read_present(file, *map, present) != 0) return false;
  Disk::Status map_status;
  Disk::Status data_status;
  if (file.stat(map_status) != 0) return false;
  if (core.disk->stat(core.directory.data_path(name), data_status) != 0) return false;
  entry.id = map->header.id;
  entry.name = name;
  entry.present_bytes = bytes_in(present, layout);
  entry.disk_bytes = map_status.allocated + data_status.allocated;
  entry.last_use_ns = map_status.modified_ns;
  entry.complete = present.full();
  return true;
}

/// Adds what a pair occupies; nothing where it has just gone.
void count_pair(CacheCore& core, const Pair& pair, Usage& counted) {
  Disk::Status map;
  Disk::Status data;
  if (core.disk->stat(core.directory.map_path(pair.name), map) != 0) return;
  if (core.disk->stat(core.directory.data_path(pair.name), data) != 0) return;
  counted.bytes += map.allocated + data.allocated;
  counted.files += 1;
}

void remove_old_drafts(CacheCore& core, const std::vector<std::string>& drafts) {
  const int64_t now_ns = wall_clock_ns();
  for (const std::string& draft : drafts) {
    Disk::Status status;
    if (core.disk->stat(draft, status) == 0 && now_ns - status.modified_ns > draft_age.count())
      core.disk->unlink(draft);
  }
}

}  // namespace

void walk_cache(CacheCore& core, const CacheVisitor& visit,
                const std::function<void(const std::string& name)>& broken) {
  for (uint32_t shard = 0; shard < CacheDirectory::shard_count; ++shard) {
    std::vector<Pair> pairs;
    if (const int result = core.directory.list(shard, pairs); result != 0) {
      core.failed("listing a folder", result);
      return;
    }
    for (const Pair& pair : pairs) {
      CachedEntry entry;
      if (describe(core, pair.name, entry)) {
        if (!visit(entry)) return;
      } else if (broken) {
        broken(pair.name);
      }
    }
  }
}

void recount_usage(CacheCore& core) {
  if (!core.ready()) return;
  const DiskFile lock =
      open_file(core.disk, core.directory.recount_path(), O_RDWR | O_CREAT | O_NOFOLLOW);
  if (!lock || lock.try_lock(LOCK_EX) != 0) return;
  const Usage at_start = core.space.used();
  Usage counted;
  for (uint32_t shard = 0; shard < CacheDirectory::shard_count; ++shard) {
    std::vector<Pair> pairs;
    std::vector<std::string> drafts;
    if (const int result = core.directory.list(shard, pairs, &drafts); result != 0) {
      core.failed("listing a folder", result);
      return;
    }
    for (const Pair& pair : pairs) {
      if (core.ending) return;
      if (pair.has_data && pair.has_map) {
        count_pair(core, pair, counted);
      } else {
        // Half a pair is nothing, unless its other half is being made: then it is in use.
        core.directory.remove(pair.name);
      }
    }
    remove_old_drafts(core, drafts);
  }
  if (const int result = core.space.recounted(counted, at_start); result != 0)
    core.failed("sharing the usage", result);
}

}  // namespace penstock
