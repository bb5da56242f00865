// SPDX-License-Identifier: Apache-2.0
#include "store/dir/sidecar.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include "base/wall_clock.h"
#include "store/dir/file_tags.h"
#include "store/dir/posix.h"

namespace penstock {

std::string sidecar_name(const struct stat& status) {
  return fmt::format("{:x}.{:x}", status.st_ino, to_ns(status.st_mtim));
}

Metadata read_sidecar(int folder, const struct stat& status) {
  constexpr off_t max_size = 1 << 20;
  const Fd file(openat(folder, sidecar_name(status).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat own {};
  if (!file || fstat(file.get(), &own) != 0 || own.st_size > max_size) return {};
  std::string bytes(static_cast<size_t>(own.st_size), '\0');
  const ssize_t got = pread(file.get(), bytes.data(), bytes.size(), 0);
  if (got != own.st_size) return {};
  return decode_metadata(bytes).value_or(Metadata());
}

}  // namespace penstock
