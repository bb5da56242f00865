// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <variant>

#include "penstock/callback.h"
#include "penstock/error.h"

namespace penstock {

/// A value or the Error that prevented it. The names are those of std::expected, which gcc 12 has
/// only in C++23. Asking for the one that is not there is undefined (it throws
/// std::bad_variant_access).
template <typename T>
class [[nodiscard]] Result {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): `return value;` and `return error;` are the point.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const { return std::get<1>(state_); }
  /// The error's code; only where has_value() is false.
  Code code() const { return error().code(); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  const Error& error() const { return std::get<1>(state_); }
  Code code() const { return error().code(); }

 private:
  std::variant<std::monostate, Error> state_;
};

/// A continuation for an operation that may fail. Called exactly once, on a thread that the
/// operation documents, with no lock of the callee held. It must not block.
template <typename T>
using Done = Callback<void(Result<T>)>;

}  // namespace penstock
