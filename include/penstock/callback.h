// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "penstock/held_locks.h"

namespace penstock {

template <typename Signature>
class Callback;

/// A move-only function: what std::move_only_function is in C++23 (the project builds as C++20).
///
/// Unlike std::function it can own move-only state (a reply, a reservation, another Callback),
/// which is what continuations are made of. Calling an empty one is undefined. Not thread-safe by
/// itself. One that returns nothing is a continuation: it is called with no Mutex held, which
/// tests check.
template <typename R, typename... Args>
class Callback<R(Args...)> {
 public:
  Callback() noexcept = default;
  // NOLINTNEXTLINE(google-explicit-constructor): null is the empty callback, as for std::function.
  Callback(std::nullptr_t) noexcept {}

  template <typename F>
  requires(!std::same_as<std::remove_cvref_t<F>, Callback> && std::is_invocable_r_v<R, F&, Args...>)
      // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): never for a Callback, see above.
      Callback(F&& function)
      : target_(new Holder<std::remove_cvref_t<F>>(std::forward<F>(function))) {}

  Callback(Callback&& other) noexcept : target_(other.target_) { other.target_ = nullptr; }
  Callback& operator=(Callback&& other) noexcept {
    Target* const before = target_;
    target_ = other.target_;
    other.target_ = before;
    if (&other != this) other.clear();
    return *this;
  }
  ~Callback() { clear(); }

  explicit operator bool() const noexcept { return target_ != nullptr; }

  R operator()(Args... args) {
    if constexpr (std::is_void_v<R>) HeldLocks::expect_none();
    return target_->call(*target_, static_cast<Args&&>(args)...);
  }

 private:
  /// What is owned, with the two things that are done to it. Not a class with virtual functions
  /// held by a std::unique_ptr: there is one of these for each of two thousand lambdas, and that
  /// took the compiler a third of its time.
  struct Target {
    R (*call)(Target& self, Args&&... args);
    void (*destroy)(Target* self) noexcept;
  };

  template <typename F>
  struct Holder : Target {
    explicit Holder(F&& given) : Target{&call_it, &destroy_it}, function(static_cast<F&&>(given)) {}
    explicit Holder(const F& given) : Target{&call_it, &destroy_it}, function(given) {}
    static R call_it(Target& self, Args&&... args) {
      return static_cast<Holder&>(self).function(static_cast<Args&&>(args)...);
    }
    static void destroy_it(Target* self) noexcept { delete static_cast<Holder*>(self); }
    F function;
  };

  void clear() noexcept {
    Target* const owned = target_;
    target_ = nullptr;
    if (owned != nullptr) owned->destroy(owned);
  }

  Target* target_ = nullptr;
};

}  // namespace penstock
