// SPDX-License-Identifier: Apache-2.0
#include "simulation/world.h"

#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace penstock::sim {
namespace {

constexpr size_t stack_size = 256 << 10;
ViolationSink violation_sink = nullptr;

uint64_t hash_text(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

struct Fiber {
  uint64_t number = 0;
  GroupPtr group;
  std::shared_ptr<Callback<void()>> work;
  jmp_buf where;
  ucontext_t first;
  ucontext_t back;
  bool begun = false;
  bool finished = false;
  int held = 0;

  void begin() {
    void* stack = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) std::abort();
    getcontext(&first);
    first.uc_stack.ss_sp = stack;
    first.uc_stack.ss_size = stack_size;
    first.uc_link = nullptr;
    makecontext(&first, reinterpret_cast<void (*)()>(loop), 0);
  }
  /// Runs one piece of work after the other, on the same stack.
  static void loop() {
    while (true) {
      Fiber& self = *World::get().current_;
      (*self.work)();
      self.work.reset();
      self.finished = true;
      World::get().suspend();
    }
  }
};

World* World::instance_ = nullptr;

World::World(uint64_t seed) : seed_(seed) {
  instance_ = this;
  // The standard library leaves out what one thread does not need, and fibers do.
  __libc_single_threaded = 0;
}

uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t x = a + 0x9e3779b97f4a7c15ULL * (b + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

uint64_t World::draw(std::string_view kind) {
  const auto [it, added] = drawn_.try_emplace(std::string(kind), 0);
  return mix(mix(seed_, hash_text(kind)), it->second++);
}

Nanos World::between(std::string_view kind, Nanos least, Nanos most) {
  if (most <= least) return least;
  return least + static_cast<Nanos>(draw(kind) % static_cast<uint64_t>(most - least + 1));
}

void World::push(Nanos when, Fiber* fiber, std::shared_ptr<Callback<void()>> work, GroupPtr group) {
  queue_.push({std::max(when, now_), ++numbers_, fiber, std::move(work), std::move(group)});
}

void World::at(Nanos when, const GroupPtr& group, Callback<void()> work) {
  push(when, nullptr, std::make_shared<Callback<void()>>(std::move(work)), group);
}

const GroupPtr& World::group() const { return current_->group; }
uint64_t World::fiber_number() const { return current_ == nullptr ? 0 : current_->number; }
int World::held() const { return current_ == nullptr ? 0 : current_->held; }

void World::sleep(Nanos delay) {
  push(now_ + delay, current_, nullptr, current_->group);
  suspend();
}

void World::wait(Signal& signal) {
  signal.waiting.push_back(current_);
  suspend();
}

void World::wake_one(Signal& signal) {
  if (signal.waiting.empty()) return;
  Fiber* fiber = signal.waiting.front();
  signal.waiting.pop_front();
  push(now_ + between("wake", 0, 20 * microsecond), fiber, nullptr, fiber->group);
}

void World::wake_all(Signal& signal) {
  while (!signal.waiting.empty()) wake_one(signal);
}

void World::mutex_locked(const void*) {
  if (current_ != nullptr) ++current_->held;
}

void World::mutex_unlocked(const void*) {
  if (current_ == nullptr) return;
  --current_->held;
  if (current_->held != 0 || no_preemption_ != 0 || !chance("preempt", preempt_one_in_)) return;
  // Mostly for a moment, sometimes long enough for answers of the store to come between.
  const bool longer = chance("preempt long", 8);
  sleep(between("preempt time", 0, longer ? 20 * millisecond : 50 * microsecond));
}

void World::check_unlocked(std::string_view what) {
  if (held() != 0)
    violation("under a lock", fmt::format("{} is called by code that holds a Mutex", what));
}

// Nothing but _setjmp changes stacks: it saves no signal mask, which would be a system call.
void World::resume(Fiber& fiber) {
  current_ = &fiber;
  if (_setjmp(main_) == 0) {
    if (!fiber.begun) {
      fiber.begun = true;
      swapcontext(&fiber.back, &fiber.first);
    } else {
      _longjmp(fiber.where, 1);
    }
  }
  current_ = nullptr;
  if (fiber.finished) {
    fiber.finished = false;
    if (fiber.held != 0) violation("lock kept", "work ended and still holds a Mutex");
    idle_.push_back(&fiber);
  }
}

void World::suspend() {
  Fiber& self = *current_;
  if (_setjmp(self.where) == 0) _longjmp(main_, 1);
}

void World::dispatch(Event event) {
  now_ = event.when;
  ++events_;
  hash_ = mix(hash_, mix(static_cast<uint64_t>(event.when), event.number));
  if (event.resume != nullptr) return resume(*event.resume);
  Fiber* fiber = nullptr;
  if (idle_.empty()) {
    fiber = new Fiber;
    fiber->begin();
  } else {
    fiber = idle_.back();
    idle_.pop_back();
  }
  fiber->number = ++fibers_;
  fiber->group = std::move(event.group);
  fiber->work = std::move(event.work);
  resume(*fiber);
}

bool World::run(Callback<bool()> finished, Nanos until, uint64_t events) {
  const uint64_t last = events_ + events;
  while (!finished()) {
    if (queue_.empty()) {
      why_stopped_ = "nothing is left to run";
      return false;
    }
    if (queue_.top().when > until) {
      why_stopped_ = "too much time has passed";
      return false;
    }
    if (events_ >= last) {
      why_stopped_ = "too much has happened (a livelock?)";
      return false;
    }
    Event event = queue_.top();
    queue_.pop();
    if (event.group != nullptr && !event.group->alive) {
      // What belonged to a process that was killed is not destroyed either.
      new std::shared_ptr<Callback<void()>>(std::move(event.work));
      continue;
    }
    dispatch(std::move(event));
  }
  return true;
}

void World::print(const std::string& line) {
  std::string text =
      fmt::format("{:11.6f} {:>3} {}\n", static_cast<double>(now_) / 1e9, fiber_number(), line);
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) std::abort();
}

void FiberLock::lock() {
  // The lock is handed over, so that nobody comes between.
  if (!std::exchange(locked_, true)) return;
  World::get().wait(free_);
}

void FiberLock::unlock() {
  if (free_.waiting.empty()) {
    locked_ = false;
  } else {
    World::get().wake_one(free_);
  }
}

void set_violation_sink(ViolationSink sink) { violation_sink = sink; }

void violation(std::string_view kind, const std::string& text) {
  if (violation_sink != nullptr) violation_sink(kind, text);
  fmt::print(stderr, "violation: {}: {}\n", kind, text);
  std::fflush(nullptr);
  _exit(2);
}

}  // namespace penstock::sim
