// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup_limit.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "base/memory_budget.h"
#include "support/catch.h"
#include "support/sizes.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

using test::mib;
constexpr uint64_t none = UINT64_MAX;
const std::string second = "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
const std::string first =
    "36 20 0:30 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n";

/// A machine's /proc and /sys.
class Machine {
 public:
  Machine(const std::string& mounts, const std::string& groups) {
    write("/proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/sda rw\n" + mounts);
    write("/proc/self/cgroup", groups);
  }
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = root() + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  uint64_t limit() const { return cgroup_memory_limit(root()); }
  std::string root() const { return folder_.path(); }

 private:
  test::TempDir folder_;
};

TEST_CASE("the smallest limit of the groups above counts, of version 2") {
  Machine machine(second, "0::/a.slice/b.service\n");
  CHECK(machine.limit() == none);
  machine.write("/sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
  CHECK(machine.limit() == none);
  machine.write("/sys/fs/cgroup/a.slice/memory.max", "1000\n");
  CHECK(machine.limit() == 1000);
  machine.write("/sys/fs/cgroup/a.slice/b.service/memory.max", "500\n");
  CHECK(machine.limit() == 500);
}

TEST_CASE("the same of version 1, beside hierarchies of other kinds") {
  Machine machine("35 20 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n" + first,
                  "9:cpu,cpuacct:/other\n4:memory:/a/b\n0::/c\n");
  machine.write("/sys/fs/cgroup/cpu/other/memory.limit_in_bytes", "1\n");
  machine.write("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(machine.limit() == 9223372036854771712ULL);
  machine.write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "314572800\n");
  CHECK(machine.limit() == 300 * mib);
  CHECK(default_memory_limit(machine.root()) == 75 * mib);
}

TEST_CASE("a container sees its own group at the top of the mount") {
  Machine machine("36 20 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
                  "4:memory:/docker/abc\n");
  machine.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "400\n");
  CHECK(machine.limit() == 400);
  // What is above it, which it does not see, is told there.
  machine.write("/sys/fs/cgroup/memory/memory.stat",
                "cache 5\nhierarchical_memory_limit 300\ntotal_cache 5\n");
  CHECK(machine.limit() == 300);
}

TEST_CASE("a container with a namespace of groups, and a machine with both versions") {
  Machine machine(
      "36 20 0:30 /../.. /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
      "37 20 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
      "4:memory:/\n0::/x\n");
  machine.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "400\n");
  CHECK(machine.limit() == 400);
  machine.write("/sys/fs/cgroup/unified/x/memory.max", "200\n");
  CHECK(machine.limit() == 200);
}

TEST_CASE("without control groups the machine's memory counts") {
  Machine machine("", "");
  CHECK(machine.limit() == none);
  CHECK(default_memory_limit(machine.root()) >= 64 * mib);
}

}  // namespace
}  // namespace penstock
