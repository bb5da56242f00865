// SPDX-License-Identifier: Apache-2.0
// Descriptors and the flags that they get later, and the processes that share them: real programs.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

/// A Python in the root of the mount; what it printed.
std::string python(const Mounted& mount, const std::string& script) {
  const TempFolder folder;
  write_file(folder.path() / "script", "import os, sys\nos.chdir(sys.argv[1])\n" + script);
  const std::string log = folder.path() / "log";
  const char* path = std::getenv("PATH");
  const pid_t pid = spawn(
      {"/usr/bin/env", "python3", folder.path() / "script", mount.path().string()},
      {"LC_ALL=C.UTF-8", std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin")}, log);
  CHECK(wait_for_exit(pid, 60) == 0);
  return read_file(log);
}

std::string stored(TestServer& server, const std::string& key) {
  return server.object("test", key).value_or("(none)");
}

TEST_CASE("a mapping of an appending descriptor is written in place") {
  TestServer server;
  Mounted mount(server);
  CHECK(python(mount, R"(
import mmap
f = open("f", "a+b"); f.truncate(4096)
m = mmap.mmap(f.fileno(), 4096); m[0] = 1; m.flush()
f.write(b"behind"); f.flush()
m[1] = 2; m.flush()
print(os.path.getsize("f"), m[0], m[1])
)") == "4102 1 2\n");
  std::string expected(4096, '\0');
  expected[0] = 1;
  expected[1] = 2;
  CHECK(stored(server, "f") == expected + "behind");
}

TEST_CASE("a descriptor appends from when fcntl says so") {
  TestServer server;
  Mounted mount(server);
  CHECK(python(mount, R"(
import fcntl
f = os.open("f", os.O_RDWR | os.O_CREAT)
os.write(f, b"0123456789")
fcntl.fcntl(f, fcntl.F_SETFL, os.O_APPEND)
os.lseek(f, 0, 0); os.write(f, b"A")
fcntl.fcntl(f, fcntl.F_SETFL, 0)
os.lseek(f, 0, 0); os.write(f, b"B")
os.close(f)
print(open("f").read())
)") == "B123456789A\n");
  CHECK(stored(server, "f") == "B123456789A");
}

TEST_CASE("what a descriptor with O_SYNC writes is in the bucket") {
  TestServer server;
  Mounted mount(server);
  const int access = GENERATE(O_WRONLY, O_RDWR);
  const int file = open(mount.path("f").c_str(), access | O_CREAT | O_SYNC, 0644);
  REQUIRE(write(file, "now", 3) == 3);
  CHECK(stored(server, "f") == "now");
  REQUIRE(close(file) == 0);
}

TEST_CASE("a file that is made by an open for reading is stored") {
  TestServer server;
  Mounted mount(server);
  const int made = open(mount.path("a").c_str(), O_RDONLY | O_CREAT, 0644);
  REQUIRE(close(made) == 0);
  CHECK(stored(server, "a").empty());
  // A process that ends has its files closed behind its back.
  CHECK(wait_for_exit(spawn({"/usr/bin/flock", mount.path("b").string(), "true"}, {}, "/dev/null"),
                      60) == 0);
  CHECK(eventually([&] { return stored(server, "b").empty(); }));
}

TEST_CASE("fsync of a descriptor for reading stores what another has written") {
  TestServer server;
  Mounted mount(server);
  const int writer = open(mount.path("f").c_str(), O_WRONLY | O_CREAT, 0644);
  const int reader = open(mount.path("f").c_str(), O_RDONLY);
  REQUIRE(write(writer, "bytes", 5) == 5);
  CHECK(fsync(reader) == 0);
  CHECK(stored(server, "f") == "bytes");
  CHECK(close(reader) == 0);
  CHECK(close(writer) == 0);
}

TEST_CASE("an open for reading truncates") {
  TestServer server;
  server.put_object("test", "f", "old");
  Mounted mount(server);
  const int file = open(mount.path("f").c_str(), O_RDONLY | O_TRUNC);
  REQUIRE(file >= 0);
  char byte = 0;
  CHECK(read(file, &byte, 1) == 0);
  CHECK(close(file) == 0);
  CHECK(stored(server, "f").empty());
  CHECK(std::filesystem::file_size(mount.path("f")) == 0);
}

TEST_CASE("a name that was missing a moment ago is opened with what it has by now") {
  TestServer server;
  Mounted mount(server);
  // The kernel believes for a second that there is none.
  CHECK(!std::filesystem::exists(mount.path("f")));
  server.put_object("test", "f", "theirs");
  // The mount learns of it, the kernel does not.
  for (const auto& entry : std::filesystem::directory_iterator(mount.path())) (void)entry;
  const int file = open(mount.path("f").c_str(), O_RDWR | O_CREAT, 0644);
  REQUIRE(file >= 0);
  char bytes[8] = {};
  CHECK(read(file, bytes, sizeof bytes) == 6);
  CHECK(std::string(bytes) == "theirs");
  CHECK(close(file) == 0);
}

TEST_CASE("a child process that has inherited a descriptor stores nothing of it") {
  TestServer server;
  server.put_object("test", "f", "old");
  Mounted mount(server);
  SECTION("when it closes it") {
    const int file = open(mount.path("f").c_str(), O_WRONLY | O_TRUNC);
    REQUIRE(write(file, "half", 4) == 4);
    const pid_t child = fork();
    if (child == 0) _exit(close(file));
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(stored(server, "f") == "old");
    REQUIRE(write(file, " and half", 9) == 9);
    CHECK(close(file) == 0);
    CHECK(stored(server, "f") == "half and half");
  }
  SECTION("when it runs another program, or ends") {
    server.reset_stats();
    CHECK(python(mount, R"(
import subprocess
f = open("f", "wb"); f.write(b"half"); f.flush()
subprocess.run(["true"])
subprocess.run(["true"], pass_fds=[f.fileno()])
os.system("true")
for n in range(5):
    if os.fork() == 0: os._exit(0)
    os.wait()
f.write(b" and half"); f.close()
print(open("f").read())
)") == "half and half\n");
    CHECK(stored(server, "f") == "half and half");
    CHECK(mount.unmount() == 0);
    CHECK(server.stats().requests.at("PutObject") == 1);
  }
  SECTION("it does when it has written to it") {
    CHECK(python(mount, R"(
f = open("f", "wb", buffering=0); f.write(b"half")
child = os.fork()
if child == 0:
    f.write(b" by the child"); f.close(); os._exit(0)
os.waitpid(child, 0)
os.rename("f", "g")
f.close()
)")
              .empty());
    CHECK(stored(server, "g") == "half by the child");
  }
}

TEST_CASE("a large file that is read while it is written is in the bucket when it is closed") {
  TestServer server;
  server.put_object("test", "big", "old");
  Mounted mount(server, {.options = {"--memory-limit=64MiB"}});
  constexpr size_t mib = 1 << 20;
  const std::string bytes = random_bytes(160 * mib, 5);
  const int writer = open(mount.path("big").c_str(), O_WRONLY | O_TRUNC);
  for (size_t at = 0; at < bytes.size(); at += mib)
    REQUIRE(write(writer, bytes.data() + at, mib) == static_cast<ssize_t>(mib));
  const int reader = open(mount.path("big").c_str(), O_RDONLY);
  std::string got(mib, '\0');
  for (const size_t at : {size_t{0}, 20 * mib, 70 * mib, 159 * mib}) {
    CHECK(pread(reader, got.data(), mib, static_cast<off_t>(at)) == static_cast<ssize_t>(mib));
    CHECK(got == bytes.substr(at, mib));
  }
  CHECK(stored(server, "big") == "old");
  CHECK(server.unfinished_uploads("test") == 1);
  CHECK(close(writer) == 0);
  CHECK(stored(server, "big") == bytes);
  CHECK(close(reader) == 0);
}

TEST_CASE("what a killed program has written is stored while its child has the descriptor") {
  TestServer server;
  Mounted mount(server);
  int ends[2] = {-1, -1};
  REQUIRE(pipe(ends) == 0);
  const pid_t writer = fork();
  if (writer == 0) {
    const int file = open(mount.path("f").c_str(), O_WRONLY | O_CREAT, 0644);
    bool wrote = write(file, "partial", 7) == 7;
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    wrote = wrote && write(ends[1], &child, sizeof child) == sizeof child;
    pause();
    _exit(wrote ? 0 : 1);
  }
  pid_t child = 0;
  REQUIRE(read(ends[0], &child, sizeof child) == sizeof child);
  REQUIRE(kill(writer, SIGKILL) == 0);
  REQUIRE(waitpid(writer, nullptr, 0) == writer);
  CHECK(eventually([&] { return stored(server, "f") == "partial"; }));
  CHECK(kill(child, SIGKILL) == 0);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace penstock::test
