// SPDX-License-Identifier: Apache-2.0
// What is left of a mount whose process has died.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "mount/forked_program.h"
#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

const fs::path connections = "/sys/fs/fuse/connections";

/// The kernel's files of its FUSE connections, also where nobody has mounted them.
class ControlFiles {
 public:
  ControlFiles() {
    if (!fs::is_empty(connections)) return;
    mounted_ = ::mount("fusectl", connections.c_str(), "fusectl", 0, nullptr) == 0;
  }
  ~ControlFiles() {
    if (mounted_) umount2(connections.c_str(), MNT_DETACH);
  }

 private:
  bool mounted_ = false;
};

/// A thread of the process waits in the kernel, and no signal wakes it.
bool has_stuck_thread(pid_t pid) {
  for (const fs::directory_entry& task :
       fs::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream file(task.path() / "stat");
    std::string stat;
    std::getline(file, stat);
    const size_t name_end = stat.rfind(')');
    if (name_end != std::string::npos && stat[name_end + 2] == 'D') return true;
  }
  return false;
}

TEST_CASE("a process that dies while it tells the kernel to forget leaves no program waiting") {
  TestServer server;
  const ControlFiles files;
  server.put_object("test", "d/f", "text");
  server.put_object("test", "d/stays", "text");
  auto mount = std::make_unique<Mounted>(server, MountSettings{.options = {"--metadata-ttl=0"}});
  REQUIRE_FALSE(fs::is_empty(connections));
  struct stat status {};
  REQUIRE(stat(mount->path("d").c_str(), &status) == 0);
  const std::string abort_file = connections / std::to_string(minor(status.st_dev)) / "abort";
  CHECK(read_file(mount->path("d/f")) == "text");
  server.delete_object("test", "d/f");
  // The kernel locks the directory while the name is made.
  server.add_fault({.operation = "PutObject", .key = "d/new/", .kind = "hang", .times = -1});
  ForkedProgram maker([&] { mkdir(mount->path("d/new").c_str(), 0755); });
  CHECK(eventually([&] { return server.stats().requests["PutObject"] > 0; }));
  // The mount notices that the file has gone, and tells the kernel.
  ForkedProgram looker([&] { access(mount->path("d/f").c_str(), F_OK); });
  CHECK(eventually([&] { return has_stuck_thread(mount->pid()); }));
  kill(mount->pid(), SIGKILL);
  const int made = maker.end(20);
  const int looked = looker.end(20);
  CHECK(made == 0);
  CHECK(looked == 0);
  // What hangs all the same must not outlive the test.
  std::ofstream(abort_file) << 1;
  server.clear_faults();
  mount->kill();
}

}  // namespace
}  // namespace penstock::test
