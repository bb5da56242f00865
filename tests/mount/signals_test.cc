// SPDX-License-Identifier: Apache-2.0
// Programs that are sent signals while they wait for a server.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "mount/forked_program.h"
#include "mount/mounted_bucket.h"
#include "mount/requests_made.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

void take_note(int) {}

/// The handler that a program has for `number`, without SA_RESTART; the default again at the end.
class Handled {
 public:
  explicit Handled(int number) : number_(number) {
    struct sigaction action {};
    action.sa_handler = take_note;
    sigaction(number, &action, nullptr);
  }
  ~Handled() { std::signal(number_, SIG_DFL); }

 private:
  const int number_;
};

TEST_CASE("a change is made once by a program that makes it again when it was interrupted") {
  TestServer server;
  Mounted mount(server);
  const Handled handled(SIGTERM);
  server.add_fault({.operation = "PutObject", .key = "job.lock", .kind = "delay:3000"});
  const pthread_t program = pthread_self();
  std::jthread signaller([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pthread_kill(program, SIGTERM);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  });
  const std::string path = mount.path("job.lock");
  int held = -1;
  do {
    held = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  } while (held < 0 && errno == EINTR);
  const int error = errno;
  signaller.request_stop();
  signaller.join();
  INFO("errno " << error);
  REQUIRE(held >= 0);
  CHECK(close(held) == 0);
}

TEST_CASE("a look at a name is given up where the program handles the signal") {
  TestServer server;
  Mounted mount(server);
  const Handled handled(SIGTERM);
  server.add_fault({.operation = "HeadObject", .key = "g", .kind = "delay:5000", .times = -1});
  const pthread_t program = pthread_self();
  const uint64_t before = requests(server, "HeadObject");
  std::thread signaller([&] {
    eventually([&] { return requests(server, "HeadObject") > before; });
    pthread_kill(program, SIGTERM);
  });
  CHECK(errno_of([&] { return access(mount.path("g").c_str(), F_OK); }) == EINTR);
  signaller.join();
}

TEST_CASE("a program that waits can be killed after a signal that it has handled") {
  TestServer server;
  Mounted mount(server);
  server.add_fault({.operation = "PutObject", .kind = "hang", .times = -1});
  const int handled = GENERATE(SIGTERM, SIGURG);
  ForkedProgram program([&] {
    const Handled by_program(handled);
    mkdir(mount.path("d").c_str(), 0755);
  });
  CHECK(eventually([&] { return requests(server, "PutObject") > 0; }));
  program.signal(handled);
  CHECK(program.waits_deaf());
  program.signal(SIGKILL);
  CHECK(program.end(40) == 128 + SIGKILL);
  server.clear_faults();
}

/// Processes that are made meanwhile are of another PID namespace, whose mounts do not see ours.
class OtherPids {
 public:
  OtherPids() : own_(open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC)) {
    made = unshare(CLONE_NEWPID) == 0;
  }
  ~OtherPids() {
    if (made) setns(own_, CLONE_NEWPID);
    close(own_);
  }
  bool made = false;

 private:
  const int own_;
};

TEST_CASE("who waits in another PID namespace can be killed") {
  TestServer server;
  std::unique_ptr<Mounted> mount;
  {
    const OtherPids others;
    if (!others.made) {
      WARN("no other PID namespace can be made: skipped");
      return;
    }
    mount = std::make_unique<Mounted>(server);
  }
  server.add_fault({.kind = "hang", .times = -1});
  const uint64_t before = requests(server, "HeadObject");
  ForkedProgram program([&] { access(mount->path("f").c_str(), F_OK); });
  CHECK(eventually([&] { return requests(server, "HeadObject") > before; }));
  program.signal(SIGKILL);
  CHECK(program.end(40) == 128 + SIGKILL);
  server.clear_faults();
}

}  // namespace
}  // namespace penstock::test
