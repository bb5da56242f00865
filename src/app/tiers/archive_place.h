// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "app/warm/warm_place.h"
#include "penstock/archive.h"
#include "penstock/lifecycle_rules.h"

namespace penstock {

/// Whether a file can be read, and where it is archived.
struct ArchiveLook {
  enum class State : uint8_t { readable, archived, ongoing };
  State state = State::readable;
  std::string place;  ///< The storage class, or "ARCHIVE_ACCESS" and the like; empty: STANDARD.
  int64_t modified_ns = 0;  ///< Since the epoch, as the store has it; 0: not known, as of a mount.
};

/// What is told of a file; absent: look() tells it. False ends the listing.
using ArchiveVisitor = std::function<bool(WarmFile file, std::optional<ArchiveLook> known)>;

/// Where files are that may be archived. All methods block, and are thread-safe.
class ArchivePlace {
 public:
  virtual ~ArchivePlace() = default;

  /// Tells `visit` of every file, in no order; `failed` gets names that cannot be listed, and the
  /// listing goes on.
  virtual void list(const ArchiveVisitor& visit, const WarmFailure& failed) = 0;
  /// Asks about one file now. not_found where it is gone.
  virtual Result<ArchiveLook> look(const WarmFile& file) = 0;
  /// Asks for the restoration of a file that is archived. One that is under way is a success.
  virtual Result<void> restore(const WarmFile& file, const RestoreWish& wish) = 0;
  /// Moves it to that storage class, with everything that it carries. False: it is there already.
  virtual Result<bool> move(const WarmFile& file, const std::string& storage_class) = 0;
  /// The rules of the bucket; null where there is none, or where a mount is asked. Lives as long as
  /// this.
  virtual LifecycleRules* lifecycle() { return nullptr; }
};

}  // namespace penstock
