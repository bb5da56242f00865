// SPDX-License-Identifier: Apache-2.0
// What a user sees of files that are written and not in the bucket yet.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <thread>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

constexpr int pending = 2;
constexpr int unseen = 3;

Ran run_with(int status, std::vector<std::string> arguments) {
  Ran ran = run_penstock(std::move(arguments));
  CAPTURE(ran.output);
  CHECK(ran.status == status);
  return ran;
}

/// What this machine's status says in the end: processes of other tests may still end meanwhile.
bool becomes(int status, const std::vector<std::string>& arguments, const std::string& part) {
  Ran ran;
  const bool seen = eventually([&] {
    ran = run_penstock(arguments);
    return ran.status == status && says(ran, part);
  });
  UNSCOPED_INFO(ran.status << " " << ran.output);
  return seen;
}

TEST_CASE("status tells what is pending, for how long and why; detached files arrive later") {
  TestServer server;
  TempFolder journals;
  TempFolder keep;
  const MountSettings settings{.options = {"--write-back", "--journal-dir", journals.path()},
                               .keep = keep.path()};
  const std::vector<std::string> status{"status", "--journal-dir", journals.path()};
  const std::vector<std::string> elsewhere{"status", "--state-dir", keep.path() / "state"};
  {
    Mounted mount(server, settings);
    CHECK(becomes(0, status, "everything that was closed is in its bucket"));
    server.add_fault(
        {.operation = "PutObject", .key = "f", .kind = "error:403:AccessDenied", .times = -1});
    write_file(mount.path("f"), "bytes");
    CHECK(becomes(pending, status, "AccessDenied"));
    const Ran text = run_with(pending, status);
    CHECK(says(text, "(mounted): 1 file, 5B to upload"));
    CHECK(says(text, "is tried again"));
    run_with(0, {"umount", "--detach-pending", mount.path()});
    CHECK(eventually([&] { return mount.log().find("left in the journal") != std::string::npos; }));
  }
  CHECK_FALSE(server.object("test", "f"));
  CHECK(says(run_with(pending, status), "not mounted: the next mount uploads it"));
  // Wherever the journal is: the state directory says so.
  CHECK(says(run_with(pending, elsewhere), "not mounted: the next mount uploads it"));
  CHECK(says(run_with(pending, {"status", "--json", "--journal-dir", journals.path()}),
             "\"key\": \"f\", \"size\": 5"));
  const std::filesystem::path away = keep.path() / "away";
  std::filesystem::rename(journals.path(), away);
  CHECK(says(run_with(unseen, elsewhere), "a mount kept its journal there, and it is gone"));
  std::filesystem::rename(away, journals.path());
  server.clear_faults();
  {
    Mounted again(server, settings);
    CHECK(eventually([&] { return server.object("test", "f") == "bytes"; }));
    CHECK(becomes(0, status, "everything that was closed"));
  }
  std::filesystem::remove_all(journals.path());
  CHECK(becomes(0, elsewhere, "everything that was closed"));
}

TEST_CASE("status tells of what a mount without write-back has not stored yet") {
  TestServer server;
  Mounted mount(server);
  const int open_file = open(mount.path("f").c_str(), O_WRONLY | O_CREAT, 0644);
  REQUIRE(write(open_file, "bytes", 5) == 5);
  const Ran text = run_with(pending, {"status"});
  CHECK(says(text, "5B not stored yet  f (open for writing)"));
  CHECK(says(text, "1 file not in a bucket yet"));
  CHECK(says(run_with(pending, {"status", "--json"}),
             R"("unstored": [{"path": "f", "size": 5, "open": true}])"));
  // A lazy unmount takes the mount away and goes on storing.
  REQUIRE(umount2(mount.path().c_str(), MNT_DETACH) == 0);
  CHECK(says(run_with(pending, {"status"}),
             "is unmounted; process " + std::to_string(mount.pid()) + " is ending"));
  CHECK(close(open_file) == 0);
  CHECK(becomes(0, {"status"}, "everything that was closed is in its bucket"));
}

TEST_CASE("status tells of a file whose close has failed and that is tried again") {
  TestServer server;
  Mounted mount(server);
  server.add_fault(
      {.operation = "PutObject", .key = "f", .kind = "error:403:AccessDenied", .times = -1});
  CHECK_THROWS_AS(write_file(mount.path("f"), "bytes"), std::system_error);
  CHECK(becomes(pending, {"status"}, "5B not stored yet  f (closed; is tried again)"));
  server.clear_faults();
  CHECK(becomes(0, {"status"}, "everything that was closed is in its bucket"));
}

TEST_CASE("status tells how far the rename of a directory is") {
  TestServer server;
  for (int i = 0; i < 40; ++i) server.put_object("test", "old/f" + std::to_string(i), "x");
  Mounted mount(server);
  server.add_fault({.operation = "CopyObject", .kind = "delay:3000", .times = 1, .skip = 30});
  std::thread renaming(
      [&] { CHECK(rename(mount.path("old").c_str(), mount.path("new to").c_str()) == 0); });
  CHECK(becomes(0, {"status"}, "renaming 'old/' to 'new to/': copying"));
  CHECK(says(run_with(0, {"status", "--json"}),
             R"("from": "old/", "to": "new to/", "phase": "copying")"));
  renaming.join();
  CHECK_FALSE(says(run_with(0, {"status"}), "renaming"));
}

}  // namespace
}  // namespace penstock::test
