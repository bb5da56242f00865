// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace penstock {

/// How bad it is: nothing; worth knowing; something does not work.
enum class Verdict : uint8_t { ok, note, wrong };

/// What one check of `penstock doctor` has found. A value type.
struct Finding {
  Verdict verdict = Verdict::ok;
  std::string name;    ///< What was looked at: "clock".
  std::string found;   ///< What was seen, one line.
  std::string advice;  ///< What to do; empty only where it is ok.

  static Finding ok(std::string name, std::string found) {
    return {Verdict::ok, std::move(name), std::move(found), ""};
  }
  static Finding note(std::string name, std::string found, std::string advice) {
    return {Verdict::note, std::move(name), std::move(found), std::move(advice)};
  }
  static Finding wrong(std::string name, std::string found, std::string advice) {
    return {Verdict::wrong, std::move(name), std::move(found), std::move(advice)};
  }
  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

}  // namespace penstock
