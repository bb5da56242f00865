// SPDX-License-Identifier: Apache-2.0
// penstock restore: through a mount, and without one.
#include <csignal>

#include "mount/mounted_bucket.h"
#include "mount/requests_made.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

std::vector<std::string> below(const TestServer& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"restore", "--endpoint-url", server.endpoint()});
  return arguments;
}

/// d/: two objects that can be read, three archived ones.
void fill(TestServer& server) {
  for (const char* key : {"d/a", "d/s/b b", "d/s/c", "d/e", "d/f"})
    server.put_object("test", key, "frozen");
  server.set_storage_class("test", "d/s/b b", "GLACIER");
  server.set_storage_class("test", "d/s/c", "DEEP_ARCHIVE");
  server.set_storage_class("test", "d/e", "INTELLIGENT_TIERING", "ARCHIVE_ACCESS");
  server.set_storage_class("test", "d/f", "INTELLIGENT_TIERING");
}

TEST_CASE("restore ends when all can be read, and says before what it takes and costs") {
  TestServer server({.restore_time = std::chrono::milliseconds(800)});
  fill(server);
  Mounted mount(server);
  std::vector<std::string> arguments = {"restore", "-r", "--tier", "Bulk", mount.path("d")};
  SECTION("without a mount") { arguments = below(server, {"-r", "--tier=Bulk", "s3://test/d"}); }
  const Ran ran = run_penstock(arguments);
  INFO(ran.output);
  CHECK(ran.status == 0);
  CHECK(says(ran, "3 objects archived, 0 being restored, 2 can be read"));
  CHECK(says(ran, "GLACIER: 1 object, 6B; Bulk takes 5 to 12 hours"));
  CHECK(says(ran, "DEEP_ARCHIVE: 1 object, 6B; Bulk takes 48 hours"));
  CHECK(says(ran, "ARCHIVE_ACCESS: 1 object, 6B; Bulk takes 5 to 12 hours"));
  CHECK(says(ran, "about $0.00, with 7 days of the copies"));
  CHECK(says(ran, "3 objects asked for; 5 can be read\n"));
  CHECK(requests(server, "GetObject") == 0);
  for (const char* key : {"d/a", "d/s/b b", "d/s/c", "d/e", "d/f"})
    CHECK(read_file(mount.path(key)) == "frozen");
  const Ran again = run_penstock(arguments);
  CHECK(again.status == 0);
  CHECK(says(again, "0 objects archived, 0 being restored, 5 can be read"));
  CHECK(requests(server, "RestoreObject") == 3);
}

TEST_CASE("what is being restored is waited for, and not asked for again") {
  TestServer server({.restore_time = std::chrono::milliseconds(2500)});
  fill(server);
  Mounted mount(server);
  const Ran begun = run_penstock({"restore", "-r", "--no-wait", mount.path("d")});
  INFO(begun.output);
  CHECK(begun.status == 2);
  CHECK(says(begun, "3 objects asked for; 2 can be read, 3 not yet"));
  const Ran ended = run_penstock(below(server, {"-r", "s3://test/d"}));
  INFO(ended.output);
  CHECK(ended.status == 0);
  CHECK(says(ended, "0 objects archived, 3 being restored, 2 can be read"));
  CHECK(says(ended, "0 objects asked for; 5 can be read"));
  CHECK(requests(server, "RestoreObject") == 3);
}

TEST_CASE("a dry run asks for nothing") {
  TestServer server;
  server.put_synthetic("test", "cold", 3ULL << 40);
  server.set_storage_class("test", "cold", "GLACIER");
  const Ran ran = run_penstock(
      below(server, {"--dry-run", "--days", "30", "--tier", "Expedited", "s3://test/cold"}));
  INFO(ran.output);
  CHECK(ran.status == 0);
  CHECK(says(ran, "GLACIER: 1 object, 3.0TiB; Expedited takes 1 to 5 minutes"));
  // 3,072 GB for 0.03 each, and for a month at 0.023; one request of a hundredth of a dollar.
  CHECK(says(ran, "about $162.83, with 30 days of the copies"));
  CHECK(requests(server, "RestoreObject") == 0);
}

TEST_CASE("what cannot be restored is named, and the rest is restored") {
  TestServer server;
  fill(server);
  const Ran ran = run_penstock(below(server, {"-r", "--tier", "Expedited", "s3://test/d"}));
  INFO(ran.output);
  CHECK(ran.status == 1);
  CHECK(says(ran, "DEEP_ARCHIVE: 1 object, 6B; not known to restore by the tier Expedited"));
  CHECK(says(ran, "d/s/c: invalid_argument: Retrieval option is not supported"));
  CHECK(says(ran, "2 objects asked for; 4 can be read; 1 failed"));
}

TEST_CASE("only what was named is restored, and nonsense is refused before anything is asked") {
  TestServer server;
  fill(server);
  Mounted mount(server);
  CHECK(says(run_penstock({"restore", mount.path("d")}), "is a directory; --recursive takes"));
  CHECK(says(run_penstock(below(server, {"s3://test/d"})), "is no object; --recursive takes"));
  CHECK(says(run_penstock(below(server, {"s3://test"})), "is a bucket; --recursive takes"));
  CHECK(says(run_penstock(below(server, {"-r", "s3://test/none"})), "does not exist"));
  CHECK(says(run_penstock({"restore"}), "what shall be restored?"));
  CHECK(says(run_penstock({"restore", "/"}), "lies in no mount of Penstock's"));
  CHECK(says(run_penstock({"restore", "--days", "0", mount.path("d/e")}), "--days 0 is no number"));
  CHECK(says(run_penstock({"restore", "--tier", "slow", mount.path("d/e")}),
             "--tier slow is not one of Expedited, Standard, Bulk"));
  CHECK(requests(server, "RestoreObject") == 0);
  CHECK(run_penstock({"restore", mount.path("d/s/b b")}).status == 0);
  CHECK(run_penstock(below(server, {"s3://test/d/s/c"})).status == 0);
  CHECK(requests(server, "RestoreObject") == 2);
}

TEST_CASE("an interrupted restore goes on when it is called again") {
  TestServer server({.restore_time = std::chrono::hours(5)});
  fill(server);
  TempFolder folder;
  const std::string log = folder.path() / "log";
  const pid_t running = spawn_penstock(below(server, {"-r", "s3://test/d"}), log);
  REQUIRE(eventually([&] { return requests(server, "RestoreObject") == 3; }));
  kill(running, SIGINT);
  CHECK(wait_for_exit(running, 20) == 128 + SIGINT);
  CHECK(read_file(log).find("the same command again waits for it") != std::string::npos);
  const Ran again = run_penstock(below(server, {"-r", "--no-wait", "s3://test/d"}));
  CHECK(again.status == 2);
  CHECK(says(again, "0 objects archived, 3 being restored"));
}

}  // namespace
}  // namespace penstock::test
