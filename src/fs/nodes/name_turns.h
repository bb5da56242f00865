// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "penstock/callback.h"
#include "penstock/file_system.h"

namespace penstock {

/// Names that programs were sent back from. While one program replaces a file over and over, or
/// deletes and makes it, another one that has found the file and comes to open it finds it gone:
/// ESTALE, and the kernel looks the name up once more, not twice. So whoever is about to take the
/// file from the name again waits until the one who was sent back has opened what has the name by
/// now, or has found that there is nothing; for a moment at most. And who looks such a name up
/// while its file is about to go waits until it knows what has the name then, also where that
/// moment has passed: a lookup of the whole path may take longer. Thread-safe.
class NameTurns {
 public:
  /// A name in a directory.
  using Place = std::pair<InodeId, std::string>;
  /// Runs the work after the pause, unless the file system has ended by then.
  using After = std::function<void(std::chrono::nanoseconds, Callback<void()>)>;

  explicit NameTurns(After after) : after_(std::move(after)) {}

  /// `thread`: as in OpenFlags.
  void sent_back(const Place& place, uint64_t thread);
  /// Somebody was told what has the name, and is about to open it: one who is expected, as it
  /// seems. Who has been waited for in vain is waited for once more then.
  void told(const Place& place);
  /// The thread has found what has the name, and is opening it, which may take its requests: those
  /// who wait do not give up before that has ended.
  void opening(const Place& place, uint64_t thread);
  /// The thread has found that nothing has the name. That ends its turn the second time: a kernel
  /// that still had the name asks whether it is right, and then looks up what there is. What has
  /// the name by then may only be made now, so nobody waits for the thread until somebody is told.
  void found_nothing(const Place& place, uint64_t thread);
  /// The thread has opened what is there: it, and no other, for others look names up as well.
  void arrived(const Place& place, uint64_t thread);
  /// Whether somebody who was sent back may still come.
  bool expected(const Place& place) const;
  /// Whether whoever is about to take the file from the name has to wait.
  bool taken(const Place& place) const;
  /// Runs `go` when all have arrived, or when it has waited long enough; now where it need not
  /// wait. The name may be taken again by then.
  void wait(const Place& place, Callback<void()> go);

 private:
  /// How long somebody waits for those who were sent back: a program may have been killed, or have
  /// given up.
  static constexpr std::chrono::milliseconds patience{1000};
  /// How long it is remembered that somebody was.
  static constexpr std::chrono::seconds memory{10};

  struct Turn {
    uint64_t number = 0;            ///< Of the last time that somebody was sent back.
    bool given_up = false;          ///< Those who are expected were waited for since, in vain.
    bool once_more = false;         ///< They were waited for again, when somebody was told.
    std::vector<uint64_t> threads;  ///< That were sent back.
    std::vector<uint64_t> opening;  ///< Of these, those that have come, and are opening the file;
    std::vector<uint64_t> missed;   ///< and those that have found nothing, once.
    std::vector<Callback<void()>> waiting;
  };

  void forget_later(const Place& place, uint64_t number);
  void give_up_later(const Place& place, uint64_t number);
  std::vector<Callback<void()>> end(std::map<Place, Turn>::iterator turn) REQUIRES(mutex_);

  const After after_;
  mutable Mutex mutex_;
  uint64_t last_ GUARDED_BY(mutex_) = 0;
  std::map<Place, Turn> turns_ GUARDED_BY(mutex_);
};

}  // namespace penstock
