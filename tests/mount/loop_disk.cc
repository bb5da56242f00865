// SPDX-License-Identifier: Apache-2.0
#include "mount/loop_disk.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

void run(std::vector<std::string> arguments, const std::string& log) {
  if (arguments[0] != "/sbin/mkfs" && geteuid() != 0)
    arguments.insert(arguments.begin(), {"/usr/bin/sudo", "-n"});
  if (wait_for_exit(spawn(arguments, {}, log), 60) != 0)
    throw std::runtime_error(arguments[0] + ": " + read_file(log));
}

struct statvfs space_of(const fs::path& path) {
  struct statvfs space {};
  if (statvfs(path.c_str(), &space) != 0)
    throw std::system_error(errno, std::generic_category(), path.string());
  return space;
}

std::array<int, 2> new_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  return ends;
}

}  // namespace

LoopDisk::LoopDisk(const std::string& type, uint64_t bytes) : path_(folder_.path() / "disk") {
  const fs::path image = folder_.path() / "image";
  const std::string log = folder_.path() / "log";
  write_file(image, "");
  fs::resize_file(image, bytes);
  fs::create_directory(path_);
  run({"/sbin/mkfs", "-t", type, "-q", image.string()}, log);
  run({"/bin/mount", "-t", type, "-o", "loop", image.string(), path_.string()}, log);
  if (geteuid() != 0) run({"/bin/chown", std::to_string(geteuid()), path_.string()}, log);
}

LoopDisk::~LoopDisk() {
  // A daemon that hangs must not keep it: what it has open keeps the disk alive, but no name.
  try {
    run({"/bin/umount", "-l", path_.string()}, folder_.path() / "log");
  } catch (const std::exception&) {
    // scripts/test says that something is left mounted.
  }
}

uint64_t LoopDisk::size() const {
  const struct statvfs space = space_of(path_);
  return space.f_blocks * space.f_frsize;
}

uint64_t LoopDisk::available() const {
  const struct statvfs space = space_of(path_);
  return space.f_bavail * space.f_frsize;
}

void LoopDisk::fill(uint64_t left) const {
  const fs::path filling = path_ / "filling";
  const int fd = open(filling.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), filling.string());
  off_t end = 0;
  // File systems keep some of what they call free for themselves: less and less is asked for.
  for (off_t step = 16 << 20; step >= 4096;) {
    if (posix_fallocate(fd, end, step) == 0) {
      end += step;
    } else {
      step /= 2;
    }
  }
  const off_t kept = end > static_cast<off_t>(left) ? end - static_cast<off_t>(left) : 0;
  const bool cut = ftruncate(fd, kept) == 0 && fsync(fd) == 0;
  close(fd);
  if (!cut) throw std::system_error(errno, std::generic_category(), filling.string());
}

FrozenDisk::FrozenDisk(const LoopDisk& disk, int limit_s) {
  // Not stopped by what stops the test's process group, for then nobody would thaw the disk.
  const std::string script =
      "trap '' INT TERM HUP; fsfreeze -f \"$0\" && echo frozen && "
      "{ read -rt \"$1\"; fsfreeze -u \"$0\"; }";
  std::vector<std::string> words = {"/bin/bash", "-c", script, disk.path().string(),
                                    std::to_string(limit_s)};
  if (geteuid() != 0) words.insert(words.begin(), {"/usr/bin/sudo", "-n"});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const std::array<int, 2> hold = new_pipe();
  const std::array<int, 2> state = new_pipe();
  const pid_t between = fork();
  if (between == 0) {
    // A child of nobody here: who kills the test's children lets it be.
    if (setsid() < 0 || fork() != 0) _exit(0);
    if (dup2(hold[0], 0) == 0 && dup2(state[1], 1) == 1) execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(hold[0]);
  close(state[1]);
  hold_ = hold[1];
  state_ = state[0];
  waitpid(between, nullptr, 0);
  char first = 0;
  if (between < 0 || read(state_, &first, 1) != 1) {
    thaw();
    throw std::runtime_error("the disk cannot be frozen");
  }
}

bool FrozenDisk::still() const {
  // What it has said, and then its end.
  std::array<char, 16> said{};
  pollfd waits{.fd = state_, .events = POLLIN, .revents = 0};
  while (poll(&waits, 1, 0) == 1)
    if (read(state_, said.data(), said.size()) <= 0) return false;
  return true;
}

void FrozenDisk::thaw() {
  if (hold_ < 0) return;
  close(hold_);
  hold_ = -1;
  std::array<char, 16> said{};
  while (read(state_, said.data(), said.size()) > 0) {
  }
  close(state_);
}

void LoopDisk::use_up_inodes() const {
  const fs::path folder = path_ / "inodes";
  fs::create_directory(folder);
  for (int i = 0;; ++i) {
    const int fd = open((folder / std::to_string(i)).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ENOSPC) return;
    if (fd < 0) throw std::system_error(errno, std::generic_category(), folder.string());
    close(fd);
  }
}

}  // namespace penstock::test
