// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/doctor/finding.h"
#include "app/doctor/probe_calls.h"
#include "app/doctor/probe_objects.h"
#include "penstock/object_store.h"

namespace penstock {

/// Something that S3 can do and not every store.
struct AbilityTried {
  enum class Outcome : uint8_t {
    works,
    missing,  ///< Refused as not implemented.
    ignored,  ///< A condition that was not looked at: a write that must fail has succeeded.
    failed
  };
  std::string name;
  Outcome outcome = Outcome::works;
  std::string said;     ///< What the store said; empty: nothing.
  std::string without;  ///< What it means for a mount that has to do without; empty: little.
  bool needed = false;  ///< Without it something is wrong, not only slower.
};

/// Tries them with `objects`. To be called where objects can be written and removed.
std::vector<AbilityTried> try_abilities(ObjectStore& store, ProbeCalls& calls,
                                        ProbeObjects& objects);
Findings judge(const std::vector<AbilityTried>& abilities);

}  // namespace penstock
