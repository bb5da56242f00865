// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/disk_rate.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>

#include "app/owned_fd.h"

namespace penstock {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t piece_size = 1U << 20;
constexpr int most_pieces = 64;
constexpr std::chrono::seconds limit{1};
constexpr size_t alignment = 4096;

using Buffer = std::unique_ptr<std::byte, decltype(&std::free)>;

/// Bytes that a disk which compresses cannot make smaller.
Buffer make_buffer() {
  Buffer buffer(static_cast<std::byte*>(std::aligned_alloc(alignment, piece_size)), &std::free);
  if (buffer == nullptr) throw std::bad_alloc();
  uint64_t state = 0x9E3779B97F4A7C15;
  for (size_t at = 0; at < piece_size; at += sizeof state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(buffer.get() + at, &state, sizeof state);
  }
  return buffer;
}

/// Without a name; where the file system has no such files, one that loses it at once.
int open_nameless(const std::string& directory, int flags) {
  const int file = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  std::string name = directory + "/.penstock-doctor-XXXXXX";
  const int named = mkostemp(name.data(), O_CLOEXEC | flags);
  if (named >= 0) unlink(name.c_str());
  return named;
}

/// Bytes per second of up to `pieces` calls; `done` is how many there were. Negative: one failed.
double rate_of(int pieces, int& done, const std::function<ssize_t(off_t)>& call,
               const std::function<bool()>& finish) {
  const Clock::time_point begin = Clock::now();
  for (done = 0; done < pieces && Clock::now() - begin < limit; ++done) {
    if (call(static_cast<off_t>(done) * static_cast<off_t>(piece_size)) !=
        static_cast<ssize_t>(piece_size))
      return -1;
  }
  if (!finish()) return -1;
  const std::chrono::duration<double> time = Clock::now() - begin;
  return static_cast<double>(done) * piece_size / std::max(time.count(), 1e-9);
}

DiskRate measure(const OwnedFd& file, bool direct) {
  const Buffer buffer = make_buffer();
  DiskRate rate{.direct = direct, .problem = {}};
  int written = 0;
  rate.write = rate_of(
      most_pieces, written,
      [&](off_t at) { return pwrite(file.get(), buffer.get(), piece_size, at); },
      [&] { return fdatasync(file.get()) == 0; });
  if (rate.write < 0) {
    rate.problem = fmt::format("writing fails: {}", std::strerror(errno));
    return rate;
  }
  if (!direct) posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  int read = 0;
  rate.read = rate_of(
      written, read, [&](off_t at) { return pread(file.get(), buffer.get(), piece_size, at); },
      [] { return true; });
  if (rate.read < 0) rate.problem = fmt::format("reading fails: {}", std::strerror(errno));
  return rate;
}

}  // namespace

DiskRate measure_disk(const std::string& directory) {
  for (const bool direct : {true, false}) {
    const OwnedFd file(open_nameless(directory, direct ? O_DIRECT : 0));
    if (file.get() < 0 && direct) continue;
    if (file.get() < 0) {
      return {.problem =
                  fmt::format("no file can be made in {}: {}", directory, std::strerror(errno))};
    }
    DiskRate rate = measure(file, direct);
    // Some file systems take the flag and then not the writes.
    if (direct && !rate.problem.empty()) continue;
    return rate;
  }
  return {};
}

}  // namespace penstock
