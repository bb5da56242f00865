// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/log.h"
#include "base/scheduler.h"
#include "penstock/lifecycle_rules.h"
#include "penstock/object_store.h"
#include "penstock/object_sums.h"
#include "penstock/options.h"
#include "penstock/result.h"
#include "store/retry_policy.h"
#include "store/store_metrics.h"

namespace penstock {

/// What a URL names: "s3://BUCKET/PREFIX" or "file:///DIR".
struct StoreUrl {
  enum class Kind : uint8_t { s3, directory };
  Kind kind = Kind::s3;
  std::string bucket;     ///< s3 only.
  std::string prefix;     ///< s3 only; empty or ending in "/".
  std::string directory;  ///< directory only; absolute.
};

/// invalid_argument with a message that says what a right URL looks like.
Result<StoreUrl> parse_store_url(const std::string& url);

/// A store ready for use, with retries and metering around it.
class OpenedStore {
 public:
  virtual ~OpenedStore() = default;
  /// The store itself. Lives as long as this.
  virtual ObjectStore& store() = 0;
  /// The same for programs to read by: what comes of large objects in ranges is checked, where
  /// that is asked for and the store has checksums (CheckingStore).
  virtual ObjectStore& checked_store() { return store(); }
  /// Its requests since it was opened, each try counted. Lives as long as this; thread-safe.
  virtual const StoreMetrics& metrics() const = 0;
  /// How busy the way to it is at this moment. Thread-safe.
  virtual StoreLoad load() const = 0;
  /// Listings come in byte order, and ListRequest::start_after counts: not in directory buckets.
  virtual bool ordered_listings() const { return true; }
  /// The rules of the bucket, with retries; null where the store is none. Lives as long as this.
  virtual LifecycleRules* lifecycle() { return nullptr; }
  /// The checksums of its objects, with retries; null where the store keeps none. Lives as long as
  /// this.
  virtual ObjectSums* sums() { return nullptr; }
};

/// Makes the store that `options.url` names. Does not talk to it: check_store does. Errors are
/// complete sentences for a person (wrong URL, no credentials found, CA bundle that cannot be
/// read).
Result<std::unique_ptr<OpenedStore>> open_store(const StoreOptions& options, const StoreUrl& url,
                                                Scheduler& scheduler,
                                                const std::shared_ptr<Log>& log,
                                                const RetryPolicy& retries = {});

/// Asks the store for one listing page under `prefix`, so that a mount fails at once and says why:
/// no such bucket, wrong region (after redirects were followed), wrong key, no answer. `done` may
/// be called on any thread.
void check_store(ObjectStore& store, const std::string& prefix, Done<void> done,
                 std::stop_token cancel = {});

}  // namespace penstock
