// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace penstock {

/// How other mounts of the same bucket and prefix, now or later, tell this one from themselves and
/// the living from the dead.
struct MountIdentity {
  std::string id;  ///< Random, letters and digits; empty: made by the file system.
  /// Whether that mount has surely ended, as this machine can tell of its own. Of others the lease
  /// has to run out. Null: cannot tell.
  std::function<bool(const std::string& id)> known_dead;

  /// A mount whose lease was not renewed for this long, by the store's clock, is dead.
  std::chrono::seconds lease{60};
  std::chrono::seconds renewal{10};
};

}  // namespace penstock
