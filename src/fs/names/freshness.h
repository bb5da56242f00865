// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/scheduler.h"
#include "penstock/options.h"

namespace penstock {

/// When the store told something, and for how long that is believed. Says nothing: never told.
struct Told {
  Scheduler::Time at{};
  std::chrono::nanoseconds lasts{0};

  bool holds(Scheduler::Time now) const { return now - at < lasts; }
  /// For how much longer; 0 where it is not believed any more.
  std::chrono::milliseconds left(Scheduler::Time now) const {
    if (!holds(now)) return std::chrono::milliseconds(0);
    return std::chrono::duration_cast<std::chrono::milliseconds>(lasts - (now - at));
  }
};

/// Decides for how long the mount believes what the store told, as --freshness and --metadata-ttl
/// say. All spans count from when the store answered; the kernel is told what is left of them.
/// Constant, so thread-safe.
///
/// adaptive: a name is believed for a hundredth of the age that its object had then (what has not
/// changed for long will hardly change now), for 1 s at least and for the TTL at most. That a name
/// does not exist is believed for 1 s at most.
/// close_to_open: the same, but each open asks the store, and no absence is believed.
/// ttl: everything is believed for the TTL, an absence for 1 s at most.
/// With a TTL of `forever` a name is believed for ever, whatever the age.
class Freshness {
 public:
  explicit Freshness(const MetadataOptions& options)
      : mode_(options.freshness), ttl_(options.ttl) {}

  /// Of an object that was this old; absent: of unknown age, which is young.
  std::chrono::milliseconds of_age(std::optional<std::chrono::nanoseconds> age) const;

  /// Of what is only here so far, or being changed here: the kernel need not know it for long.
  std::chrono::milliseconds of_own() const;

  /// The absence of a name, here in the mount; the kernel believes it for kernel_absence() from
  /// when it was told. Both together are 1 s at most.
  std::chrono::milliseconds absence() const;
  std::chrono::milliseconds kernel_absence() const { return absence(); }

  /// The names of a directory that this mount has made.
  std::chrono::milliseconds own_directory() const;

  /// Whether an open, of a file or a directory, asks the store whatever is known.
  bool asks_at_open() const { return mode_ == MetadataOptions::Freshness::close_to_open; }

 private:
  const MetadataOptions::Freshness mode_;
  const std::chrono::milliseconds ttl_;
};

}  // namespace penstock
