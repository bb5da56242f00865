// SPDX-License-Identifier: Apache-2.0
// What programs do on a mount is noted, and can be played on another.
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "mount/mounted_bucket.h"
#include "mount/requests_made.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// How many lines have all of `parts`.
size_t count(const std::vector<std::string>& lines, const std::vector<std::string>& parts) {
  return static_cast<size_t>(std::ranges::count_if(lines, [&](const std::string& line) {
    return std::ranges::all_of(
        parts, [&](const std::string& part) { return line.find(part) != std::string::npos; });
  }));
}

TEST_CASE("what programs ask of a mount is in its access log") {
  TestServer server;
  server.put_object("test", "d/f", random_bytes(300'000, 1));
  const TempFolder folder;
  const std::filesystem::path log = folder.path() / "access";
  {
    Mounted mount(server, {.options = {"--access-log", log}});
    CHECK(read_file(mount.path("d/f")).size() == 300'000);
    CHECK_FALSE(std::filesystem::exists(mount.path("d/missing")));
    write_file(mount.path("d/new"), "bytes");
    std::filesystem::rename(mount.path("d/new"), mount.path("d/\xff"));
    server.add_fault(
        {.operation = "DeleteObject", .key = "d/f", .kind = "error:403:AccessDenied", .times = 1});
    std::error_code refused;
    std::filesystem::remove(mount.path("d/f"), refused);
    CHECK(refused == std::errc::permission_denied);
    CHECK(mount.unmount() == 0);
  }
  const std::vector<std::string> lines = lines_of(log);
  CHECK(count(lines, {"\"op\":\"mount\"", "s3://test"}) == 1);
  CHECK(count(lines, {"\"op\":\"open\"", "\"path\":\"d/f\"", "\"flags\":\"r\""}) == 1);
  CHECK(count(lines, {"\"op\":\"read\"", "\"path\":\"d/f\"", "\"offset\":0,"}) == 1);
  CHECK(count(lines, {"\"op\":\"lookup\"", "\"path\":\"d/missing\"", "\"error\":\"ENOENT\""}) == 1);
  CHECK(count(lines, {"\"op\":\"create\"", "\"path\":\"d/new\""}) == 1);
  CHECK(count(lines, {"\"op\":\"write\"", "\"path\":\"d/new\"", "\"size\":5"}) == 1);
  CHECK(count(lines, {"\"op\":\"rename\"", "\"path\":\"d/new\"", "\"to_hex\":\"642fff\""}) == 1);
  CHECK(count(lines, {"\"op\":\"unlink\"", "\"path\":\"d/f\"", "\"error\":\"EACCES\""}) == 1);
  struct stat attributes {};
  REQUIRE(stat(log.c_str(), &attributes) == 0);
  CHECK((attributes.st_mode & 0777) == 0600);
}

TEST_CASE("an access log that is played fetches the same bytes from another mount") {
  TestServer server;
  constexpr int files = 30;
  for (int i = 0; i < files; ++i)
    server.put_object("test", "train/" + std::to_string(i), random_bytes(20'000, 1));
  const TempFolder folder;
  const std::filesystem::path log = folder.path() / "access";
  {
    Mounted mount(server, {.options = {"--access-log", log}});
    for (int i = 0; i < files; ++i) read_file(mount.path("train/" + std::to_string(i)));
  }
  const std::filesystem::path again = folder.path() / "again";
  Mounted other(server, {.options = {"--access-log", again}});
  server.reset_stats();
  const Ran ran = run_penstock({"replay", "--speed", "max", log, other.path()});
  CAPTURE(ran.output);
  CHECK(ran.status == 0);
  CHECK(requests(server, "GetObject") == files);
  CHECK(other.unmount() == 0);
  CHECK(count(lines_of(again), {"\"op\":\"read\"", "\"bytes\":20000"}) == files);
}

TEST_CASE("SIGHUP has a mount open its access log again") {
  TestServer server;
  const TempFolder folder;
  const std::filesystem::path log = folder.path() / "access";
  Mounted mount(server, {.options = {"--access-log", log}});
  std::filesystem::rename(log, folder.path() / "access.1");
  kill(mount.pid(), SIGHUP);
  CHECK(eventually([&] { return std::filesystem::exists(log); }));
  write_file(mount.path("f"), "bytes");
  CHECK(eventually([&] { return count(lines_of(log), {"\"op\":\"create\""}) == 1; }));
  CHECK(count(lines_of(folder.path() / "access.1"), {"\"op\":\"mount\""}) == 1);
}

TEST_CASE("a mount whose access log cannot be written says so and does not begin") {
  const TempFolder folder;
  std::filesystem::create_directories(folder.path() / "store");
  std::filesystem::create_directories(folder.path() / "mnt");
  const Ran ran =
      run_penstock({"mount", "--access-log", "/missing/folder/log",
                    "file://" + (folder.path() / "store").string(), folder.path() / "mnt"});
  CAPTURE(ran.output);
  CHECK(ran.status == 1);
  CHECK(says(ran, "cannot write the log file /missing/folder/log: No such file or directory"));
}

}  // namespace
}  // namespace penstock::test
