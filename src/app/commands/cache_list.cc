// SPDX-License-Identifier: Apache-2.0
// penstock cache ls, penstock cache stats
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "app/commands/cache_actions.h"
#include "app/human_text.h"
#include "store/store_factory.h"

namespace penstock {
namespace {

std::string size_column(uint64_t bytes, bool exact) {
  return exact ? std::to_string(bytes) : human_size(bytes);
}

/// The listing's lines in the order of stores and keys; older versions of a key come first.
std::vector<CachedEntry> sorted_entries(DiskCache& cache, const StoreFilter& filter) {
  std::vector<CachedEntry> entries;
  cache.walk([&](const CachedEntry& entry) {
    if (filter.takes(entry.id)) entries.push_back(entry);
    return true;
  });
  std::ranges::sort(entries, {}, [](const CachedEntry& entry) {
    return std::tie(entry.id.store, entry.id.key, entry.last_use_ns, entry.name);
  });
  return entries;
}

void print_json(std::ostream& out, const CachedEntry& entry) {
  out << fmt::format(
      "{{\"store\": {}, \"key\": {}, \"etag\": {}, \"size\": {}, \"present\": {}, "
      "\"complete\": {}, \"disk\": {}, \"last_use\": {}}}\n",
      json_string(entry.id.store), json_string(entry.id.key), json_string(entry.id.etag),
      entry.id.size, entry.present_bytes, entry.complete, entry.disk_bytes,
      entry.last_use_ns / 1'000'000'000);
}

void print_columns(std::ostream& out, const std::vector<CachedEntry>& entries, bool exact) {
  size_t width = 0;
  for (const CachedEntry& entry : entries)
    width = std::max(width, printable(entry.id.store).size());
  for (const CachedEntry& entry : entries) {
    out << fmt::format("{:>{}} {:>{}} {} {:<{}} {}\n", size_column(entry.id.size, exact),
                       exact ? 14 : 7, size_column(entry.present_bytes, exact), exact ? 14 : 7,
                       local_time(entry.last_use_ns), printable(entry.id.store), width,
                       printable(entry.id.key));
  }
}

struct Totals {
  uint64_t complete = 0;
  uint64_t partial = 0;
  uint64_t present = 0;
  uint64_t disk = 0;

  void add(const CachedEntry& entry) {
    (entry.complete ? complete : partial) += 1;
    present += entry.present_bytes;
    disk += entry.disk_bytes;
  }
  std::string json() const {
    return fmt::format("\"complete\": {}, \"partial\": {}, \"present\": {}, \"disk\": {}", complete,
                       partial, present, disk);
  }
  std::string text(bool exact) const {
    return fmt::format("{} complete, {} partial, {} of objects, {} of the disk", complete, partial,
                       size_column(present, exact), size_column(disk, exact));
  }
};

struct Limits {
  uint64_t size = 0;
  uint64_t min_free = 0;
  uint64_t free = 0;
};

Limits limits_of(const CacheOptions& options) {
  Disk::Space space;
  Disk::system()->statvfs(options.directory, space);
  return {.size = options.size_limit.of(space.total),
          .min_free = options.min_free.of(space.total),
          .free = space.available};
}

}  // namespace

Result<StoreFilter> StoreFilter::parse(const std::optional<std::string>& url) {
  StoreFilter filter;
  if (!url) return filter;
  const Result<StoreUrl> parsed = parse_store_url(*url);
  if (!parsed) return parsed.error();
  filter.store_ =
      parsed->kind == StoreUrl::Kind::s3 ? "s3://" + parsed->bucket : "file://" + parsed->directory;
  filter.prefix_ = parsed->prefix;
  return filter;
}

bool StoreFilter::takes(const std::string& store) const {
  return store_.empty() || store == store_ || store.starts_with(store_ + " at ");
}

Result<int> list_cache(const CacheTask& task) {
  const auto url = task.arguments.own.find("store");
  const Result<StoreFilter> filter = StoreFilter::parse(
      url == task.arguments.own.end() ? std::nullopt : std::optional(url->second));
  if (!filter) return filter.error();
  Result<std::unique_ptr<DiskCache>> cache = task.open("");
  if (!cache) return cache.error();
  const std::vector<CachedEntry> entries = sorted_entries(**cache, *filter);
  if (!task.arguments.has("json")) {
    print_columns(task.streams.out, entries, task.arguments.has("bytes"));
    return 0;
  }
  for (const CachedEntry& entry : entries) print_json(task.streams.out, entry);
  return 0;
}

Result<int> show_cache_stats(const CacheTask& task) {
  Result<std::unique_ptr<DiskCache>> cache = task.open("");
  if (!cache) return cache.error();
  std::map<std::string, Totals> stores;
  Totals all;
  (*cache)->walk([&](const CachedEntry& entry) {
    stores[entry.id.store].add(entry);
    all.add(entry);
    return true;
  });
  const Limits limits = limits_of(task.options);
  std::ostream& out = task.streams.out;
  const bool exact = task.arguments.has("bytes");
  if (task.arguments.has("json")) {
    std::string list;
    for (const auto& [store, totals] : stores) {
      list += fmt::format("{}{{\"store\": {}, {}}}", list.empty() ? "" : ", ", json_string(store),
                          totals.json());
    }
    out << fmt::format(
        "{{\"directory\": {}, \"stores\": [{}], \"all\": {{{}}}, \"limit\": {}, \"min_free\": {}, "
        "\"free\": {}}}\n",
        json_string(task.options.directory), list, all.json(), limits.size, limits.min_free,
        limits.free);
    return 0;
  }
  for (const auto& [store, totals] : stores)
    out << fmt::format("{}: {}\n", printable(store), totals.text(exact));
  out << fmt::format("in all: {}\n", all.text(exact));
  out << fmt::format(
      "limit: {} (of a mount with these options), {} of the disk stay free, {} are\n",
      size_column(limits.size, exact), size_column(limits.min_free, exact),
      size_column(limits.free, exact));
  return 0;
}

}  // namespace penstock
