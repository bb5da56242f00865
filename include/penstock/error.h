// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace penstock {

/// What went wrong, in the few ways that a caller acts on differently. Every store translates its
/// own errors to these once; frontend/errno.cc translates these to an errno once.
enum class Code : uint8_t {
  not_found,       ///< The key, bucket or upload does not exist.
  already_exists,  ///< Refused by If-None-Match, or a name that is taken.
  changed,         ///< The object is no longer the version that was asked for (If-Match failed).
  access_denied,   ///< Credentials are missing, wrong, expired for good, or not allowed to do this.
  throttled,       ///< The server asks to slow down (503 SlowDown, 429). Worth trying again.
  timed_out,       ///< No answer, or no progress, within the limit. Worth trying again.
  unavailable,     ///< Connection failures and 5xx. Worth trying again.
  corrupt,    ///< Bytes or an answer that contradict themselves (checksum, length, malformed XML).
  no_space,   ///< The store's quota, or a local disk, is full.
  read_only,  ///< The mount or the store does not take writes.
  invalid_argument,  ///< The request can never work as it is (bad name, bad range, refused
                     ///< parameters).
  not_supported,     ///< This store cannot do that at all.
  not_a_directory,   ///< A path component is a file.
  is_a_directory,    ///< A file operation met a directory.
  not_empty,         ///< A directory that should be empty is not.
  name_too_long,     ///< A name over 255 bytes or a key over 1,024 bytes.
  too_large,         ///< Beyond the largest size an object may have.
  bad_handle,        ///< A handle that was not opened for this.
  not_permitted,     ///< Refused whatever the rights: a hard link, a read-only attribute.
  archived,          ///< The object is in an archive class and must be restored before it is read.
  being_restored,    ///< Likewise, and its restoration has been asked for.
  no_attribute,      ///< The file has no extended attribute of this name.
  interrupted,       ///< The waiting program was interrupted by a signal.
  cancelled,         ///< The caller asked to stop (shutdown, abandoned work).
  internal,          ///< A bug in Penstock or a library: should not happen, never hidden.
};

/// The code's name in the source, for logs and tests. Never fails.
std::string_view to_string(Code code) noexcept;

/// True for the codes that a later try of the same request may turn into a success.
constexpr bool is_retryable(Code code) noexcept {
  return code == Code::throttled || code == Code::timed_out || code == Code::unavailable ||
         code == Code::corrupt;
}

/// A failure: its code, and for people what happened to which key in which request. Cheap to move,
/// copyable (several waiters of one fetch each get it).
class Error {
 public:
  struct Detail {
    std::string message;     ///< One sentence: what went wrong; without the key.
    std::string key;         ///< The object's key, where one was involved.
    std::string request_id;  ///< The server's request id, for its operators.
    std::string
        service_code;     ///< The server's own word for it ("NoSuchUpload"), where it gave one.
    int http_status = 0;  ///< 0 where no HTTP answer was received.
    int64_t retry_after_ms = 0;  ///< What the server asked for (Retry-After), 0 if nothing.
  };

  explicit Error(Code code) : code_(code) {}
  Error(Code code, std::string message) : Error(code, Detail{.message = std::move(message)}) {}
  Error(Code code, Detail detail)
      : code_(code), detail_(std::make_shared<const Detail>(std::move(detail))) {}

  Code code() const noexcept { return code_; }
  /// Never null-like: an Error without detail has an empty one.
  const Detail& detail() const noexcept;
  std::string_view message() const noexcept { return detail().message; }

  /// "not_found: no such key (key 'a/b', HTTP 404, NoSuchKey, request 4F2A)", for logs.
  std::string describe() const;

  /// The same failure under another code, for a layer that knows better what it means.
  Error with_code(Code code) const;

 private:
  Code code_;
  std::shared_ptr<const Detail> detail_;
};

}  // namespace penstock
