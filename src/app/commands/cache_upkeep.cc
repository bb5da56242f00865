// SPDX-License-Identifier: Apache-2.0
// penstock cache verify, penstock cache evict
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/commands/cache_actions.h"
#include "app/human_text.h"
#include "app/progress_line.h"
#include "app/wrong.h"
#include "config/values.h"

namespace penstock {
namespace {

void say_evicted(const CacheTask& task, const DiskCache::EvictReport& report) {
  task.streams.out << fmt::format("removed {}, {} of the disk\n", counted(report.files, "object"),
                                  human_size(report.bytes));
  if (report.in_use != 0) {
    task.streams.out << fmt::format("{} in use stay: some process has them open\n",
                                    counted(report.in_use, "object"));
  }
}

Result<int> evict_down_to(const CacheTask& task, uint64_t bytes) {
  Result<std::unique_ptr<DiskCache>> cache = task.open("");
  if (!cache) return cache.error();
  say_evicted(task, (*cache)->evict_to(bytes));
  return 0;
}

/// One bucket may have been cached from several endpoints: each is a store of its own.
Result<int> evict_store(const CacheTask& task, const std::string& url) {
  const Result<StoreFilter> filter = StoreFilter::parse(url);
  if (!filter) return filter.error();
  std::set<std::string> stores;
  {
    Result<std::unique_ptr<DiskCache>> cache = task.open("");
    if (!cache) return cache.error();
    (*cache)->walk([&](const CachedEntry& entry) {
      if (filter->takes(entry.id)) stores.insert(entry.id.store);
      return true;
    });
  }
  DiskCache::EvictReport all;
  for (const std::string& store : stores) {
    Result<std::unique_ptr<DiskCache>> cache = task.open(store);
    if (!cache) return cache.error();
    const DiskCache::EvictReport one = (*cache)->evict_prefix(filter->prefix());
    all.files += one.files;
    all.bytes += one.bytes;
    all.in_use += one.in_use;
  }
  say_evicted(task, all);
  return 0;
}

}  // namespace

Result<int> verify_cache(const CacheTask& task) {
  Result<std::unique_ptr<DiskCache>> cache = task.open("");
  if (!cache) return cache.error();
  const CacheStats before = (*cache)->stats();
  DiskCache::VerifyReport report;
  {
    ProgressLine line(task.streams.err, task.terminal);
    report = (*cache)->verify([&](const DiskCache::VerifyReport& so_far) {
      if (line.due()) {
        line.show(fmt::format("checked {} of {} objects, {} of about {}", so_far.files,
                              std::max(before.files, so_far.files), human_size(so_far.bytes),
                              human_size(std::max(before.bytes, so_far.bytes))));
      }
      return true;
    });
  }
  // Complete files have been sealed on the way: that must reach the disk.
  (*cache)->drain();
  task.streams.out << fmt::format("checked {}, {}\n", counted(report.files, "object"),
                                  human_size(report.bytes));
  const bool damaged = report.damaged_chunks != 0 || report.broken_files != 0;
  if (damaged) {
    task.streams.out << fmt::format(
        "damage was found: {} dropped, {} without a readable map removed; they will be fetched "
        "again\n",
        counted(report.damaged_chunks, "chunk"), counted(report.broken_files, "file"));
  }
  return damaged ? 1 : 0;
}

Result<int> evict_from_cache(const CacheTask& task) {
  const auto& own = task.arguments.own;
  if (own.empty()) {
    return wrong(
        "what shall be removed? Give --to SIZE (what was not used for longest, down to that), "
        "--store s3://BUCKET/PREFIX, or --all");
  }
  if (own.size() > 1) return wrong("--to, --store and --all are one too many: give one of them");
  if (task.arguments.has("all")) return evict_down_to(task, 0);
  if (const auto url = own.find("store"); url != own.end()) return evict_store(task, url->second);
  const std::string& size = own.find("to")->second;
  const Result<uint64_t> bytes = parse_size(size);
  if (!bytes) return wrong(fmt::format("--to {} is no size; write it as 512M or 100GiB", size));
  return evict_down_to(task, *bytes);
}

}  // namespace penstock
