// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/object_store.h"
#include "penstock/result.h"

namespace penstock {

/// A file descriptor and the duty to close it.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  explicit operator bool() const noexcept { return fd_ >= 0; }
  int get() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

/// The Error for an errno value; `doing` says what failed ("writing the object").
Error errno_error(int number, std::string_view doing, const std::string& key);

/// An Error about `key`; `service_code` is what S3 calls it, where callers ask for that.
Error key_error(Code code, const std::string& key, std::string message,
                std::string service_code = {});

/// True for the errno values that say that a path leads to nothing, or cannot exist in this file
/// system.
bool is_no_such_path(int number) noexcept;

/// Writes all of `body` at the file's position.
Result<void> write_body(int file, const Body& body, const std::string& key);

/// Appends `range` of `from` to `to`, inside the kernel where it can. Code::changed if `from` ends
/// before.
Result<void> append_range(int from, ByteRange range, int to, const std::string& key);

/// Removes the folder `name` in `parent` with all that is in it; false if something is left.
bool remove_tree(int parent, const std::string& name);

}  // namespace penstock
