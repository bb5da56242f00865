// SPDX-License-Identifier: Apache-2.0
// What is said of a mountpoint by the mount table, before anybody looks into it.
#include <filesystem>
#include <fstream>

#include "app/mount_checks.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

TEST_CASE("an automount's point is taken for free without a look into it") {
  const TempDir proc;
  fs::create_directory(proc.path() + "/self");
  const auto [type, free] = GENERATE(table<const char*, bool>({{"autofs", true}, {"ext4", false}}));
  // Nothing is there: who looked into the place would be told so. Behind a real automount's point
  // who looks waits until something is mounted.
  const std::string mountpoint = proc.path() + "/place";
  std::ofstream(proc.path() + "/self/mountinfo")
      << "36 25 0:52 / " << mountpoint << " rw,relatime - " << type << " systemd-1 rw,fd=5\n";
  MountOptions mount;
  mount.mountpoint = mountpoint;
  const Result<MountpointState> state = check_mountpoint(mount, {}, {.proc = proc.path()});
  CHECK(state.has_value() == free);
  if (free) CHECK(*state == MountpointState::free);
}

}  // namespace
}  // namespace penstock
