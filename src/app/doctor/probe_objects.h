// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/doctor/probe_calls.h"
#include "penstock/object_store.h"

namespace penstock {

/// What `penstock doctor` makes in a bucket, so that it is removed again. Its keys lie where the
/// next mount removes what is left (src/fs/names/own_names.h). For one thread.
class ProbeObjects {
 public:
  /// `prefix` is that of the mount's keys. `store` must outlive it.
  ProbeObjects(ObjectStore& store, const std::string& prefix);
  ProbeObjects(const ProbeObjects&) = delete;
  ProbeObjects& operator=(const ProbeObjects&) = delete;

  /// The key of this name, different for every process; it may exist from now on.
  std::string key(const std::string& name);
  /// An upload that was begun, or has ended.
  void begun(const std::string& key, const std::string& upload_id);
  void ended(const std::string& upload_id) { uploads_.erase(upload_id); }
  /// The request that was to make the object failed with this error: if that is the store's
  /// refusal, there is no object to remove.
  void failed(const std::string& key, const Error& error);
  /// The object is known to be gone.
  void removed(const std::string& key) { keys_.erase(key); }

  /// Removes all of it, once what `calls` has given up is answered, and without minding its end or
  /// interruption: within some seconds. What may be left then: keys, and those of uploads.
  std::vector<std::string> remove_all(ProbeCalls& calls);

 private:
  ObjectStore& store_;
  const std::string base_;
  std::set<std::string> keys_;
  std::map<std::string, std::string> uploads_;  ///< Key by id.
};

}  // namespace penstock
