// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/doctor/finding.h"
#include "app/doctor/probe_calls.h"
#include "app/doctor/probe_objects.h"
#include "penstock/object_store.h"

namespace penstock {

/// One right that a mount uses, as far as it was tried.
struct RightTried {
  std::string name;    ///< "put".
  std::string action;  ///< What policies call it: "s3:PutObject".
  std::string use;     ///< What does not work without it.
  std::optional<Error> failure;
  std::string not_tried;  ///< Why; empty: it was.
};

struct RightsFacts {
  std::string place;  ///< "bucket/prefix", for advice.
  bool read_only = false;
  std::vector<RightTried> rights;
  /// An object that can be read, for what follows; size 0: there is none.
  ObjectInfo readable;
};

/// Tries each right once, with an object and an upload of `objects`; with `read_only` only those
/// that change nothing, with an object that is there. Ends early where the store does not answer.
RightsFacts try_rights(ObjectStore& store, const std::string& place, const std::string& prefix,
                       bool read_only, ProbeCalls& calls, ProbeObjects& objects);
Findings judge(const RightsFacts& facts);

}  // namespace penstock
