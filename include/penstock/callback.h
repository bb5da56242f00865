// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <memory>
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
      : target_(std::make_unique<Holder<std::remove_cvref_t<F>>>(std::forward<F>(function))) {}

  Callback(Callback&&) noexcept = default;
  Callback& operator=(Callback&&) noexcept = default;

  explicit operator bool() const noexcept { return target_ != nullptr; }

  R operator()(Args... args) {
    if constexpr (std::is_void_v<R>) HeldLocks::expect_none();
    return target_->call(std::forward<Args>(args)...);
  }

 private:
  struct Target {
    virtual ~Target() = default;
    /// Calls what the Callback owns; only the Callback does.
    virtual R call(Args... args) = 0;
  };

  template <typename F>
  struct Holder final : Target {
    explicit Holder(F&& f) : function(std::move(f)) {}
    explicit Holder(const F& f) : function(f) {}
    R call(Args... args) override { return function(std::forward<Args>(args)...); }
    F function;
  };

  std::unique_ptr<Target> target_;
};

}  // namespace penstock
