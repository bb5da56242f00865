// SPDX-License-Identifier: Apache-2.0
#include "store/dir/posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace penstock {
namespace {

Code code_of(int number) noexcept {
  switch (number) {
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::already_exists;
    case EACCES:
    case EPERM:
      return Code::access_denied;
    case ENOSPC:
    case EDQUOT:
      return Code::no_space;
    case EROFS:
      return Code::read_only;
    case ENAMETOOLONG:
      return Code::name_too_long;
    case EFBIG:
      return Code::too_large;
    case EXDEV:
      return Code::not_supported;
    case ENOTDIR:
      return Code::not_a_directory;
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ESTALE:
    case ENOLCK:
    case EAGAIN:
      return Code::unavailable;
    default:
      return Code::internal;
  }
}

// Read and write, for file systems that cannot copy inside the kernel.
Result<void> append_by_hand(int from, ByteRange range, int to, const std::string& key) {
  std::vector<std::byte> buffer(std::min<uint64_t>(range.length, 1 << 20));
  while (range.length > 0) {
    const size_t wanted = std::min<uint64_t>(buffer.size(), range.length);
    const ssize_t got = pread(from, buffer.data(), wanted, static_cast<off_t>(range.offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(errno, "reading the source", key);
    if (got == 0)
      return Error(Code::changed,
                   Error::Detail{.message = "the source became shorter", .key = key});
    const auto size = static_cast<size_t>(got);
    if (auto written = write_body(to, Body{{std::span(buffer).first(size)}, nullptr}, key);
        !written)
      return written;
    range.offset += size;
    range.length -= size;
  }
  return {};
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

Error errno_error(int number, std::string_view doing, const std::string& key) {
  std::array<char, 128> text{};
  // glibc's strerror_r, which may return a text of its own instead of filling the buffer.
  const char* reason = strerror_r(number, text.data(), text.size());
  return Error(code_of(number),
               Error::Detail{.message = fmt::format("{}: {}", doing, reason), .key = key});
}

Error key_error(Code code, const std::string& key, std::string message, std::string service_code) {
  return Error(code, Error::Detail{.message = std::move(message),
                                   .key = key,
                                   .service_code = std::move(service_code)});
}

bool is_no_such_path(int number) noexcept {
  return number == ENOENT || number == ENOTDIR || number == ELOOP || number == ENAMETOOLONG ||
         number == EINVAL;
}

Result<void> write_body(int file, const Body& body, const std::string& key) {
  constexpr size_t at_once = 64;
  std::vector<iovec> left;
  left.reserve(body.pieces.size());
  for (const auto& piece : body.pieces) {
    if (!piece.empty()) left.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
  }
  size_t next = 0;
  while (next < left.size()) {
    const auto count = static_cast<int>(std::min(at_once, left.size() - next));
    const ssize_t result = writev(file, &left[next], count);
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) return errno_error(errno, "writing the object", key);
    auto written = static_cast<size_t>(result);
    while (next < left.size() && written >= left[next].iov_len) written -= left[next++].iov_len;
    if (written > 0) {
      left[next].iov_base = static_cast<std::byte*>(left[next].iov_base) + written;
      left[next].iov_len -= written;
    }
  }
  return {};
}

Result<void> append_range(int from, ByteRange range, int to, const std::string& key) {
  while (range.length > 0) {
    auto offset = static_cast<off_t>(range.offset);
    const ssize_t copied =
        copy_file_range(from, &offset, to, nullptr, std::min<uint64_t>(range.length, 1 << 30), 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO)) {
      return errno_error(errno, "copying", key);
    }
    // 0 is the end of the file, or a file system that says so where it cannot copy: reading finds
    // out which.
    if (copied <= 0) return append_by_hand(from, range, to, key);
    range.offset += static_cast<uint64_t>(copied);
    range.length -= static_cast<uint64_t>(copied);
  }
  return {};
}

bool remove_tree(int parent, const std::string& name) {
  const int fd = openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT;
  DIR* folder = fdopendir(fd);
  if (folder == nullptr) {
    close(fd);
    return false;
  }
  while (const dirent* entry = readdir(folder)) {
    const std::string child = entry->d_name;
    if (child == "." || child == "..") continue;
    if (unlinkat(fd, child.c_str(), 0) != 0 && errno == EISDIR) remove_tree(fd, child);
  }
  closedir(folder);
  return unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
}

}  // namespace penstock
