// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "penstock/result.h"

namespace penstock {

/// One change of class that a rule makes: after so many days, or from a day on.
struct LifecycleTransition {
  std::optional<uint32_t> days;  ///< After the object's last modification.
  std::string date;              ///< As the server has it; empty: `days` counts.
  std::string storage_class;
};

/// One rule of a bucket's lifecycle configuration, as far as Penstock understands it.
struct LifecycleRule {
  std::string id;
  bool enabled = false;
  std::string prefix;  ///< Of keys; empty: every object.
  /// What its filter asks for besides, for people: "tag k=v", "ObjectSizeGreaterThan 5"; empty:
  /// nothing.
  std::string limits;
  std::vector<LifecycleTransition> transitions;
  std::optional<uint32_t> expiration_days;
  std::string expiration_date;
  std::vector<std::string> others;  ///< Its other actions, as S3 calls them.
  /// All of it, what is not understood too, in one spelling: of one server's answers, rules are
  /// equal where these are.
  std::string whole;
};

/// What one answer of the server told.
struct LifecycleConfiguration {
  std::vector<LifecycleRule> rules;
  /// x-amz-transition-default-minimum-object-size: what becomes of objects below 128 KiB. Empty:
  /// the server did not tell, as none does but AWS.
  std::string small_objects;
  std::string document;  ///< As the server has it; empty: the bucket has no rules.
};

/// A rule of Penstock's: what is older goes to another class.
struct TransitionRule {
  std::string id;           ///< At most 255 characters.
  std::string prefix;       ///< Of keys; empty: every object.
  uint32_t older_than = 0;  ///< Days.
  std::string storage_class;
};

/// The most rules that a bucket may have (S3 API Reference, PutBucketLifecycleConfiguration).
inline constexpr size_t most_lifecycle_rules = 1000;

/// The rules by which a bucket moves and deletes its objects itself. S3 knows them only all
/// together: who writes replaces every one, on no condition. `read` shortly before, and again
/// after, is all that can be done about others who write at the same time. Thread-safe; `done` as
/// ObjectStore's.
class LifecycleRules {
 public:
  virtual ~LifecycleRules() = default;

  /// Nothing but an empty value where the bucket has no rules. not_supported: the server has no
  /// such thing; access_denied: s3:GetLifecycleConfiguration is not allowed.
  virtual void read(Done<LifecycleConfiguration> done) = 0;
  /// Writes what was read with `rule` in it, in place of the rules of its id; the others stay byte
  /// for byte. invalid_argument: the server refuses it, or there would be too many.
  virtual void put(const LifecycleConfiguration& read, TransitionRule rule, Done<void> done) = 0;
  /// Writes what was read without the rules of these ids.
  virtual void remove(const LifecycleConfiguration& read, const std::vector<std::string>& ids,
                      Done<void> done) = 0;
};

}  // namespace penstock
