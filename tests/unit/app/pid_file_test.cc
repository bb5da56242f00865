// SPDX-License-Identifier: Apache-2.0
#include "app/pid_file.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/catch.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

class PidFileTest {
 public:
  PidFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "penstock-pid-XXXXXX").string();
    base = mkdtemp(name.data());
    directory = base + "/run";
  }
  ~PidFileTest() { std::filesystem::remove_all(base); }

  std::string base;
  std::string directory;
};

/// A process that holds the file of "/mnt" until told to go on, as a mount does while it uploads.
class Holder {
 public:
  Holder(const std::string& directory, bool ends_in_order) {
    std::array<int, 2> ready{};
    std::array<int, 2> go{};
    REQUIRE(pipe2(ready.data(), O_CLOEXEC) == 0);
    REQUIRE(pipe2(go.data(), O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0) {
      close(go[1]);
      auto file = PidFile::create(directory, "/mnt");
      char byte = file ? '+' : '-';
      if (file) {
        (*file)->record_device("0:52");
        (*file)->record_journals("/c/journal");
        (*file)->record_pending(3, 500);
        (*file)->record_pending(2, 400);
      }
      if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 0) _exit(2);
      if (ends_in_order) (*file)->record_end({"a", "b\nc"});
      if (ends_in_order) file->reset();
      _exit(0);
    }
    go_ = OwnedFd(go[1]);
    close(go[0]);
    char byte = 0;
    REQUIRE(read(ready[0], &byte, 1) == 1);
    REQUIRE(byte == '+');
    close(ready[0]);
    close(ready[1]);
  }
  ~Holder() {
    let_go();
    waitpid(pid, nullptr, 0);
  }
  void let_go() { go_.reset(); }

  pid_t pid = 0;

 private:
  OwnedFd go_;
};

TEST_CASE_METHOD(PidFileTest, "the file goes with its owner") {
  {
    const auto file = PidFile::create(directory, "/mnt");
    REQUIRE(file);
    CHECK(std::filesystem::exists(directory + "/" + pid_file_name("/mnt")));
    CHECK(PidFile::create(directory, "/other"));
  }
  CHECK(std::filesystem::is_empty(directory));
  CHECK(PidFile::create(directory, "/mnt"));
}

TEST_CASE_METHOD(PidFileTest, "who mounts while another still ends has a file too") {
  const Holder ending(directory, true);
  {
    const auto file = PidFile::create(directory, "/mnt");
    REQUIRE(file);
    const std::vector<MountProcess> both = MountProcess::find({directory}, "/mnt");
    REQUIRE(both.size() == 2);
    (*file)->record_device("0:53");
    CHECK(both[1].serves("0:53"));
    CHECK_FALSE(both[1].serves("0:5"));
    CHECK_FALSE(both[0].serves("0:53"));
    CHECK(both[0].pid() == ending.pid);
    CHECK(both[1].pid() == getpid());
  }
  std::vector<std::unique_ptr<PidFile>> others;
  for (int i = 1; i < PidFile::most; ++i)
    others.push_back(std::move(PidFile::create(directory, "/mnt").value()));
  CHECK(PidFile::create(directory, "/mnt").code() == Code::already_exists);
  CHECK(MountProcess::find({directory}, "/mnt").size() == PidFile::most);
}

TEST_CASE_METHOD(PidFileTest,
                 "a mount that is gone is not taken for the next one with its device") {
  for (const bool ended : {false, true}) {
    const auto file = PidFile::create(directory, "/mnt");
    REQUIRE(file);
    (*file)->record_device("0:53");
    const std::vector<MountProcess> found = MountProcess::find({directory}, "/mnt");
    REQUIRE(found.size() == 1);
    CHECK(found[0].serves("0:53"));
    ended ? (*file)->record_end({"unmounted"}) : (*file)->record_unmounted();
    CHECK_FALSE(found[0].serves("0:53"));
    CHECK(found[0].device() == "0:53");
    (*file)->record_pending(1, 2);
    CHECK(found[0].pending().has_value() != ended);
  }
}

TEST_CASE_METHOD(PidFileTest, "a directory that others can write to is not believed") {
  std::filesystem::create_directory(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::all);
  CHECK(PidFile::create(directory, "/mnt").code() == Code::access_denied);
}

TEST_CASE_METHOD(PidFileTest,
                 "unmounting waits for the living process and learns what was not saved") {
  Holder holder(directory, true);
  std::vector<MountProcess> found = MountProcess::find({base + "/none", directory}, "/mnt");
  REQUIRE(found.size() == 1);
  MountProcess* const process = found.data();
  CHECK(process->pid() == holder.pid);
  CHECK(MountProcess::find({directory}, "/mnt2").empty());
  CHECK(process->journals() == "/c/journal");
  REQUIRE(process->pending());
  CHECK(process->pending()->files == 2);
  CHECK(process->pending()->bytes == 400);
  int asked = 0;
  const MountProcess::End end = process->wait(milliseconds(1), [&] {
    if (++asked == 2) holder.let_go();
  });
  CHECK(asked >= 2);
  CHECK(end.in_order);
  CHECK(end.unsaved == std::vector<std::string>{"a", "b?c"});
  REQUIRE(end.pending);
  CHECK(end.pending->files == 2);
}

TEST_CASE_METHOD(PidFileTest, "unmounting waits no longer than until the file is let go of") {
  auto file = PidFile::create(directory, "/mnt");
  REQUIRE(file);
  std::vector<MountProcess> found = MountProcess::find({directory}, "/mnt");
  REQUIRE(found.size() == 1);
  (*file)->record_end({});
  // This process goes on, as one does that has a thread in a disk that hangs.
  CHECK(found[0].wait(milliseconds(1), [&] { file->reset(); }).in_order);
}

TEST_CASE_METHOD(
    PidFileTest,
    "a process that dies early did not end in order, and its file is not its successor's") {
  {
    Holder holder(directory, false);
    std::vector<MountProcess> found = MountProcess::find({directory}, "/mnt");
    REQUIRE(found.size() == 1);
    kill(holder.pid, SIGKILL);
    CHECK_FALSE(found[0].wait(milliseconds(1), [] {}).in_order);
  }
  CHECK(MountProcess::find({directory}, "/mnt").empty());
  const Holder next(directory, true);
  CHECK(MountProcess::find({directory}, "/mnt").at(0).pid() == next.pid);
}

TEST_CASE_METHOD(PidFileTest, "a number that means several processes is no process") {
  for (const char* number : {"0", "-1", "-4711"}) {
    CAPTURE(number);
    const auto file = PidFile::create(directory, "/mnt");
    REQUIRE(file);
    REQUIRE(MountProcess::find({directory}, "/mnt").size() == 1);
    std::ofstream((*file)->path()) << number << "\n/mnt\n";
    CHECK(MountProcess::find({directory}, "/mnt").empty());
    CHECK(MountProcess::all({directory}).empty());
  }
}

}  // namespace
}  // namespace penstock
