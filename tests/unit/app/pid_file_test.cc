// SPDX-License-Identifier: Apache-2.0
#include "app/pid_file.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
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
    CHECK(PidFile::create(directory, "/mnt").code() == Code::already_exists);
    CHECK(PidFile::create(directory, "/other"));
  }
  CHECK(std::filesystem::is_empty(directory));
  CHECK(PidFile::create(directory, "/mnt"));
}

TEST_CASE_METHOD(PidFileTest, "a directory that others can write to is not believed") {
  std::filesystem::create_directory(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::all);
  CHECK(PidFile::create(directory, "/mnt").code() == Code::access_denied);
}

TEST_CASE_METHOD(PidFileTest,
                 "unmounting waits for the living process and learns what was not saved") {
  Holder holder(directory, true);
  auto process = MountProcess::find({base + "/none", directory}, "/mnt");
  REQUIRE(process);
  CHECK(process->pid() == holder.pid);
  CHECK_FALSE(MountProcess::find({directory}, "/mnt2"));
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

TEST_CASE_METHOD(
    PidFileTest,
    "a process that dies early did not end in order, and its file is not its successor's") {
  {
    Holder holder(directory, false);
    auto process = MountProcess::find({directory}, "/mnt");
    REQUIRE(process);
    kill(holder.pid, SIGKILL);
    CHECK_FALSE(process->wait(milliseconds(1), [] {}).in_order);
  }
  CHECK_FALSE(MountProcess::find({directory}, "/mnt"));
  const Holder next(directory, true);
  CHECK(MountProcess::find({directory}, "/mnt")->pid() == next.pid);
}

}  // namespace
}  // namespace penstock
