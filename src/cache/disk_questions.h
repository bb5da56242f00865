// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "base/gate.h"
#include "base/mutex.h"
#include "base/scheduler.h"

namespace penstock {

/// One question to the cache's disk. Exactly one of its two ends answers: `ask`, on a thread that
/// may block on the disk, or `otherwise`, elsewhere, where the disk does not answer in time.
class DiskQuestion {
 public:
  enum class Patience : uint8_t {
    open,  ///< A program waits in open(2), which needs nothing of the disk: it waits least.
    read,
  };

  DiskQuestion(Callback<void(DiskQuestion&)> ask, Callback<void()> otherwise, Patience patience)
      : ask_(std::move(ask)), otherwise_(std::move(otherwise)), patience_(patience) {}

  /// For `ask`, before it touches what the asker owns, or answers. False: `otherwise` answers, and
  /// `ask` has to end without a word. True: nobody else answers until ask_on().
  [[nodiscard]] bool begin_answer() noexcept;
  /// For `ask`, after a part of the answer: the disk is asked for more, and its time begins anew.
  void ask_on() noexcept;
  /// Answers without the disk.
  void decline() { otherwise_(); }

 private:
  friend class DiskQuestions;
  enum class State : uint8_t { waiting, asking, answering, withdrawn };

  bool move(State from, State to) noexcept { return state_.compare_exchange_strong(from, to); }

  Callback<void(DiskQuestion&)> ask_;
  Callback<void()> otherwise_;
  const Patience patience_;
  std::atomic<State> state_{State::waiting};
  std::atomic<uint32_t> age_{0};  // ticks of the watch since the disk was last asked
  uint32_t oldest_ = 0;           // the asking thread's: the highest age so far
  // DiskQuestions' lock.
  std::list<std::shared_ptr<DiskQuestion>>::iterator place_;
  bool lost_ = false;  // withdrawn while the disk was asked
  bool hung_ = false;  // and away for so long that the disk is said to hang
};

/// The questions that are open, and the watch over them: a disk that hangs takes the threads that
/// ask it, and must take nobody else.
///
/// Time is counted in ticks of the watch: where this process was stopped or got no processor the
/// disk is not blamed. A disk is given what it usually takes and some ticks. Thread-safe.
class DiskQuestions {
 public:
  static constexpr std::chrono::milliseconds tick{100};
  static constexpr uint32_t open_ticks = 2;
  static constexpr uint32_t read_ticks = 5;

  /// `threads` may block on the disk, `clock` never does. `hangs` is called without locks where the
  /// disk has not answered in time.
  DiskQuestions(std::shared_ptr<Scheduler> threads, std::shared_ptr<Scheduler> clock,
                std::function<void()> hangs)
      : threads_(std::move(threads)), clock_(std::move(clock)), hangs_(std::move(hangs)) {}

  /// Asks, or declines where an earlier question still hangs. `alive` keeps this object, `pass` is
  /// held until a thread is done with the question.
  void ask(const std::shared_ptr<const void>& alive, Gate::Pass pass,
           const std::shared_ptr<DiskQuestion>& question) EXCLUDES(mutex_);
  /// True while a thread hangs in the disk.
  bool hanging() const EXCLUDES(mutex_);

 private:
  using Question = std::shared_ptr<DiskQuestion>;

  void run(const Question& question) EXCLUDES(mutex_);
  void watch(const std::shared_ptr<const void>& alive);
  void look(const std::shared_ptr<const void>& alive) EXCLUDES(mutex_);
  bool look_at(DiskQuestion& question, std::vector<Question>& withdrawn) REQUIRES(mutex_);

  const std::shared_ptr<Scheduler> threads_;
  const std::shared_ptr<Scheduler> clock_;
  const std::function<void()> hangs_;

  mutable Mutex mutex_;
  std::list<Question> open_ GUARDED_BY(mutex_);
  bool watching_ GUARDED_BY(mutex_) = false;
  uint32_t lost_ GUARDED_BY(mutex_) = 0;
  uint32_t hung_ GUARDED_BY(mutex_) = 0;
  double usual_ GUARDED_BY(mutex_) = 0;  // ticks; the slowest answers of late
};

}  // namespace penstock
