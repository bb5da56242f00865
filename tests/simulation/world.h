// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <csetjmp>
#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/callback.h"

namespace penstock::sim {

/// Virtual time: nanoseconds since the world began.
using Nanos = int64_t;
constexpr Nanos microsecond = 1'000;
constexpr Nanos millisecond = 1'000'000;
constexpr Nanos second = 1'000'000'000;

/// What dies together: everything that a node's process has under way. Work and fibers of a dead
/// group never run again, and nothing of theirs is destroyed, as after kill -9.
struct Group {
  explicit Group(std::string the_name) : name(std::move(the_name)) {}
  const std::string name;
  bool alive = true;
  int64_t wall_skew = 0;  ///< Added to what its wall clock shows.
};
using GroupPtr = std::shared_ptr<Group>;

/// A thread of the simulated world: a stack of its own on the one thread of the program. It runs
/// until it waits, or until a preemption point (a Mutex that it unlocks while it holds no other)
/// hands over to another.
struct Fiber;

/// What fibers wait for.
struct Signal {
  std::deque<Fiber*> waiting;
};

/// The clock, the queue, the fibers and the chance of one run. Single-threaded; there is one in a
/// process. Each choice is a hash of the seed, its kind and how many of that kind came before, so
/// that a step that is left out of a program leaves choices of other kinds as they were.
class World {
 public:
  explicit World(uint64_t seed);
  static World& get() { return *instance_; }
  static bool exists() { return instance_ != nullptr; }

  Nanos now() const { return now_; }
  uint64_t seed() const { return seed_; }
  uint64_t draw(std::string_view kind);
  uint64_t below(std::string_view kind, uint64_t bound) { return draw(kind) % bound; }
  bool chance(std::string_view kind, uint64_t in) { return in != 0 && draw(kind) % in == 0; }
  Nanos between(std::string_view kind, Nanos least, Nanos most);

  /// Runs `work` in a fiber of its own at that moment.
  void at(Nanos when, const GroupPtr& group, Callback<void()> work);
  void after(Nanos delay, const GroupPtr& group, Callback<void()> work) {
    at(now_ + delay, group, std::move(work));
  }

  // For fibers.
  void sleep(Nanos delay);
  void wait(Signal& signal);
  void wake_one(Signal& signal);
  void wake_all(Signal& signal);
  const GroupPtr& group() const;
  uint64_t fiber_number() const;
  bool in_fiber() const { return current_ != nullptr; }

  // What the stand-ins of the system's locks tell (interpose.cc).
  void mutex_locked(const void* mutex);
  void mutex_unlocked(const void* mutex);
  /// Locks that the present fiber holds.
  int held() const;
  /// Fails the run where a lock is held: `what` is called on the other side of a seam.
  void check_unlocked(std::string_view what);
  /// One in so many preemption points hands over; 0: none does.
  void set_preemption(uint64_t one_in) { preempt_one_in_ = one_in; }

  /// Runs events until `finished` says so. False: nothing is left to run, or the limits are passed
  /// (see why_stopped).
  bool run(Callback<bool()> finished, Nanos until, uint64_t events);
  std::string_view why_stopped() const { return why_stopped_; }
  uint64_t events() const { return events_; }
  /// Of everything that happened so far, in its order.
  uint64_t trace_hash() const { return hash_; }

  void set_tracing(bool on) { tracing_ = on; }
  bool tracing() const { return tracing_; }
  template <typename... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    if (tracing_) print(fmt::format(format, std::forward<Args>(args)...));
  }

  /// Holds preemption off for a scope.
  class Atomic {
   public:
    Atomic() { ++get().no_preemption_; }
    ~Atomic() { --get().no_preemption_; }
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;
  };

 private:
  friend struct Fiber;
  struct Event {
    Nanos when = 0;
    uint64_t number = 0;
    Fiber* resume = nullptr;  // or:
    std::shared_ptr<Callback<void()>> work;
    GroupPtr group;
    bool operator>(const Event& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };

  void print(const std::string& line);
  void push(Nanos when, Fiber* fiber, std::shared_ptr<Callback<void()>> work, GroupPtr group);
  void resume(Fiber& fiber);
  void suspend();
  void dispatch(Event event);

  static World* instance_;
  const uint64_t seed_;
  Nanos now_ = 0;
  uint64_t numbers_ = 0;
  uint64_t events_ = 0;
  uint64_t hash_ = 0;
  bool tracing_ = false;
  uint64_t preempt_one_in_ = 0;
  int no_preemption_ = 0;
  std::string_view why_stopped_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::unordered_map<std::string, uint64_t> drawn_;
  std::vector<Fiber*> idle_;
  Fiber* current_ = nullptr;
  uint64_t fibers_ = 0;
  jmp_buf main_;
};

/// A lock of the world's own, for what a kernel holds while it waits for answers. Fair.
class FiberLock {
 public:
  void lock();
  void unlock();
  bool locked() const { return locked_; }

 private:
  bool locked_ = false;
  Signal free_;
};

class FiberGuard {
 public:
  explicit FiberGuard(FiberLock& lock) : lock_(&lock) { lock.lock(); }
  ~FiberGuard() { lock_->unlock(); }
  FiberGuard(const FiberGuard&) = delete;
  FiberGuard& operator=(const FiberGuard&) = delete;

 private:
  FiberLock* lock_;
};

uint64_t mix(uint64_t a, uint64_t b);

/// Ends the run: a promise was broken. `kind` is short and the same for the same sort of fault.
[[noreturn]] void violation(std::string_view kind, const std::string& text);
/// Where violation() goes; set by the runner.
using ViolationSink = void (*)(std::string_view kind, const std::string& text);
void set_violation_sink(ViolationSink sink);

}  // namespace penstock::sim
