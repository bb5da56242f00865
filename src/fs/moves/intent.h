// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fs/nodes/core.h"

namespace penstock {

/// One step of a rename: of one object, or of all below a prefix that ends in "/".
struct Move {
  std::string from;
  std::string to;
  bool keeps_source = false;  ///< The next step overwrites it.
  /// The directory `to` had its own object before: taking the move back does not delete it.
  bool over_marker = false;
};

/// What a rename of several objects is about to do, as an object in the bucket says it (see
/// own_names.h): whoever finds it without its mount can finish it, or take it back.
///
///     penstock-rename 1
///     mount MOUNT
///     since NANOSECONDS        by the store's clock; 0: the object is its first version
///     step N                   from 0: the move that is under way
///     phase copying|deleting|renaming
///     until NANOSECONDS        optional: later than that its first mount made no copies
///     step-since NANOSECONDS   optional: when the step began; else the object was written then
///     move FROM TO KEEP [1]    one for each step; KEEP is 0 or 1; 1: Move::over_marker
///
/// Words are percent-encoded, an empty one is "%".
struct Intent {
  /// Of a step: its objects are copied, and taken back if that ends too soon; then deleted under
  /// their old keys. Or each is renamed by itself, and whoever goes on with it renames the rest.
  enum class Phase : uint8_t { copying, deleting, renaming };

  std::string id;  ///< The last part of its key; not in the text.
  std::string mount;
  int64_t since_ns = 0;
  int64_t until_ns = 0;       ///< 0: not known.
  int64_t step_since_ns = 0;  ///< 0: the object's time is that.
  uint32_t step = 0;
  Phase phase = Phase::copying;
  std::vector<Move> moves;
};

std::string to_text(const Intent& intent);
/// corrupt: it is none, or of a newer version.
Result<Intent> parse_intent(std::string_view text);

/// An intent that this mount works on, and the version of its object.
struct HeldIntent {
  Intent intent;
  ETag etag;  ///< Empty: not written yet.
};

/// Writes it over the version that it was read or written as. changed: another mount has taken it
/// over.
void write_intent(FsCore& core, const std::shared_ptr<HeldIntent>& held, Done<void> done);

}  // namespace penstock
