// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace penstock {

/// The name at a mount's root that no program sees: below it lies what mounts keep in the bucket
/// beside the files.
///
///     .penstock/root               the marker of a bucket's root; stays
///     .penstock/mounts/MOUNT       lease: the mount lives
///     .penstock/renames/MOUNT-N    intent: a rename of several objects is under way
///     .penstock/held/MOUNT-N[/…]   one side of an exchange, while the other takes its place
///     .penstock/deleted/MOUNT-N    a deleted file that a program of that mount has still open
///     .penstock/trials/NUMBER-…    an object that shows whether the server renames (src/store/s3)
constexpr std::string_view own_name = ".penstock";

/// Where they are, for a mount whose keys begin with `prefix`.
struct OwnKeys {
  explicit OwnKeys(const std::string& of_mount)
      : prefix(of_mount), root(of_mount + std::string(own_name) + "/") {}

  /// Where the prefix is empty, and so would be the key of the root's marker.
  std::string root_marker() const { return root + "root"; }
  std::string lease(const std::string& mount) const { return root + "mounts/" + mount; }
  std::string intent(const std::string& id) const { return root + "renames/" + id; }
  std::string held(const std::string& id) const { return root + "held/" + id; }
  std::string deleted(const std::string& id) const { return root + "deleted/" + id; }

  const std::string prefix;  ///< Of all keys of the mount.
  const std::string root;
};

}  // namespace penstock
