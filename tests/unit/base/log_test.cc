// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/log_writer.h"
#include "base/mutex.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

/// What a log's thread meets, which may outlive the log.
class Place {
 public:
  void hold() EXCLUDES(mutex_) { set_held(true); }
  void release() EXCLUDES(mutex_) { set_held(false); }
  void refuse(int lines) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    refused_ = lines;
  }

  bool write(const std::string& text) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    arrived_ = true;
    changed_.notify_all();
    while (held_) changed_.wait(mutex_);
    if (refused_ > 0) {
      --refused_;
      return false;
    }
    lines_.push_back(text);
    changed_.notify_all();
    return true;
  }

  /// Waits until the thread is held up.
  void wait_arrived() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (!arrived_) changed_.wait(mutex_);
  }
  std::vector<std::string> wait_lines(size_t count) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (lines_.size() < count) changed_.wait(mutex_);
    return lines_;
  }

 private:
  void set_held(bool held) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }

  Mutex mutex_;
  CondVar changed_;
  bool held_ GUARDED_BY(mutex_) = false;
  bool arrived_ GUARDED_BY(mutex_) = false;
  int refused_ GUARDED_BY(mutex_) = 0;
  std::vector<std::string> lines_ GUARDED_BY(mutex_);
};

class PlaceSink final : public LogSink {
 public:
  explicit PlaceSink(std::shared_ptr<Place> place) : place_(std::move(place)) {}
  bool write(const LogLine& line) override { return place_->write(line.text); }
  std::optional<std::string> reopen() override {
    place_->write("reopened");
    return std::nullopt;
  }

 private:
  const std::shared_ptr<Place> place_;
};

struct World {
  std::shared_ptr<Place> place = std::make_shared<Place>();
  std::unique_ptr<Log> log(LogLimits limits) {
    return std::make_unique<LogWriter>(LogLevel::debug, std::make_unique<PlaceSink>(place), limits);
  }
};

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST_CASE("who speaks goes on while the log's sink does not, and what was lost is told") {
  World world;
  world.place->hold();
  constexpr size_t room = 100;
  const auto log = world.log({.room = room * (sizeof(LogLine) + 5), .patience = milliseconds(0)});
  log->info("first");
  world.place->wait_arrived();
  for (int i = 0; i < 1000; ++i) log->info("l{:04}", i);
  world.place->release();
  std::vector<std::string> lines = world.place->wait_lines(1 + room + 1);
  CHECK(lines[0] == "first");
  CHECK(lines[room] == fmt::format("l{:04}", room - 1));
  CHECK(lines[room + 1] == "900 lines of the log were lost: it could not be written");
  log->info("later");
  lines = world.place->wait_lines(1 + room + 2);
  CHECK(lines.back() == "later");
}

TEST_CASE("a line that matters waits for room, one for debugging does not") {
  World world;
  world.place->hold();
  constexpr size_t room = 10;
  const auto log = world.log({.room = room * (sizeof(LogLine) + 5), .patience = hours(1)});
  log->debug("first");
  world.place->wait_arrived();
  for (int i = 0; i < 10; ++i) log->debug("l{:04}", i);
  SECTION("the line that matters") {
    std::jthread speaker([&] {
      for (int i = 10; i < 100; ++i) log->info("l{:04}", i);
    });
    world.place->release();
    const std::vector<std::string> lines = world.place->wait_lines(101);
    CHECK(lines.back() == "l0099");
  }
  SECTION("one for debugging") {
    log->debug("not heard");
    world.place->release();
    const std::vector<std::string> lines = world.place->wait_lines(12);
    CHECK(lines.back() == "1 lines of the log were lost: it could not be written");
  }
}

TEST_CASE("lines that the sink refuses are counted too") {
  World world;
  world.place->refuse(2);
  auto log = world.log({});
  for (int i = 0; i < 3; ++i) log->warning("l{}", i);
  log.reset();
  CHECK(world.place->wait_lines(2) ==
        std::vector<std::string>{"2 lines of the log were lost: it could not be written", "l2"});
}

TEST_CASE("the end of a log writes what was said, and does not wait for a sink that hangs") {
  World world;
  SECTION("a sink that works") {
    auto log = world.log({.farewell = hours(1)});
    for (int i = 0; i < 1000; ++i) log->info("l{}", i);
    log.reset();
    CHECK(world.place->wait_lines(0).size() == 1000);
  }
  SECTION("a sink that hangs") {
    world.place->hold();
    auto log = world.log({.farewell = milliseconds(1)});
    log->info("first");
    log->info("second");
    CHECK_FALSE(log->wait_written(milliseconds(0)));
    log.reset();
    CHECK(world.place->wait_lines(0).empty());
    world.place->release();
    CHECK(world.place->wait_lines(2).back() == "second");
  }
}

TEST_CASE("a log is opened again between the lines before and after") {
  World world;
  world.place->hold();
  const auto log = world.log({});
  log->info("before");
  log->reopen();
  log->info("after");
  world.place->release();
  CHECK(world.place->wait_lines(3) == std::vector<std::string>{"before", "reopened", "after"});
}

TEST_CASE("a log file has a line for each message, whatever the message has in it") {
  const test::TempDir folder;
  const std::string name = folder.path() + "/log";
  std::ofstream(name) << "what was there\n";
  Log::to_file(name, LogLevel::info)->warning("a key: {}", "x\n\x1b");
  Log::to_file(name, LogLevel::info)->debug("not said");
  const std::regex expected(
      "what was there\n"
      "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3} warning a key: x\\\\x0a\\\\x1b\n");
  CHECK(std::regex_match(content(name), expected));
  CHECK_THROWS_WITH(Log::to_file(folder.path(), LogLevel::info),
                    "cannot write the log file " + folder.path() + ": Is a directory");
}

TEST_CASE("a log file that is renamed is written on until the log is opened again") {
  const test::TempDir folder;
  const std::string name = folder.path() + "/log";
  auto log = Log::to_file(name, LogLevel::info);
  std::filesystem::rename(name, folder.path() + "/old");
  log->info("one");
  log->reopen();
  log->info("two");
  REQUIRE(log->wait_written(hours(1)));
  CHECK(content(folder.path() + "/old").ends_with(" info one\n"));
  CHECK(content(name).ends_with(" info two\n"));
  // Where it cannot be opened it is gone on with.
  std::filesystem::rename(name, folder.path() + "/second");
  std::filesystem::create_directory(name);
  log->reopen();
  log->info("three");
  REQUIRE(log->wait_written(hours(1)));
  const std::string second = content(folder.path() + "/second");
  CHECK(second.find(" warning cannot write the log file") != std::string::npos);
  CHECK(second.ends_with(" info three\n"));
}

TEST_CASE("a FIFO that nobody reads is a log, and who comes later reads it") {
  const test::TempDir folder;
  const std::string name = folder.path() + "/log";
  REQUIRE(mkfifo(name.c_str(), 0600) == 0);
  const auto log = Log::to_file(name, LogLevel::info);
  log->info("hello");
  REQUIRE(log->wait_written(hours(1)));
  const int reader = open(name.c_str(), O_RDONLY | O_CLOEXEC);
  std::array<char, 256> text{};
  const ssize_t got = read(reader, text.data(), text.size());
  REQUIRE(got > 0);
  CHECK(std::string(text.data(), static_cast<size_t>(got)).ends_with(" info hello\n"));
  close(reader);
}

}  // namespace
}  // namespace penstock
