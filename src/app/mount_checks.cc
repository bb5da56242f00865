// SPDX-License-Identifier: Apache-2.0
#include "app/mount_checks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "app/mount_table.h"
#include "app/unmount.h"
#include "app/wrong.h"
#include "base/trusted_path.h"

namespace penstock {
namespace {

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

bool in_container(const Environment& environment) {
  const auto& marks = environment.container_marks;
  return std::any_of(marks.begin(), marks.end(), exists) ||
         !environment.variable("KUBERNETES_SERVICE_HOST").empty();
}

/// For somebody who is not root and may not open `device`.
std::string advice_for_user(const std::string& device) {
  struct stat status {};
  if (stat(device.c_str(), &status) != 0) return "mount as root";
  constexpr mode_t group_access = S_IRGRP | S_IWGRP;
  const ::group* const owners = getgrgid(status.st_gid);
  if ((status.st_mode & group_access) == group_access && owners != nullptr && status.st_gid != 0) {
    return fmt::format(
        "it belongs to the group {}: have root add you to it (usermod -aG {} USER) and log in "
        "again, or mount as root",
        owners->gr_name, owners->gr_name);
  }
  return fmt::format(
      "its permissions are {:03o}; users need 666, as the package fuse3 sets it with fusermount3: "
      "have root install it or run chmod 666 {}, or mount as root",
      status.st_mode & 0777, device);
}

/// What is mounted there is alive.
Error in_use(const MountEntry& entry) {
  if (entry.is_penstock()) {
    return wrong(fmt::format("{} is mounted already, with {}; unmount it first: penstock umount {}",
                             entry.mountpoint, entry.source, entry.mountpoint));
  }
  return wrong(
      fmt::format("{} is in use: a {} file system is mounted there; choose another directory",
                  entry.mountpoint, entry.type));
}

bool same_store(const std::string& source, const StoreUrl& url) {
  const Result<StoreUrl> other = parse_store_url(source);
  return other && other->kind == url.kind && other->bucket == url.bucket &&
         other->prefix == url.prefix && other->directory == url.directory;
}

/// False also where it cannot be read.
bool has_entries(const std::string& directory) {
  std::error_code hidden;
  const std::filesystem::directory_iterator entries(directory, hidden);
  return !hidden && entries != std::filesystem::directory_iterator();
}

Result<void> check_directory(const std::string& mountpoint, bool nonempty,
                             const Environment& environment) {
  struct stat status {};
  const int failure = stat(mountpoint.c_str(), &status) == 0 ? 0 : errno;
  if (failure == ENOENT) {
    return wrong(fmt::format("the mountpoint {} does not exist; make it with: mkdir -p {}",
                             mountpoint, mountpoint));
  }
  if (failure != 0) {
    return wrong(fmt::format("the mountpoint {} cannot be looked at: {}", mountpoint,
                             std::strerror(failure)));
  }
  if (!S_ISDIR(status.st_mode)) {
    return wrong(
        fmt::format("the mountpoint {} is not a directory; choose or make one", mountpoint));
  }
  if (environment.uid != 0 && access(mountpoint.c_str(), W_OK) != 0) {
    return wrong(
        fmt::format("you may not mount on {}: the directory is not yours to write to; choose one "
                    "that is, or mount as root",
                    mountpoint));
  }
  if (!nonempty && has_entries(mountpoint)) {
    return wrong(fmt::format(
        "the mountpoint {} is not empty: what is in it would be hidden while the mount is there; "
        "choose an empty directory, or say --nonempty",
        mountpoint));
  }
  return {};
}

}  // namespace

// statfs asks the file system itself: stat may be answered by what the kernel remembers of a mount
// that is dead. ECONNABORTED: it has died while the question was on its way (fuse_abort_conn).
bool is_dead(const std::string& mountpoint) {
  struct statvfs status {};
  return statvfs(mountpoint.c_str(), &status) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

Result<MountpointState> check_mountpoint(const MountOptions& mount, const StoreUrl& url,
                                         const Environment& environment) {
  const std::string& mountpoint = mount.mountpoint;
  if (const auto entry = find_mount(read_mount_table(environment.proc), mountpoint)) {
    // An automount's point (x-systemd.automount): a look into it would wait until something is
    // mounted there, which is what this process is about to do.
    if (entry->type == "autofs") return MountpointState::free;
    if (!is_dead(mountpoint)) return in_use(*entry);
    if (entry->is_penstock() && same_store(entry->source, url)) return MountpointState::dead;
    return wrong(fmt::format(
        "{} is a {} mount of {} whose process has died; clean it up with: penstock umount {}, then "
        "mount again",
        mountpoint, entry->is_penstock() ? "Penstock" : entry->type, entry->source, mountpoint));
  }
  if (Result<void> checked = check_directory(mountpoint, mount.nonempty, environment); !checked)
    return checked.error();
  return MountpointState::free;
}

Result<void> clear_dead_mounts(const MountOptions& mount, const StoreUrl& url,
                               const Environment& environment) {
  while (true) {
    const Result<MountpointState> state = check_mountpoint(mount, url, environment);
    if (!state) return state.error();
    if (*state == MountpointState::free) return {};
    // Lazily: a program may still have its working directory there.
    const UnmountOutcome outcome = unmount_path(mount.mountpoint, true, environment);
    if (outcome.kind != UnmountOutcome::Kind::done) {
      return wrong(fmt::format("the mount there before has died and cannot be cleared: {}",
                               outcome.message));
    }
  }
}

Result<void> check_fuse(const Environment& environment) {
  const std::string& device = environment.fuse_device;
  const int fd = open(device.c_str(), O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    close(fd);
    return {};
  }
  const int failure = errno;
  const bool missing = failure == ENOENT || failure == ENODEV || failure == ENXIO;
  std::string text = missing
                         ? fmt::format("{} is missing", device)
                         : fmt::format("{} cannot be opened: {}", device, std::strerror(failure));
  if (!missing && environment.uid != 0) text += fmt::format("; {}", advice_for_user(device));
  if (in_container(environment)) {
    text +=
        "; start the container with: --device /dev/fuse --cap-add SYS_ADMIN (and --security-opt "
        "apparmor=unconfined where AppArmor is used)";
  } else if (missing) {
    text +=
        ": the kernel has no FUSE; load it as root with: modprobe fuse, and install the package "
        "fuse3";
  } else if (environment.uid == 0) {
    text += "; something forbids it even to root: a container, SELinux or AppArmor";
  }
  return Error(Code::unavailable, std::move(text));
}

Result<void> check_kept_folders(const Options& options, const Environment& environment) {
  if (in_container(environment)) return {};
  struct Kept {
    const char* option;
    const std::string& folder;
  };
  for (const Kept& kept : {Kept{"--cache-dir", options.cache.directory},
                           Kept{"--journal-dir", options.write.journal_dir},
                           Kept{"--state-dir", options.write.state_dir}}) {
    if (kept.folder.empty()) continue;
    if (const auto why = why_folder_is_unsafe(kept.folder, environment.uid)) {
      return wrong(
          fmt::format("{} is no safe place for what the mount keeps: {}; choose a folder of "
                      "your own with {}",
                      kept.folder, *why, kept.option));
    }
  }
  for (const auto& [option, file] : {std::pair("--log-file", &options.log.file),
                                     std::pair("--access-log", &options.log.access_file)}) {
    if (file->empty()) continue;
    if (const auto why = why_file_is_unsafe(*file, environment.uid)) {
      return wrong(fmt::format("{} is not to be written to: {}; choose another file with {}", *file,
                               *why, option));
    }
  }
  return {};
}

Result<void> check_no_loop(const StoreUrl& url, const std::string& mountpoint) {
  if (url.kind != StoreUrl::Kind::directory) return {};
  const std::string directory = canonical_path(url.directory, "/");
  if (!is_inside(mountpoint, directory) && !is_inside(directory, mountpoint)) return {};
  return wrong(fmt::format(
      "the mountpoint {} and the store's directory {} contain one another; choose a mountpoint "
      "outside of it",
      mountpoint, directory));
}

}  // namespace penstock
