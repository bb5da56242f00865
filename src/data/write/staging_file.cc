// SPDX-License-Identifier: Apache-2.0
#include "data/write/staging_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/core.h>

// Linux 5.14; older kernels refuse it, and the pages come in when they are used.
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace penstock {
namespace {

Error disk_error(const char* what, int error) {
  const Code code =
      error == ENOSPC || error == EDQUOT || error == EFBIG ? Code::no_space : Code::unavailable;
  return Error(code, fmt::format("{} staging file: {}", what, std::strerror(error)));
}

/// What O_DIRECT wants offsets, lengths and memory to be multiples of, on every disk.
constexpr uint64_t direct_alignment = 4096;
/// Of less than this the page cache makes fewer and larger writes.
constexpr uint64_t smallest_direct = 256ULL << 10;

std::string directory_or_default(const std::string& directory) {
  if (!directory.empty()) return directory;
  const char* chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
}

}  // namespace

uint64_t StagingFile::free_space(const std::string& directory) {
  struct statvfs disk {};
  if (statvfs(directory_or_default(directory).c_str(), &disk) != 0) return 0;
  return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
}

StagingFile::StagingFile(int descriptor)
    : descriptor_(descriptor),
      direct_(open(fmt::format("/proc/self/fd/{}", descriptor).c_str(),
                   O_RDWR | O_DIRECT | O_CLOEXEC)) {}

Result<std::shared_ptr<StagingFile>> StagingFile::create(const std::string& directory) {
  const std::string where = directory_or_default(directory);
  int descriptor = open(where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    // Some filesystems (overlays, network) know no nameless files.
    std::string name = where + "/penstock-XXXXXX";
    descriptor = mkostemp(name.data(), O_CLOEXEC);
    if (descriptor >= 0) unlink(name.c_str());
  }
  if (descriptor < 0) return disk_error(fmt::format("cannot make in '{}' a", where).c_str(), errno);
  return std::make_shared<StagingFile>(descriptor);
}

StagingFile::~StagingFile() {
  if (direct_ >= 0) close(direct_);
  close(descriptor_);
}

Result<void> StagingFile::write(uint64_t offset, std::span<const std::byte> data) {
  const uint64_t whole = data.size() / direct_alignment * direct_alignment;
  const bool aligned = (offset | reinterpret_cast<uintptr_t>(data.data())) % direct_alignment == 0;
  if (direct_ < 0 || !aligned || whole < smallest_direct)
    return write_to(descriptor_, offset, data);
  Result<void> written = write_to(direct_, offset, data.first(whole));
  if (!written) return written;
  return write_to(descriptor_, offset + whole, data.subspan(whole));
}

Result<void> StagingFile::write_to(int descriptor, uint64_t offset,
                                   std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written =
        pwrite(descriptor, data.data(), data.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return disk_error("cannot write the", written < 0 ? errno : ENOSPC);
    offset += static_cast<uint64_t>(written);
    data = data.subspan(static_cast<size_t>(written));
  }
  return {};
}

Result<void> StagingFile::read(uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got = pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return disk_error("cannot read the", got < 0 ? errno : EIO);
    offset += static_cast<uint64_t>(got);
    out = out.subspan(static_cast<size_t>(got));
  }
  return {};
}

Result<StagingFile::Mapping> StagingFile::map(ByteRange range) const {
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t start = range.offset / page * page;
  const uint64_t length = range.end() - start;
  void* memory =
      mmap(nullptr, length, PROT_READ, MAP_SHARED, descriptor_, static_cast<off_t>(start));
  if (memory == MAP_FAILED) return disk_error("cannot map the", errno);
  const std::shared_ptr<const void> owner(memory,
                                          [length](void* mapped) { munmap(mapped, length); });
  while (madvise(memory, length, MADV_POPULATE_READ) != 0) {
    if (errno == EINTR || errno == EAGAIN) continue;
    if (errno == EFAULT || errno == EIO || errno == EHWPOISON)
      return disk_error("cannot read the", EIO);
    break;
  }
  return Mapping{{static_cast<const std::byte*>(memory) + (range.offset - start), range.length},
                 owner};
}

}  // namespace penstock
