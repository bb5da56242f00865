// SPDX-License-Identifier: Apache-2.0
// Access logs that are played again, on plain directories.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "app/access/replayer.h"
#include "app/commands/run.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

AccessRecord operation(const std::string& name, std::optional<std::string> path,
                       int64_t began_us = 0, int64_t took_us = 0) {
  AccessRecord record;
  record.began_us = began_us;
  record.took_us = took_us;
  record.operation = name;
  record.path = std::move(path);
  return record;
}

AccessRecord opened(const std::string& path, uint64_t handle, const std::string& flags = "r",
                    const char* how = "open") {
  AccessRecord record = operation(how, path);
  record.handle = handle;
  record.flags = flags;
  return record;
}

AccessRecord used(const std::string& name, uint64_t handle, uint64_t offset = 0,
                  uint64_t size = 0) {
  AccessRecord record = operation(name, std::nullopt);
  record.handle = handle;
  record.offset = offset;
  record.size = size;
  return record;
}

struct Ground {
  void put(const std::string& path, const std::string& bytes) const {
    fs::create_directories((folder.path() / fs::path(path)).parent_path());
    std::ofstream(folder.path() / fs::path(path)) << bytes;
  }
  std::string bytes(const std::string& path) const {
    std::ostringstream text;
    text << std::ifstream(folder.path() / fs::path(path)).rdbuf();
    return text.str();
  }
  std::string log_of(const std::vector<AccessRecord>& records) const {
    const std::string file = elsewhere.path() + "/log";
    std::ofstream stream(file);
    for (const AccessRecord& record : records) stream << to_line(record);
    return file;
  }
  std::unique_ptr<ReplayTarget> target(bool changes = false) const {
    auto target = ReplayTarget::open(folder.path(), changes);
    if (!target) FAIL(target.error().message());
    return std::move(*target);
  }

  TempDir folder;
  TempDir elsewhere;
};

/// What `penstock replay` says and returns.
std::pair<int, std::string> run_replay(std::vector<std::string> arguments) {
  std::ostringstream out;
  arguments.insert(arguments.begin(), {"penstock", "replay"});
  const int status = run(arguments, {out, out}, {});
  return {status, out.str()};
}

TEST_CASE("reads of a log are played with their offsets and sizes") {
  const Ground ground;
  ground.put("d/f", "0123456789");
  const auto target = ground.target();
  CHECK(target->play(opened("d/f", 5))->error == 0);
  CHECK(target->play(used("read", 5, 4, 3))->bytes == 3);
  CHECK(target->play(used("read", 5, 8, 100))->bytes == 2);
  CHECK(target->play(used("release", 5))->error == 0);
  CHECK_FALSE(target->play(used("read", 5, 0, 1)));  // not open any more
  CHECK(target->play(opened("d/missing", 6))->error == ENOENT);
  CHECK_FALSE(target->play(used("read", 6, 0, 1)));
  CHECK(target->play(operation("lookup", "d/f"))->error == 0);
  CHECK(target->play(operation("lookup", "d/g"))->error == ENOENT);
  CHECK(target->play(operation("getattr", ""))->error == 0);
  AccessRecord listed = operation("opendir", "d");
  listed.handle = 5;  // directories count apart from files
  CHECK(target->play(listed)->error == 0);
  CHECK(target->play(used("readdir", 5))->error == 0);
  CHECK(target->play(used("releasedir", 5))->error == 0);
  CHECK_FALSE(target->play(used("readdir", 5)));
}

TEST_CASE("what was open when a mount ended is closed where the log goes on with the next") {
  const Ground ground;
  ground.put("f", "bytes");
  const auto target = ground.target();
  CHECK(target->play(opened("f", 1))->error == 0);
  CHECK_FALSE(target->play(operation("mount", "")));
  CHECK_FALSE(target->play(used("read", 1, 0, 5)));
}

TEST_CASE("changes of a log are played only where that is wanted") {
  const Ground ground;
  ground.put("f", "bytes");
  ground.put("old/x", "x");
  AccessRecord moved = operation("rename", "old");
  moved.to = "new";
  AccessRecord cut = operation("setattr", "f");
  cut.size = 2;
  const std::vector<AccessRecord> changes{opened("made", 1, "w+trunc", "create"),
                                          used("write", 1, 0, 4),
                                          used("release", 1),
                                          operation("mkdir", "dir"),
                                          moved,
                                          cut,
                                          operation("unlink", "new/x"),
                                          operation("rmdir", "new")};
  SECTION("not wanted") {
    const auto target = ground.target();
    for (const AccessRecord& change : changes) CHECK_FALSE(target->play(change));
    CHECK(ground.bytes("f") == "bytes");
    CHECK(ground.bytes("old/x") == "x");
    CHECK_FALSE(fs::exists(ground.folder.path() + "/made"));
  }
  SECTION("wanted") {
    const auto target = ground.target(true);
    for (const AccessRecord& change : changes) {
      CAPTURE(change.operation);
      const std::optional<Played> played = target->play(change);
      REQUIRE(played);
      CHECK(played->error == 0);
    }
    CHECK(ground.bytes("made").size() == 4);
    CHECK(ground.bytes("f") == "by");
    CHECK(fs::is_directory(ground.folder.path() + "/dir"));
    CHECK_FALSE(fs::exists(ground.folder.path() + "/old"));
    CHECK_FALSE(fs::exists(ground.folder.path() + "/new"));
  }
}

TEST_CASE("a replay follows no symbolic link out of its directory") {
  const Ground ground;
  std::ofstream(ground.elsewhere.path() + "/secret") << "secret";
  fs::create_directory_symlink(ground.elsewhere.path(), ground.folder.path() + "/out");
  fs::create_symlink(ground.elsewhere.path() + "/secret", ground.folder.path() + "/link");
  const auto target = ground.target(true);
  CHECK(target->play(opened("out/secret", 1))->error == ELOOP);
  CHECK(target->play(opened("link", 1))->error == ELOOP);
  CHECK(target->play(opened("link", 1, "w+trunc"))->error == ELOOP);
  CHECK(target->play(operation("unlink", "out/secret"))->error == ELOOP);
  AccessRecord cut = operation("setattr", "link");
  cut.size = 0;
  CHECK(target->play(cut)->error == ELOOP);
  CHECK(fs::file_size(ground.elsewhere.path() + "/secret") == 6);
}

TEST_CASE("what began after another had ended does so in the replay, too") {
  // A name that is made and deleted again and again has the recorded answers in that order alone.
  const Ground ground;
  std::vector<AccessRecord> records;
  for (int round = 0; round < 200; ++round) {
    const int64_t at = round * 10;
    AccessRecord unlink = operation("unlink", "dir/n", at + 5, 2);
    AccessRecord link = operation("symlink", "dir/n", at, 3);
    link.to = "somewhere";
    records.push_back(unlink);
    records.push_back(link);
  }
  fs::create_directory(ground.folder.path() + "/dir");
  auto log = ReplayLog::open(ground.log_of(records));
  REQUIRE(log);
  const auto target = ground.target(true);
  ReplayReport report;
  const auto times = Replayer(*log, *target, report, {.speed = 0, .jobs = 8}).run();
  REQUIRE(times);
  CHECK(times->recorded == std::chrono::microseconds(199 * 10 + 7));
  CHECK(report.other_answers() == 0);
  CHECK(report.text(times->recorded, times->played).find("400 operations in ") !=
        std::string::npos);
}

TEST_CASE("penstock replay says how often the answer was another one") {
  const Ground ground;
  ground.put("f", "bytes");
  AccessRecord missing = operation("lookup", "g");
  missing.error = ENOENT;
  const std::vector<AccessRecord> records{operation("mount", ""), operation("lookup", "f"), missing,
                                          operation("unlink", "f")};
  const std::string log = ground.log_of(records);
  auto [status, text] = run_replay({log, ground.folder.path()});
  CAPTURE(text);
  CHECK(status == 0);
  CHECK(text.find("2 operations in ") != std::string::npos);
  CHECK(text.find("2 operations not played") != std::string::npos);
  ground.put("g", "there now");
  auto [other, json] = run_replay({"--json", "--speed", "max", log, ground.folder.path()});
  CAPTURE(json);
  CHECK(other == 2);
  CHECK(json.find("\"lookup\": {\"count\": 2, \"other_answers\": 1") != std::string::npos);
}

TEST_CASE("penstock replay says what is wrong with its arguments and its log") {
  const Ground ground;
  const std::string log = ground.elsewhere.path() + "/log";
  const auto says = [&](std::vector<std::string> arguments, const std::string& part) {
    const auto [status, text] = run_replay(std::move(arguments));
    CAPTURE(text);
    CHECK(status == 1);
    CHECK(text.find(part) != std::string::npos);
  };
  says({log}, "penstock replay LOG DIR");
  says({log, ground.folder.path()}, "cannot be read: No such file or directory");
  std::ofstream(log).flush();
  says({log, ground.folder.path()}, "has no operation");
  std::ofstream(log) << to_line(operation("lookup", "f")) << "2026-12-01 info hello\n"
                     << to_line(operation("lookup", "f"));
  says({log, ground.folder.path()}, "line 2 of " + log + " is none of an --access-log");
  std::ofstream(log) << to_line(operation("lookup", "f"));
  says({"--speed", "0", log, ground.folder.path()}, "--speed 0 is neither max nor a number");
  says({"--jobs", "0", log, ground.folder.path()}, "--jobs 0 is no number from 1 to 4096");
  says({log, ground.folder.path() + "/missing"}, "cannot be opened");
}

TEST_CASE("a log that was cut off, or has lost lines, is played as far as it goes") {
  const Ground ground;
  ground.put("f", "bytes");
  const std::string log = ground.log_of({operation("lookup", "f")});
  std::ofstream(log, std::ios::app) << "{\"remark\":\"3 lines of the log were lost\"}\n"
                                    << to_line(operation("getattr", "f")).substr(0, 20);
  const auto [status, text] = run_replay({log, ground.folder.path()});
  CAPTURE(text);
  CHECK(status == 0);
  CHECK(text.find("3 lines of the log were lost") != std::string::npos);
  CHECK(text.find("the last line is cut off") != std::string::npos);
  CHECK(text.find("1 operation in ") != std::string::npos);
}

}  // namespace
}  // namespace penstock::test
