// SPDX-License-Identifier: Apache-2.0
#include "journal/shared_folder.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace penstock {
namespace {

struct Type {
  uint64_t number;
  std::string_view name;
};

/// As statfs(2) tells them; those that linux/magic.h does not have are from the file systems' own
/// sources. GFS2 and OCFS2 are left out: their locks are the cluster's.
constexpr std::array<Type, 16> shared_types{{
    {0x6969, "NFS"},
    {0xFF534D42, "CIFS"},
    {0xFE534D42, "SMB"},
    {0x517B, "SMB"},
    {0x00C36400, "CephFS"},
    {0x0BD00BD0, "Lustre"},
    {0x47504653, "GPFS"},
    {0x65735546, "FUSE"},
    {0x01021997, "9p"},
    {0x5346414F, "AFS"},
    {0x6B414653, "AFS"},
    {0x73757245, "Coda"},
    {0x19830326, "BeeGFS"},
    {0x20030528, "OrangeFS"},
    {0xAAD7AAEA, "PanFS"},
    {0x786F4256, "a shared folder of VirtualBox"},
}};

}  // namespace

std::string shared_by_machines(Disk& disk, const std::string& folder) {
  uint64_t type = 0;
  if (disk.filesystem_type(folder, type) != 0) return {};
  const auto* const found = std::ranges::find(shared_types, type, &Type::number);
  return found == shared_types.end() ? std::string() : std::string(found->name);
}

}  // namespace penstock
