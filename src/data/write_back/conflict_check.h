// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/write_back/promise.h"
#include "data/write_back/write_back_core.h"

namespace penstock {

/// Finds out what it means that the store refused a promise because of the object under its key, or
/// because there is none. That object may be ours after all: a reply was lost, or a mount that died
/// had made it. It asks the store and reads the journal, and changes neither.
class ConflictCheck : public std::enable_shared_from_this<ConflictCheck> {
 public:
  struct Finding {
    enum class Kind : uint8_t {
      ours,    ///< `object` was made of this promise or of an earlier one of the same file.
      same,    ///< `object` has the promised bytes, whoever made it.
      gone,    ///< Nothing is there, and nothing of it is needed.
      theirs,  ///< Other bytes than the promise's are there; or the bytes that it edits are gone.
    };
    Kind kind = Kind::theirs;
    ObjectInfo object;  ///< Of `ours` and `same`; its key is the one that was asked for.
  };

  /// `refusal`: the error that the promise met under `key`. `done` gets the finding, without a lock
  /// on the caller's side or on this one, or the error for which it is not known. What `done` holds
  /// has to keep the core: see WriteBackCore::gate.
  static void begin(WriteBackCore& core, std::string key, PromisePtr promise, Error refusal,
                    Done<Finding> done);

 private:
  ConflictCheck(WriteBackCore& core, std::string key, PromisePtr promise, Error refusal,
                Done<Finding> done);

  void found(Result<ObjectInfo> object);
  void compare(uint64_t offset);
  bool matches(ByteRange range, const std::vector<std::byte>& bytes) const;
  void end(Finding::Kind kind);

  WriteBackCore& core_;
  const std::string key_;
  const PromisePtr promise_;
  const Error refusal_;
  // Of the step under way; each follows the one before.
  ObjectInfo object_;
  Done<Finding> done_;
};

/// The key beside `key` under which bytes are kept that have no other place.
std::string conflict_key(const std::string& key);

}  // namespace penstock
