// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <new>
#include <optional>
#include <utility>

#include "penstock/callback.h"
#include "penstock/error.h"

namespace penstock {

/// Ends the process: a Result was asked for what it has not.
[[noreturn]] void result_lacks(const char* what) noexcept;

/// A value or the Error that prevented it. The names are those of std::expected, which gcc 12 has
/// only in C++23. Asking for the one that is not there is a bug of the caller and ends the process.
///
/// A union of its own: std::variant in its place is a seventh of the compiler's time for src/data.
template <typename T>
class [[nodiscard]] Result {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): `return value;` and `return error;` are the point.
  Result(T value) : value_(std::move(value)), has_value_(true) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)), has_value_(false) {}
  Result(const Result& other) requires(std::copy_constructible<T>) : has_value_(other.has_value_) {
    if (has_value_) {
      new (&value_) T(other.value_);
    } else {
      new (&error_) Error(other.error_);
    }
  }
  Result(Result&& other) noexcept : has_value_(other.has_value_) { take(other); }
  Result& operator=(const Result& other) requires(std::copy_constructible<T>) {
    return *this = Result(other);
  }
  Result& operator=(Result&& other) noexcept {
    if (this == &other) return *this;
    clear();
    has_value_ = other.has_value_;
    take(other);
    return *this;
  }
  ~Result() { clear(); }

  bool has_value() const noexcept { return has_value_; }
  explicit operator bool() const noexcept { return has_value_; }

  T& value() & {
    if (!has_value_) result_lacks("value");
    return value_;
  }
  const T& value() const& {
    if (!has_value_) result_lacks("value");
    return value_;
  }
  T&& value() && { return std::move(value()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    if (has_value_) result_lacks("error");
    return error_;
  }
  /// The error's code; only where has_value() is false.
  Code code() const { return error().code(); }

 private:
  /// What `other` has, moved to where nothing is yet.
  void take(Result& other) noexcept {
    if (has_value_) {
      new (&value_) T(std::move(other.value_));
    } else {
      new (&error_) Error(std::move(other.error_));
    }
  }
  void clear() noexcept {
    if (has_value_) {
      value_.~T();
    } else {
      error_.~Error();
    }
  }

  union {
    T value_;
    Error error_;
  };
  bool has_value_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const noexcept { return !error_; }
  explicit operator bool() const noexcept { return has_value(); }
  const Error& error() const {
    if (!error_) result_lacks("error");
    return *error_;
  }
  Code code() const { return error().code(); }

 private:
  std::optional<Error> error_;
};

/// A continuation for an operation that may fail. Called exactly once, on a thread that the
/// operation documents, with no lock of the callee held. It must not block.
template <typename T>
using Done = Callback<void(Result<T>)>;

}  // namespace penstock
