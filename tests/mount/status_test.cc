// SPDX-License-Identifier: Apache-2.0
// What a user sees of files that are written and not in the bucket yet.
#include <cstdio>
#include <thread>

#include "mount/mounted_bucket.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

Ran run_well(std::vector<std::string> arguments) {
  Ran ran = run_penstock(std::move(arguments));
  CHECK(ran.status == 0);
  return ran;
}

TEST_CASE("status tells what is pending, for how long and why; detached files arrive later") {
  TestServer server;
  TempFolder journals;
  const MountSettings settings{.options = {"--write-back", "--journal-dir", journals.path()}};
  const std::vector<std::string> status{"status", "--journal-dir", journals.path()};
  {
    Mounted mount(server, settings);
    CHECK(says(run_well(status), "everything that was closed is in its bucket"));
    server.add_fault(
        {.operation = "PutObject", .key = "f", .kind = "error:403:AccessDenied", .times = -1});
    write_file(mount.path("f"), "bytes");
    CHECK(eventually([&] { return says(run_well(status), "AccessDenied"); }));
    const Ran text = run_well(status);
    CHECK(says(text, "(mounted): 1 file, 5B to upload"));
    CHECK(says(text, "is tried again"));
    run_well({"umount", "--detach-pending", mount.path()});
    CHECK(eventually([&] { return mount.log().find("left in the journal") != std::string::npos; }));
  }
  CHECK_FALSE(server.object("test", "f"));
  CHECK(says(run_well(status), "not mounted: the next mount uploads it"));
  CHECK(says(run_well({"status", "--json", "--journal-dir", journals.path()}),
             "\"key\": \"f\", \"size\": 5"));
  server.clear_faults();
  Mounted again(server, settings);
  CHECK(eventually([&] { return server.object("test", "f") == "bytes"; }));
  CHECK(eventually([&] { return says(run_well(status), "everything that was closed"); }));
}

TEST_CASE("status tells how far the rename of a directory is") {
  TestServer server;
  for (int i = 0; i < 40; ++i) server.put_object("test", "old/f" + std::to_string(i), "x");
  Mounted mount(server);
  server.add_fault({.operation = "CopyObject", .kind = "delay:3000", .times = 1, .skip = 30});
  std::thread renaming(
      [&] { CHECK(rename(mount.path("old").c_str(), mount.path("new to").c_str()) == 0); });
  CHECK(eventually(
      [] { return says(run_well({"status"}), "renaming 'old/' to 'new to/': copying"); }));
  CHECK(says(run_well({"status", "--json"}),
             R"("from": "old/", "to": "new to/", "phase": "copying")"));
  renaming.join();
  CHECK_FALSE(says(run_well({"status"}), "renaming"));
}

}  // namespace
}  // namespace penstock::test
