// SPDX-License-Identifier: Apache-2.0
#include "app/unmount.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <system_error>

#include "app/mount_table.h"
#include "app/owned_fd.h"

namespace penstock {
namespace {

using Kind = UnmountOutcome::Kind;

struct Ran {
  int status = 0;  ///< As waitpid gives it.
  std::string output;
};

/// Runs `arguments` and collects what it writes to standard error. Nothing if it cannot be started
/// (errno).
std::optional<Ran> run_program(std::vector<std::string> arguments) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  OwnedFd reader(ends[0]);
  OwnedFd writer(ends[1]);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  writer.reset();
  if (error != 0) {
    errno = error;
    return std::nullopt;
  }
  Ran ran;
  std::array<char, 1024> piece{};
  while (true) {
    const ssize_t got = read(reader.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    ran.output.append(piece.data(), static_cast<size_t>(got));
  }
  while (waitpid(pid, &ran.status, 0) < 0 && errno == EINTR) {
  }
  while (ran.output.ends_with('\n')) ran.output.pop_back();
  return ran;
}

UnmountOutcome busy(const std::string& mountpoint) {
  return {Kind::busy, fmt::format("{} is busy: programs use files there", mountpoint)};
}

UnmountOutcome unmount_as_root(const std::string& mountpoint, bool lazy) {
  if (umount2(mountpoint.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return {};
  if (errno == EBUSY) return busy(mountpoint);
  return {Kind::failed, fmt::format("cannot unmount {}: {}", mountpoint, std::strerror(errno))};
}

UnmountOutcome unmount_as_user(const std::string& mountpoint, bool lazy) {
  const std::optional<Ran> ran =
      run_program({"fusermount3", lazy ? "-uz" : "-u", "--", mountpoint});
  if (!ran) {
    return {Kind::failed,
            fmt::format(
                "cannot unmount {}: fusermount3 cannot be started ({}); install the package fuse3",
                mountpoint, std::strerror(errno))};
  }
  if (WIFEXITED(ran->status) && WEXITSTATUS(ran->status) == 0) return {};
  if (ran->output.find("busy") != std::string::npos) return busy(mountpoint);
  return {Kind::failed, fmt::format("cannot unmount {}: {}", mountpoint, ran->output)};
}

/// True where one of the links that /proc keeps of a process points below the mountpoint. Following
/// none of them, it does not touch the mount.
bool uses(const std::filesystem::path& process, const std::string& mountpoint) {
  const auto points_there = [&](const std::filesystem::path& link) {
    std::error_code hidden;
    const std::string target = std::filesystem::read_symlink(link, hidden).string();
    return !hidden && is_inside(target, mountpoint);
  };
  if (points_there(process / "cwd") || points_there(process / "root") ||
      points_there(process / "exe"))
    return true;
  std::error_code hidden;
  std::filesystem::directory_iterator files(process / "fd", hidden);
  for (; !hidden && files != std::filesystem::directory_iterator(); files.increment(hidden)) {
    if (points_there(files->path())) return true;
  }
  return false;
}

std::filesystem::path folder_of(const std::string& proc, pid_t pid) {
  return std::filesystem::path(proc) / std::to_string(pid);
}

/// All of them, in the order of their numbers.
std::vector<MountUser> processes_of(const std::string& proc) {
  std::vector<MountUser> found;
  std::error_code hidden;
  std::filesystem::directory_iterator folders(proc, hidden);
  for (; !hidden && folders != std::filesystem::directory_iterator(); folders.increment(hidden)) {
    const std::string number = folders->path().filename();
    MountUser user;
    const char* const end = number.data() + number.size();
    if (std::from_chars(number.data(), end, user.pid).ptr != end) continue;
    std::ifstream comm(folders->path() / "comm");
    std::getline(comm, user.name);
    found.push_back(std::move(user));
  }
  std::sort(found.begin(), found.end(),
            [](const MountUser& a, const MountUser& b) { return a.pid < b.pid; });
  return found;
}

/// Of its mounts; empty where we may not look.
std::string namespace_of(const std::filesystem::path& process) {
  std::error_code hidden;
  return std::filesystem::read_symlink(process / "ns" / "mnt", hidden).string();
}

}  // namespace

UnmountOutcome unmount_path(const std::string& mountpoint, bool lazy,
                            const Environment& environment) {
  return environment.uid == 0 ? unmount_as_root(mountpoint, lazy)
                              : unmount_as_user(mountpoint, lazy);
}

std::vector<MountUser> find_mount_users(const std::string& proc, const std::string& mountpoint) {
  std::vector<MountUser> users = processes_of(proc);
  std::erase_if(
      users, [&](const MountUser& user) { return !uses(folder_of(proc, user.pid), mountpoint); });
  return users;
}

std::vector<MountCopy> find_mount_copies(const std::string& proc, const std::string& device) {
  const std::string own = namespace_of(proc + "/self");
  std::set<std::string> told;
  std::vector<MountCopy> copies;
  for (MountUser& user : processes_of(proc)) {
    const std::string home = namespace_of(folder_of(proc, user.pid));
    if (home.empty() || home == own || told.contains(home)) continue;
    const std::vector<MountEntry> table = read_mount_table(proc, std::to_string(user.pid));
    const auto entry = std::find_if(table.begin(), table.end(),
                                    [&](const MountEntry& e) { return e.device == device; });
    if (entry == table.end()) continue;
    told.insert(home);
    copies.push_back({std::move(user), entry->mountpoint});
  }
  return copies;
}

}  // namespace penstock
