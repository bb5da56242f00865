// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/environment.h"
#include "cache/disk_cache.h"
#include "config/command_parse.h"
#include "penstock/result.h"

namespace penstock {

/// What the commands of `penstock cache` work on.
struct CacheTask {
  const CommandArguments& arguments;
  const CacheOptions& options;  ///< The directory set; it is a cache's.
  /// Opens the cache in the name of a store; the error says why it cannot be used.
  std::function<Result<std::unique_ptr<DiskCache>>(const std::string& store)> open;
  const Streams& streams;
  bool terminal = false;
};

/// What --store URL picks: keys below a prefix in all stores of one bucket, or of one folder.
class StoreFilter {
 public:
  /// Without a URL everything.
  static Result<StoreFilter> parse(const std::optional<std::string>& url);

  bool takes(const std::string& store) const;
  bool takes(const VersionId& id) const { return takes(id.store) && id.key.starts_with(prefix_); }
  const std::string& prefix() const { return prefix_; }

 private:
  std::string store_;  // the identity's part before " at "; empty: all
  std::string prefix_;
};

/// Each prints what was asked for, and returns the exit status or why it could not.
Result<int> list_cache(const CacheTask& task);
Result<int> show_cache_stats(const CacheTask& task);
Result<int> verify_cache(const CacheTask& task);
Result<int> evict_from_cache(const CacheTask& task);

}  // namespace penstock
