// SPDX-License-Identifier: Apache-2.0
#include "cache/usage_file.h"

#include <fcntl.h>
#include <sys/file.h>

namespace penstock {

int change_usage(const std::shared_ptr<Disk>& disk, const std::string& path,
                 const UsageChange& change, Usage& now) {
  // Opened anew each time: the directory may have been replaced meanwhile.
  const DiskFile file = open_file(disk, path, O_RDWR | O_CREAT | O_NOFOLLOW);
  if (!file) return file.get();
  if (const int result = file.try_lock_soon(LOCK_EX); result != 0) return result;
  UsageBytes bytes;
  const int64_t count = file.pread(bytes, 0);
  if (count < 0) return static_cast<int>(count);
  const std::optional<Usage> before =
      count == static_cast<int64_t>(bytes.size()) ? decode_usage(bytes) : std::nullopt;
  const Usage after = change(before);
  if (const int result = file.pwrite(encode_usage(after), 0); result != 0) return result;
  now = after;
  return 0;
}

}  // namespace penstock
