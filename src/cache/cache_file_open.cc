// SPDX-License-Identifier: Apache-2.0
// Opens the pair of files of a version, or makes it.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <cerrno>
#include <random>

#include "cache/cache_file.h"
#include "cache/map_file.h"

namespace penstock {
namespace {

// How often a pair that others remove at the same time is tried.
constexpr int max_tries = 4;

class PairOpener {
 public:
  enum class Purpose : uint8_t { use, inspect };
  PairOpener(CacheCore& core, const VersionId& id, const ObjectInfo* info, Purpose purpose)
      : core_(core), id_(id), info_(info), purpose_(purpose), name_(cache_name(id)) {}

  const std::string& name() const { return name_; }
  /// 0 and parts(); or a negated errno, which for -EAGAIN and -EBUSY means no fault of the disk.
  int open();
  CacheFile::Parts take() { return std::move(parts_); }

 private:
  int try_open();
  int open_data();
  int open_map();
  int make_map();
  int load();

  CacheCore& core_;
  const VersionId& id_;
  const ObjectInfo* const info_;
  const Purpose purpose_;
  const std::string name_;
  CacheFile::Parts parts_;
  Disk::Status data_status_;
};

int PairOpener::open() {
  int result = -EAGAIN;
  for (int i = 0; i < max_tries && result == -EAGAIN; ++i) result = try_open();
  return result;
}

int PairOpener::try_open() {
  parts_ = {};
  parts_.name = name_;
  if (const int result = open_data(); result != 0) return result;
  if (const int result = open_map(); result != 0) return result;
  return load();
}

int PairOpener::open_data() {
  const std::string path = core_.directory.data_path(name_);
  constexpr int flags = O_RDWR | O_NOFOLLOW;
  parts_.data_file = open_file(core_.disk, path, flags);
  if (parts_.data_file.get() == -ENOENT) {
    const bool may_make = purpose_ == Purpose::use && core_.takes_writes();
    if (!may_make || core_.space.exhausted()) return -EBUSY;
    const CacheCore::Admission admission = core_.judge(name_, id_.size);
    if (!admission.admitted) return -EBUSY;
    parts_.idle_ns = admission.idle_ns;
    parts_.data_file = open_file(core_.disk, path, flags | O_CREAT);
  }
  if (parts_.data_file.get() == -ENOENT) {
    if (const int result = core_.directory.make_shard(name_); result != 0) return result;
    parts_.data_file = open_file(core_.disk, path, flags | O_CREAT);
  }
  if (!parts_.data_file) return parts_.data_file.get();
  // A process that removes the pair holds this lock for a moment only, unless it is stopped
  // (SIGSTOP) just then.
  const int locked = parts_.data_file.try_lock_soon(LOCK_SH);
  if (locked != 0) return locked == -EWOULDBLOCK ? -EBUSY : locked;
  if (const int result = parts_.data_file.stat(data_status_); result != 0) return result;
  if (!data_status_.regular) return -EEXIST;
  // Removed before the lock was had.
  if (data_status_.links == 0) return -EAGAIN;
  if (data_status_.size == id_.size) return 0;
  // New, or damaged: then its chunks' checksums or its seal tell.
  return parts_.data_file.truncate(id_.size);
}

int PairOpener::open_map() {
  const std::string path = core_.directory.map_path(name_);
  parts_.map_file = open_file(core_.disk, path, O_RDWR | O_NOFOLLOW);
  if (parts_.map_file.get() == -ENOENT) {
    if (const int result = make_map(); result != 0) return result;
    parts_.map_file = open_file(core_.disk, path, O_RDWR | O_NOFOLLOW);
  }
  return parts_.map_file ? 0 : parts_.map_file.get();
}

// The map is put in place as a whole, so that nobody sees half of it.
int PairOpener::make_map() {
  MapHeader header{.id = id_};
  if (info_ != nullptr) {
    header.last_modified_ns = info_->last_modified_ns;
    header.metadata = info_->metadata;
  }
  const std::vector<std::byte> bytes = encode_header(header);
  const std::optional<ParsedMap> parsed = parse_header(bytes);
  if (!parsed) return -EBUSY;
  const std::string path = core_.directory.map_path(name_);
  std::random_device random;
  const std::string draft = fmt::format("{}.new-{:08x}{:08x}", path, random(), random());
  const DiskFile file = open_file(core_.disk, draft, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
  if (!file) return file.get();
  int result = file.pwrite(bytes, 0);
  if (result == 0) result = file.truncate(parsed->map_size());
  if (result == 0) result = core_.disk->link(draft, path);
  const bool made = result == 0;
  // Another process was faster: theirs is as good.
  if (result == -EEXIST) result = 0;
  const int removed = core_.disk->unlink(draft);
  if (result == 0) result = removed;
  Disk::Status status;
  if (made && file.stat(status) == 0) {
    core_.changed(static_cast<int64_t>(status.allocated + data_status_.allocated), 1);
    core_.trim_soon();
  }
  return result;
}

int PairOpener::load() {
  std::optional<ParsedMap> map;
  if (const int result = read_map(parts_.map_file, map); result != 0) return result;
  if (!map || map->header.id != id_) {
    // Damaged, or foreign: away with it, and begin anew.
    parts_ = {};
    const auto removed = core_.directory.remove(name_);
    if (removed.outcome == CacheDirectory::Removal::failed) return removed.error;
    if (removed.outcome != CacheDirectory::Removal::removed) return -EBUSY;
    core_.changed(-static_cast<int64_t>(removed.freed.bytes),
                  -static_cast<int64_t>(removed.freed.files));
    return -EAGAIN;
  }
  parts_.map = std::move(*map);
  parts_.present = ChunkSet(parts_.map.layout().count());
  if (const int result = read_present(parts_.map_file, parts_.map, parts_.present); result != 0)
    return result;
  if (purpose_ == Purpose::inspect) return 0;
  Disk::Status status;
  if (const int result = parts_.map_file.stat(status); result != 0) return result;
  const int64_t now = core_.wall_clock();
  const int64_t age = now - status.modified_ns;
  // A time in the future, from a clock that was wrong, would keep the file for ever.
  if (age >= 0 && age < ReuseRules::same_use) return 0;
  if (age > 0 && parts_.present.full()) core_.rules.used_again(age, now);
  // What is missing is like a file that is not there; but what was just begun goes on.
  if (age > 0 && !parts_.present.full()) parts_.idle_ns = core_.rules.idle_for(age, now);
  return parts_.map_file.touch();
}

std::shared_ptr<CacheFile> open_with(PairOpener opener, const std::shared_ptr<CacheCore>& core) {
  if (auto file = core->find_open(opener.name())) return file;
  const int result = opener.open();
  if (result != 0) {
    if (result != -EAGAIN && result != -EBUSY) core->failed("opening a file", result);
    return nullptr;
  }
  const auto file = std::make_shared<CacheFile>(core, opener.take());
  return core->add_open(opener.name(), file);
}

}  // namespace

std::shared_ptr<CacheFile> open_cache_file(const std::shared_ptr<CacheCore>& core,
                                           const VersionId& id, const ObjectInfo* info) {
  if (!core->ready()) return nullptr;
  return open_with(PairOpener(*core, id, info, PairOpener::Purpose::use), core);
}

std::shared_ptr<CacheFile> inspect_cache_file(const std::shared_ptr<CacheCore>& core,
                                              const VersionId& id) {
  if (!core->ready()) return nullptr;
  return open_with(PairOpener(*core, id, nullptr, PairOpener::Purpose::inspect), core);
}

}  // namespace penstock
