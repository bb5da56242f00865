// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "app/verify/object_checker.h"
#include "app/verify/verify_report.h"
#include "base/log.h"
#include "base/worker_pool.h"
#include "penstock/options.h"
#include "store/store_factory.h"

namespace penstock {

/// Objects of a bucket that shall be checked: all below a prefix, and the one whose key that is
/// without its slash.
struct VerifyTarget {
  StoreOptions options;  ///< How the store is reached.
  StoreUrl url;          ///< Whose `prefix` is the place.
  std::string name;      ///< As people call it.
};

/// Finds the objects of `target` in their store and checks each, many at a time.
void verify_objects(ObjectStore& store, ObjectSums& sums, const VerifyTarget& target,
                    const ObjectChecker::Settings& settings, VerifyReport& report,
                    const std::function<void()>& tick);

/// The store of a target, opened.
class VerifyPlace {
 public:
  /// Asks the store for a listing, as a mount does. The error is a sentence for a person.
  static Result<std::unique_ptr<VerifyPlace>> open(VerifyTarget target,
                                                   const std::shared_ptr<Log>& log);

  /// Returns when all objects have been checked. `tick` is called several times a second.
  void verify(const ObjectChecker::Settings& settings, VerifyReport& report,
              const std::function<void()>& tick);

 private:
  explicit VerifyPlace(VerifyTarget target);

  const VerifyTarget target_;
  WorkerPool workers_;
  std::unique_ptr<OpenedStore> store_;
};

}  // namespace penstock
