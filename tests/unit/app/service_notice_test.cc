// SPDX-License-Identifier: Apache-2.0
#include "app/daemon/service_notice.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>

#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

/// What systemd listens on.
class Manager {
 public:
  explicit Manager(const std::string& address) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    address.copy(name.sun_path, sizeof(name.sun_path));
    if (address[0] == '@') name.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
    REQUIRE(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), size) == 0);
  }

  std::string next() { return receive(0); }
  /// Empty: there is none now.
  std::string next_if_any() { return receive(MSG_DONTWAIT); }

 private:
  std::string receive(int flags) {
    std::array<char, 1024> text{};
    const ssize_t size = recv(socket_.get(), text.data(), text.size(), flags);
    return size < 0 ? "" : std::string(text.data(), static_cast<size_t>(size));
  }
  OwnedFd socket_;
};

ServiceNotice::Parts parts(std::function<bool()> answers, std::function<std::string()> status) {
  return {.answers = std::move(answers),
          .moves = [] { return true; },
          .status = std::move(status),
          .period = std::chrono::milliseconds(1)};
}

TEST_CASE("a mount that answers is ready, and what it says of itself is told when it changes") {
  const test::TempDir folder;
  for (const std::string& address :
       {folder.path() + "/notify", "@penstock-test-" + std::to_string(getpid())}) {
    Manager manager(address);
    int asked = 0;
    std::atomic<int> pending = 2;
    const auto notice = ServiceNotice::start(
        {.variables = {{"NOTIFY_SOCKET", address}}},
        parts([&] { return ++asked == 3; }, [&] { return std::to_string(pending) + " pending"; }));
    REQUIRE(notice != nullptr);
    CHECK(manager.next() == "READY=1");
    CHECK(asked == 3);
    CHECK(manager.next() == "STATUS=2 pending");
    pending = 1;
    CHECK(manager.next() == "STATUS=1 pending");
    notice->stopping();
    notice->stopping();
    CHECK(manager.next() == "STOPPING=1");
    notice->forget_mount();
    pending = 0;
    CHECK(manager.next_if_any().empty());
  }
}

TEST_CASE("the watchdog hears of the mount for as long as it moves") {
  const test::TempDir folder;
  Manager manager(folder.path() + "/notify");
  std::atomic<bool> hangs = false;
  std::atomic<int> looked = 0;
  ServiceNotice::Parts mount = parts([] { return true; }, [] { return "x"; });
  mount.moves = [&] {
    ++looked;
    return !hangs;
  };
  const auto notice =
      ServiceNotice::start({.variables = {{"NOTIFY_SOCKET", folder.path() + "/notify"},
                                          {"WATCHDOG_USEC", "9000"},
                                          {"WATCHDOG_PID", std::to_string(getpid())}}},
                           std::move(mount));
  REQUIRE(notice != nullptr);
  CHECK(manager.next() == "READY=1");
  CHECK(manager.next() == "WATCHDOG=1");
  CHECK(manager.next() == "STATUS=x");
  CHECK(manager.next() == "WATCHDOG=1");
  // When the second look from now has begun, what was found before has been sent.
  const auto look = [&] {
    for (const int before = looked; looked < before + 2;) std::this_thread::yield();
  };
  hangs = true;
  look();
  while (!manager.next_if_any().empty()) continue;
  look();
  CHECK(manager.next_if_any().empty());
  hangs = false;
  CHECK(manager.next() == "WATCHDOG=1");
  notice->forget_mount();
}

TEST_CASE("nobody is told where nobody asked") {
  const test::TempDir folder;
  const auto start = [&](std::map<std::string, std::string> variables) {
    return ServiceNotice::start({.variables = std::move(variables)},
                                parts([] { return true; }, [] { return ""; }));
  };
  CHECK(start({}) == nullptr);
  CHECK(start({{"NOTIFY_SOCKET", ""}}) == nullptr);
  CHECK(start({{"NOTIFY_SOCKET", "vsock:2:1234"}}) == nullptr);
  CHECK(start({{"NOTIFY_SOCKET", "/" + std::string(200, 'x')}}) == nullptr);
  // A manager that is gone does not matter; another process's watchdog is not this one's.
  CHECK(start({{"NOTIFY_SOCKET", folder.path() + "/gone"}}) != nullptr);
  Manager manager(folder.path() + "/notify");
  std::atomic<int> looked = 0;
  const auto other = ServiceNotice::start(
      {.variables = {{"NOTIFY_SOCKET", folder.path() + "/notify"},
                     {"WATCHDOG_USEC", "3000"},
                     {"WATCHDOG_PID", "1"}}},
      parts([] { return true; }, [&] { return ++looked > 20 ? "late" : "early"; }));
  CHECK(manager.next() == "READY=1");
  CHECK(manager.next() == "STATUS=early");
  CHECK(manager.next() == "STATUS=late");
}

}  // namespace
}  // namespace penstock
