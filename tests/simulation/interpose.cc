// SPDX-License-Identifier: Apache-2.0
//
// What the program is linked with in place of the system's locks, clocks and chance (--wrap in
// CMakeLists.txt): so the code under test is the very same objects that penstock consists of.
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <random>
#include <unordered_map>

#include "base/mutex.h"
#include "simulation/world.h"

namespace {

using penstock::sim::Nanos;
using penstock::sim::Signal;
using penstock::sim::World;

/// The wall clock when a world begins: some day in 2033.
constexpr Nanos epoch = 2'000'000'000'000'000'000;
/// The boot clock, and the monotonic one, then.
constexpr Nanos booted = 100'000'000'000'000;

std::unordered_map<const void*, Signal>& signals() {
  static auto* all = new std::unordered_map<const void*, Signal>;
  return *all;
}

Nanos virtual_now() { return World::exists() ? World::get().now() : 0; }

Nanos wall_now() {
  const Nanos skew =
      World::exists() && World::get().in_fiber() ? World::get().group()->wall_skew : 0;
  return epoch + virtual_now() + skew;
}

bool simulated() { return World::exists() && World::get().in_fiber(); }

}  // namespace

// The linker gives the names: --wrap=f makes f __wrap_f, and what was f is __real_f. Some are those
// of C++'s own functions, which return classes.
#ifdef __clang__
#pragma clang diagnostic ignored "-Wreserved-identifier"
#pragma clang diagnostic ignored "-Wreturn-type-c-linkage"
#endif

extern "C" {

int __real_pthread_mutex_lock(pthread_mutex_t* mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t* mutex);
int __real_pthread_mutex_trylock(pthread_mutex_t* mutex);
pthread_t __real_pthread_self();
int __real_clock_gettime(clockid_t clock, timespec* time);

int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) {
  if (!simulated()) return __real_pthread_mutex_lock(mutex);
  if (__real_pthread_mutex_trylock(mutex) == EBUSY) {
    // Nobody is preempted who holds a lock: it is this very fiber's.
    penstock::sim::violation("locked twice", "a Mutex is locked by the thread that holds it");
  }
  World::get().mutex_locked(mutex);
  return 0;
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t* mutex) {
  const int result = __real_pthread_mutex_trylock(mutex);
  if (result == 0 && simulated()) World::get().mutex_locked(mutex);
  return result;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t* mutex) {
  const int result = __real_pthread_mutex_unlock(mutex);
  if (simulated()) World::get().mutex_unlocked(mutex);
  return result;
}

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
/// Of these the futex of std::counting_semaphore, which std::stop_token waits on, and the question
/// whether a thread is a process: every program of the simulation is one.
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
  if (number == SYS_tgkill && simulated()) return 0;
  if (number != SYS_futex || !simulated()) return __real_syscall(number, a, b, c, d, e, f);
  if ((b & FUTEX_CMD_MASK) == FUTEX_WAIT) World::get().sleep(10 * penstock::sim::microsecond);
  return 0;
}

/// std::stop_token tells threads apart by it.
pthread_t __wrap_pthread_self() {
  return simulated() ? static_cast<pthread_t>(World::get().fiber_number()) : __real_pthread_self();
}

int __wrap_clock_gettime(clockid_t clock, timespec* time) {
  if (!World::exists()) return __real_clock_gettime(clock, time);
  const Nanos now = clock == CLOCK_REALTIME ? wall_now() : booted + virtual_now();
  time->tv_sec = now / penstock::sim::second;
  time->tv_nsec = now % penstock::sim::second;
  return 0;
}

/// None is a thread of the kernel.
pid_t __wrap_getpgid(pid_t process) { return process; }

int __wrap_nanosleep(const timespec* time, timespec*) {
  World::get().sleep(time->tv_sec * penstock::sim::second + time->tv_nsec);
  return 0;
}

// std::chrono::system_clock::now()
std::chrono::system_clock::time_point __wrap__ZNSt6chrono3_V212system_clock3nowEv() {
  return std::chrono::system_clock::time_point(std::chrono::nanoseconds(wall_now()));
}

// std::chrono::steady_clock::now()
std::chrono::steady_clock::time_point __wrap__ZNSt6chrono3_V212steady_clock3nowEv() {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(booted + virtual_now()));
}

// std::random_device::_M_getval()
unsigned __wrap__ZNSt13random_device9_M_getvalEv(std::random_device*) {
  if (!simulated()) return 4;
  return static_cast<unsigned>(World::get().draw("random " + World::get().group()->name));
}

// std::condition_variable::wait(std::unique_lock<std::mutex>&)
void __wrap__ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE(
    std::condition_variable* condition, std::unique_lock<std::mutex>* lock) {
  Signal& signal = signals()[condition];
  {
    const World::Atomic together;
    lock->mutex()->unlock();
  }
  // Who waits keeps its thread, and with it the count of locks, from others: a fiber does not.
  penstock::HeldLocks::given_back();
  World::get().wait(signal);
  penstock::HeldLocks::taken();
  lock->mutex()->lock();
}

// std::condition_variable::notify_one(), notify_all()
void __wrap__ZNSt18condition_variable10notify_oneEv(std::condition_variable* condition) noexcept {
  const auto found = signals().find(condition);
  if (found != signals().end()) World::get().wake_one(found->second);
}
void __wrap__ZNSt18condition_variable10notify_allEv(std::condition_variable* condition) noexcept {
  const auto found = signals().find(condition);
  if (found != signals().end()) World::get().wake_all(found->second);
}

// std::__atomic_futex_unsigned_base: what std::future waits on.
bool __wrap__ZNSt28__atomic_futex_unsigned_base19_M_futex_wait_untilEPjjbNSt6chrono8durationIlSt5ratioILl1ELl1EEEENS2_IlS3_ILl1ELl1000000000EEEE(
    void*, unsigned* address, unsigned value, bool, std::chrono::seconds,
    std::chrono::nanoseconds) {
  while (__atomic_load_n(address, __ATOMIC_ACQUIRE) == value)
    World::get().sleep(penstock::sim::millisecond);
  return true;
}

}  // extern "C"
