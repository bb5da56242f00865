// SPDX-License-Identifier: Apache-2.0
#include "app/mount/mount_mark.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>
#include <system_error>

namespace penstock {
namespace {

namespace fs = std::filesystem;

/// What a dead mount has left is long since cleaned up, or nobody mounts that bucket any more.
constexpr std::chrono::hours longest_kept{24 * 30};

std::string random_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

/// Whether there is such a mark, and nobody holds it.
bool abandoned(const std::string& path) {
  const OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return fd && flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
}

void remove_old(const std::string& folder) {
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    std::error_code unreadable;
    const auto age = now - entry.last_write_time(unreadable);
    if (!unreadable && age > longest_kept && abandoned(entry.path()))
      fs::remove(entry.path(), unreadable);
  }
}

}  // namespace

MountMark::MountMark(const std::string& state_directory, const std::shared_ptr<Log>& log)
    : folder_(state_directory + "/mounts"), id_(random_id()) {
  std::error_code ignored;
  fs::create_directories(folder_, ignored);
  remove_old(folder_);
  const std::string path = folder_ + "/" + id_;
  fd_ = OwnedFd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd_ && flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) return;
  log->warning(
      "{} cannot be written ({}): after a crash another mount waits a minute before it "
      "finishes what this one had begun; see --state-dir",
      path, std::strerror(errno));
}

MountMark::~MountMark() {
  if (fd_) unlink((folder_ + "/" + id_).c_str());
}

MountIdentity MountMark::identity() const {
  return {.id = id_, .known_dead = [folder = folder_](const std::string& id) {
            // Names in a bucket may be anybody's.
            const bool is_id = !id.empty() && std::all_of(id.begin(), id.end(), [](char c) {
              return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            });
            return is_id && abandoned(folder + "/" + id);
          }};
}

}  // namespace penstock
