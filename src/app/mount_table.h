// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// One line of /proc/self/mountinfo.
struct MountEntry {
  std::string mountpoint;
  std::string type;  ///< "fuse.penstock", "ext4".
  std::string source;
  std::string device;      ///< "0:52".
  uint32_t owner_uid = 0;  ///< FUSE's user_id: who mounted.

  bool is_penstock() const { return type == "fuse.penstock"; }
};

/// A device as stat(2) has it; 0 where the text is none.
dev_t device_number(std::string_view device);

/// Understands the text of a mountinfo file; lines that make no sense are passed over.
std::vector<MountEntry> parse_mount_table(std::string_view text);

/// The mounts that a process sees as `proc`/`process`/mountinfo tells them; empty where it cannot
/// be read.
std::vector<MountEntry> read_mount_table(const std::string& proc,
                                         const std::string& process = "self");

/// The uppermost mount at exactly `mountpoint` (canonical).
std::optional<MountEntry> find_mount(const std::vector<MountEntry>& table,
                                     std::string_view mountpoint);

/// The mount that `path` (canonical) lies on.
std::optional<MountEntry> mount_holding(const std::vector<MountEntry>& table,
                                        std::string_view path);

/// `path` absolute and free of links, also where the last component is a mount whose process died,
/// which stat and realpath refuse. A path that does not exist is made absolute as far as that goes.
std::string canonical_path(const std::string& path, const std::string& working_directory);

/// True where `path` is `directory` or lies below it; both canonical.
bool is_inside(std::string_view path, std::string_view directory);

}  // namespace penstock
