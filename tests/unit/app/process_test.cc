// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "app/daemon/background.h"
#include "app/daemon/flush_on_abort.h"
#include "app/directories.h"
#include "app/signals.h"
#include "app/unmount.h"
#include "support/catch.h"

namespace penstock {
namespace {

struct Started {
  int status = 0;
  std::string err;
};

/// Runs `serve` in the background as a mount would; the child never comes back into the test.
Started start(const std::function<void(StartReport&)>& serve) {
  std::ostringstream out;
  std::ostringstream err;
  bool in_child = false;
  const int status = run_in_background(
      {.out = out, .err = err},
      [&](StartReport& report) -> int {
        serve(report);
        _exit(3);
      },
      in_child);
  return {status, err.str()};
}

TEST_CASE("the starter learns that the mount works, or why not") {
  const Started good = start([](StartReport& report) { report.ready(); });
  CHECK(good.status == 0);
  CHECK(good.err.empty());
  const Started bad = start([](StartReport& report) { report.failed("no such bucket"); });
  CHECK(bad.status == 1);
  CHECK(bad.err == "penstock: no such bucket\n");
}

TEST_CASE("the starter notices a process that dies without a word") {
  const Started killed = start([](StartReport&) { kill(getpid(), SIGKILL); });
  CHECK(killed.status == 1);
  CHECK(killed.err.find("killed by signal 9") != std::string::npos);
  const Started exited = start([](StartReport&) {});
  CHECK(exited.status == 1);
  CHECK(exited.err.find("exited with status 3") != std::string::npos);
}

TEST_CASE("the child has a session of its own and keeps no directory busy") {
  const Started started = start([](StartReport& report) {
    const bool right = getsid(0) == getpid() && std::filesystem::current_path() == "/";
    right ? static_cast<void>(report.ready()) : report.failed("not detached");
  });
  CHECK(started.err.empty());
}

TEST_CASE("the child lets go of what its starter has inherited") {
  std::string name = (std::filesystem::temp_directory_path() / "penstock-lock-XXXXXX").string();
  const int lock = mkstemp(name.data());
  REQUIRE(lock >= 0);
  REQUIRE(fcntl(lock, F_SETFD, 0) == 0);
  const Started started = start([&](StartReport& report) {
    const bool closed = fcntl(lock, F_GETFD) < 0 && fcntl(STDERR_FILENO, F_GETFD) >= 0;
    closed ? static_cast<void>(report.ready()) : report.failed("still open");
  });
  CHECK(started.err.empty());
  close(lock);
  std::filesystem::remove(name);
}

TEST_CASE("a child whose starter is gone learns it") {
  std::string folder = (std::filesystem::temp_directory_path() / "penstock-gone-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string answers = folder + "/answers";
  const std::string gone = folder + "/gone";
  REQUIRE(mkfifo(answers.c_str(), 0600) == 0);
  REQUIRE(mkfifo(gone.c_str(), 0600) == 0);
  // Another process starts the child and is killed before it has heard from it.
  const pid_t starter = fork();
  if (starter == 0) {
    if (open(gone.c_str(), O_RDWR | O_CLOEXEC) < 0) _exit(1);
    start([&, parent = getpid()](StartReport& report) {
      const int end_of_parent = open(gone.c_str(), O_RDONLY | O_CLOEXEC);
      kill(parent, SIGKILL);
      // A new parent would not tell: a thread of the old one may still hold its end of the pipe.
      char end = 0;
      if (read(end_of_parent, &end, 1) != 0) _exit(1);
      const char answer = report.ready() ? 'y' : 'n';
      const int to_test = open(answers.c_str(), O_WRONLY | O_CLOEXEC);
      _exit(write(to_test, &answer, 1) == 1 ? 0 : 1);
    });
    _exit(0);
  }
  waitpid(starter, nullptr, 0);
  const int from_child = open(answers.c_str(), O_RDONLY | O_CLOEXEC);
  char answer = 0;
  CHECK(read(from_child, &answer, 1) == 1);
  CHECK(answer == 'n');
  close(from_child);
  std::filesystem::remove_all(folder);
}

TEST_CASE("SIGINT, SIGTERM and SIGHUP reach the function") {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  {
    std::map<int, std::promise<void>> answers;
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) answers[number];
    SignalWatcher watcher([&](int number) { answers.at(number).set_value(); });
    for (auto& [number, answer] : answers) {
      kill(getpid(), number);
      CHECK(answer.get_future().wait_for(std::chrono::minutes(1)) == std::future_status::ready);
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
}

TEST_CASE("a process that aborts writes first what was said to the log") {
  std::string folder = (std::filesystem::temp_directory_path() / "penstock-abort-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string name = folder + "/log";
  REQUIRE(mkfifo(name.c_str(), 0600) == 0);
  const int reader = open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(fcntl(reader, F_SETFL, 0) == 0);
  constexpr int lines = 200;  // three times what a pipe holds
  const pid_t child = fork();
  if (child == 0) {
    close(reader);
    const std::shared_ptr<Log> log = Log::to_file(name, LogLevel::info);
    const FlushOnAbort flush_on_abort(*log);
    for (int i = 0; i < lines; ++i) log->info("{}{}", std::string(1000, '.'), i);
    std::abort();
  }
  pollfd begun{.fd = reader, .events = POLLIN, .revents = 0};
  REQUIRE(poll(&begun, 1, -1) == 1);  // else reading ends before the child has opened it
  std::string text;
  std::array<char, 4096> piece{};
  while (!text.ends_with(fmt::format(".{}\n", lines - 1))) {
    const ssize_t got = read(reader, piece.data(), piece.size());
    if (got <= 0) break;
    text.append(piece.data(), static_cast<size_t>(got));
  }
  CHECK(std::ranges::count(text, '\n') == lines);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  close(reader);
  std::filesystem::remove_all(folder);
}

TEST_CASE("directories follow the user") {
  const Environment root{.uid = 0};
  CHECK(default_state_directory(root) == "/var/lib/penstock");
  CHECK(runtime_directory(root) == "/run/penstock");
  const Environment ann{.variables = {{"HOME", "/home/ann"}}, .uid = 1000};
  CHECK(default_state_directory(ann) == "/home/ann/.local/state/penstock");
  CHECK(runtime_directory(ann) == "/tmp/penstock-1000");
  const Environment xdg{
      .variables = {{"HOME", "/h"}, {"XDG_STATE_HOME", "/s"}, {"XDG_RUNTIME_DIR", "/r"}},
      .uid = 1000};
  CHECK(default_state_directory(xdg) == "/s/penstock");
  CHECK(runtime_directory(xdg) == "/r/penstock");
  CHECK(runtime_directories_of(xdg, 1000).front() == "/r/penstock");
  CHECK(runtime_directories_of(root, 1000) ==
        std::vector<std::string>{"/run/user/1000/penstock", "/tmp/penstock-1000"});
  CHECK(runtime_directories_of(xdg, 0) == std::vector<std::string>{"/run/penstock"});
}

TEST_CASE("the users of a mount are found by what /proc links to") {
  std::string name = (std::filesystem::temp_directory_path() / "penstock-proc-XXXXXX").string();
  const std::filesystem::path proc = mkdtemp(name.data());
  const auto add = [&](const char* pid, const char* comm, const char* cwd, const char* file) {
    std::filesystem::create_directories(proc / pid / "fd");
    std::filesystem::create_symlink(cwd, proc / pid / "cwd");
    std::filesystem::create_symlink(file, proc / pid / "fd" / "3");
    std::ofstream(proc / pid / "comm") << comm << "\n";
  };
  add("30", "python3", "/", "/mnt/data/x");
  add("4", "bash", "/mnt/data", "/dev/null");
  add("5", "vi", "/home", "/mnt/database");
  std::filesystem::create_directories(proc / "sys");
  const std::vector<MountUser> users = find_mount_users(proc.string(), "/mnt/data");
  REQUIRE(users.size() == 2);
  CHECK(users[0].pid == 4);
  CHECK(users[0].name == "bash");
  CHECK(users[1].pid == 30);
  CHECK(users[1].name == "python3");
  CHECK(find_mount_users("/nowhere", "/mnt").empty());
  std::filesystem::remove_all(proc);
}

}  // namespace
}  // namespace penstock
