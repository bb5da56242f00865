// SPDX-License-Identifier: Apache-2.0
#include "app/unmount.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "app/pid_file.h"
#include "app/wait_report.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

/// A folder that looks like /proc.
class FakeProc {
 public:
  void add(const std::string& process, const std::string& name, const std::string& mounts,
           const std::string& table) {
    const std::filesystem::path folder = path() + "/" + process;
    std::filesystem::create_directories(folder / "ns");
    std::filesystem::create_symlink("mnt:[" + mounts + "]", folder / "ns" / "mnt");
    std::ofstream(folder / "comm") << name << "\n";
    std::ofstream(folder / "mountinfo") << table;
  }
  std::string path() const { return folder_.path(); }

 private:
  test::TempDir folder_;
};

TEST_CASE("copies of a mount are found in other mount namespaces, one process for each") {
  const std::string ours =
      "36 25 0:52 / /data\\0401 rw - fuse.penstock s3://b rw,user_id=0,group_id=0\n";
  const std::string others = "36 25 0:5 / /data rw - fuse.penstock s3://b rw\n";
  FakeProc proc;
  proc.add("self", "umount", "1", "");
  proc.add("1", "init", "1", ours);  // our own namespace
  proc.add("30", "sidecar", "2", ours);
  proc.add("9", "train", "2", others + ours);
  proc.add("40", "shell", "3", others);
  proc.add("50", "hidden", "", ours);
  std::filesystem::remove(proc.path() + "/50/ns/mnt");
  const std::vector<MountCopy> copies = find_mount_copies(proc.path(), "0:52");
  REQUIRE(copies.size() == 1);
  CHECK(copies[0].user.pid == 9);
  CHECK(copies[0].user.name == "train");
  CHECK(copies[0].mountpoint == "/data 1");
}

TEST_CASE("what an unmount waits for is said once") {
  const test::TempDir folder;
  const std::string directory = folder.path() + "/run";
  const auto file = PidFile::create(directory, "/mnt").value();
  file->record_device("0:52");
  const std::vector<MountProcess> found = MountProcess::find({directory}, "/mnt");
  REQUIRE(found.size() == 1);
  FakeProc proc;
  proc.add("self", "umount", "1", "");
  proc.add("9", "train", "2", "36 25 0:52 / /data rw - fuse.penstock s3://b rw\n");
  const std::string pid = std::to_string(getpid());
  std::ostringstream out;
  WaitReport report(found[0], "/mnt", out, {.proc = proc.path()});
  for (int i = 0; i < 3; ++i) report.show();
  const std::string copies =
      "penstock: /mnt is unmounted here, and still mounted in another mount namespace:\n"
      "  process 9 (train) has it at /data\n"
      "End them (containers, mostly), or store what is written and end the mount for all: penstock "
      "umount --force /mnt\n"
      "penstock: waiting for the end of process " +
      pid + ", which serves them ...\n";
  CHECK(out.str() == copies);
  // Then they end it, and it uploads.
  file->record_pending(2, 2048);
  for (int i = 0; i < 3; ++i) report.show();
  file->record_pending(1, 1024);
  report.show();
  const std::string uploads =
      "penstock: waiting for process " + pid + " to upload what was written to /mnt: ";
  CHECK(out.str() ==
        copies + uploads + "2 files, 2.0KiB ...\n" + uploads + "1 files, 1.0KiB ...\n");
}

}  // namespace
}  // namespace penstock
