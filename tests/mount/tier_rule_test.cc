// SPDX-License-Identifier: Apache-2.0
// penstock tier with a lifecycle rule: shown, written, replaced, removed.
#include "mount/mounted_bucket.h"
#include "server/test_server.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

constexpr char put_name[] = "PutBucketLifecycleConfiguration";
constexpr char get_name[] = "GetBucketLifecycleConfiguration";

/// A rule of another client's, with an element that Penstock does not know.
constexpr char others[] =
    "<Rule><ID>theirs</ID><Filter><And><Prefix>c/old/</Prefix><Tag><Key>k</Key><Value>v</Value>"
    "</Tag></And></Filter><Status>Enabled</Status><Future depth=\"1\"/>"
    "<Expiration><Days>5</Days></Expiration></Rule>";

std::string document(const std::string& rules) {
  return "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + rules +
         "</LifecycleConfiguration>";
}

std::string written(const std::string& days) {
  return "<Rule><ID>penstock/GLACIER_IR/c/</ID><Filter><Prefix>c/</Prefix></Filter>"
         "<Status>Enabled</Status><Transition><Days>" +
         days + "</Days><StorageClass>GLACIER_IR</StorageClass></Transition></Rule>";
}

Ran tier(const TestServer& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"tier", "--endpoint-url", server.endpoint()});
  return run_penstock(arguments);
}

std::vector<std::string> rule_of(const std::string& days, const std::string& more = "") {
  std::vector<std::string> words = {"s3://test/c", "--older-than", days, "--to", "GLACIER_IR"};
  if (!more.empty()) words.push_back(more);
  return words;
}

void put_aged(TestServer& server, const std::string& key, uint64_t size, int days) {
  server.set_timing({.object_age = std::chrono::hours(24 * days)});
  server.put_synthetic("test", key, size);
}

TEST_CASE("a rule is shown with what it would do, and nothing is written") {
  TestServer server;
  put_aged(server, "c/a", 1 * mib, 10);
  put_aged(server, "c/d/b", 2 * mib, 10);
  put_aged(server, "c/new", 3 * mib, 1);
  put_aged(server, "c/tiny", 9, 10);
  put_aged(server, "c/deep", 4 * mib, 10);
  put_aged(server, "c/auto", 5 * mib, 10);
  server.set_storage_class("test", "c/deep", "DEEP_ARCHIVE");
  server.set_storage_class("test", "c/auto", "INTELLIGENT_TIERING", "ARCHIVE_ACCESS");
  put_aged(server, "checkpoints", 1 * mib, 10);
  server.set_lifecycle("test", document(others));
  server.reset_stats();
  const Ran shown = tier(server, rule_of("7d"));
  INFO(shown.output);
  CHECK(shown.status == 0);
  CHECK(says(shown,
             "Rule 'penstock/GLACIER_IR/c/': what is below s3://test/c goes to GLACIER_IR 7 "
             "days after it was last modified."));
  CHECK(says(shown, "STANDARD                        2               3.0MiB  move now"));
  CHECK(says(shown, "STANDARD                        1               3.0MiB  move later"));
  CHECK(says(shown, "STANDARD                        1                   9B  stay: objects below"));
  CHECK(says(shown,
             "DEEP_ARCHIVE                    1               4.0MiB  stay: S3 moves nothing"));
  CHECK(says(shown,
             "ARCHIVE_ACCESS                  1               5.0MiB  stay: S3 moves nothing"));
  CHECK(says(shown, "makes 2 transitions"));
  CHECK(says(shown, "for 90 days at least"));
  CHECK(says(shown,
             "  'theirs', below c/old/ with tag k=v: deleted after 5 days; Future\n"
             "CONFLICT: 'theirs' deletes objects after 5 days, before they would move"));
  CHECK(says(shown, "Nothing was written: --apply writes the rule."));
  CHECK_FALSE(says(shown, "WARNING"));
  CHECK(server.stats().requests[put_name] == 0);
  CHECK(server.stats().requests["HeadObject"] == 1);  // that of Intelligent-Tiering
  CHECK(server.lifecycle("test") == document(others));
}

TEST_CASE("a rule is written once, replaced and removed, and the others keep every byte") {
  TestServer server;
  server.set_lifecycle("test", document(others), "varies_by_storage_class");
  const Ran first = tier(server, rule_of("7d", "--apply"));
  INFO(first.output);
  CHECK(first.status == 0);
  CHECK(says(first,
             "Written, and in force. The bucket has 2 lifecycle rules now; the others are as "
             "they were."));
  CHECK(server.lifecycle("test") == document(others + written("7")));
  CHECK(server.small_objects("test") == "varies_by_storage_class");

  server.reset_stats();
  CHECK(says(tier(server, rule_of("7", "--apply")), "The rule is in force already"));
  CHECK(server.stats().requests[put_name] == 0);

  const Ran second = tier(server, rule_of("30d", "--apply"));
  CHECK(second.status == 0);
  CHECK(says(second,
             "It takes the place of 'penstock/GLACIER_IR/c/', below c/: to GLACIER_IR after "
             "7 days"));
  CHECK(server.lifecycle("test") == document(others + written("30")));

  const Ran shown = tier(server, {"s3://test/c", "--remove"});
  CHECK(shown.status == 0);
  CHECK(
      says(shown, "The bucket has 2 lifecycle rules; these would go:\n  'penstock/GLACIER_IR/c/'"));
  CHECK(says(shown, "Nothing was written"));
  CHECK(server.lifecycle("test") == document(others + written("30")));
  CHECK(
      says(tier(server, {"s3://test/c", "--remove", "--to", "GLACIER", "--apply"}), "no rule of"));
  const Ran gone = tier(server, {"s3://test/c", "--remove", "--apply"});
  CHECK(gone.status == 0);
  CHECK(
      says(gone, "Taken away. The bucket has 1 lifecycle rule now; the others are as they were."));
  CHECK(server.lifecycle("test") == document(others));
  const Ran again = tier(server, {"s3://test/c", "--remove", "--apply"});
  CHECK(again.status == 0);
  CHECK(says(again, "no rule of Penstock's for s3://test/c"));
}

TEST_CASE("the first rule of a bucket is written, and the last one leaves no configuration") {
  TestServer server;
  const Ran ran = tier(server, {"s3://test", "--whole-bucket", "--older-than", "0d", "--to",
                                "DEEP_ARCHIVE", "--apply"});
  INFO(ran.output);
  CHECK(ran.status == 0);
  CHECK(says(ran, "Nothing lies there now."));
  CHECK(says(ran, "WARNING: what is in DEEP_ARCHIVE cannot be read until it is restored"));
  CHECK(says(ran, "The bucket has 1 lifecycle rule now"));
  CHECK(tier(server, {"s3://test", "--whole-bucket", "--remove", "--apply"}).status == 0);
  CHECK(server.lifecycle("test").empty());
  CHECK(server.stats().requests["DeleteBucketLifecycle"] == 1);
}

TEST_CASE("tier lists the rules that touch what it shows, and shows it without them, too") {
  TestServer server;
  server.put_object("test", "c/a", "text");
  const Ran none = tier(server, {"s3://test/c"});
  CHECK(says(none, "STANDARD                        1                   4B\n"));
  CHECK(says(none, "No lifecycle rule touches these objects."));
  server.set_lifecycle("test", document(others + written("7")));
  CHECK(says(tier(server, {"s3://test/c"}),
             "Lifecycle rules that touch these objects:\n"
             "  'theirs', below c/old/ with tag k=v: deleted after 5 days; Future\n"
             "  'penstock/GLACIER_IR/c/', below c/: to GLACIER_IR after 7 days\n"));
  server.put_object("test", "d/a", "text");
  CHECK(says(tier(server, {"s3://test/d"}), "No lifecycle rule touches these objects."));
  for (const char* answer : {"error:403:AccessDenied", "error:501:NotImplemented"}) {
    server.add_fault({.operation = get_name, .kind = answer});
    const Ran refused = tier(server, {"s3://test/c"});
    INFO(refused.output);
    CHECK(refused.status == 0);
    CHECK(says(refused, "STANDARD                        1                   4B\n"));
    CHECK(says(refused, "lifecycle rules"));
  }
  server.reset_stats();
  CHECK(tier(server, {"--json", "s3://test/c"}).status == 0);
  CHECK(server.stats().requests[get_name] == 0);
}

TEST_CASE("a server whose listings do not tell of restorations is listed without them") {
  TestServer server;
  server.put_object("test", "c/a", "text");
  // The first one is the check that the bucket is there.
  server.add_fault({.operation = "ListObjectsV2", .kind = "error:501:NotImplemented", .skip = 1});
  const Ran shown = tier(server, {"s3://test/c"});
  INFO(shown.output);
  CHECK(shown.status == 0);
  CHECK(says(shown, "STANDARD                        1                   4B\n"));
}

TEST_CASE("what the server refuses is said, and nothing is changed") {
  TestServer server;
  server.set_lifecycle("test", document(others));
  const auto refused = [&](const std::string& operation, const std::string& answer) {
    server.add_fault({.operation = operation, .kind = answer});
    Ran ran = tier(server, rule_of("7d", "--apply"));
    CHECK(ran.status == 1);
    CHECK(server.lifecycle("test") == document(others));
    return ran;
  };
  CHECK(says(refused(get_name, "error:403:AccessDenied"),
             "may not read the bucket's lifecycle rules (s3:GetLifecycleConfiguration)"));
  CHECK(says(refused(get_name, "error:501:NotImplemented"),
             "the server has no lifecycle rules; penstock archive moves objects"));
  CHECK(says(refused(put_name, "error:403:AccessDenied"),
             "may not change the bucket's lifecycle rules (s3:PutLifecycleConfiguration)"));
  CHECK(
      says(refused(put_name, "error:400:InvalidStorageClass"),
           "the server refuses the rule, nothing is changed; perhaps it has no class GLACIER_IR"));
  const Ran early =
      tier(server, {"s3://test/c", "--older-than", "7d", "--to", "STANDARD_IA", "--apply"});
  CHECK(early.status == 1);
  CHECK(says(early, "greater than or equal to 30"));
}

TEST_CASE("a write that was answered late or not at all is tried again") {
  TestServer server;
  server.add_fault({.operation = put_name, .kind = "error:503:SlowDown"});
  server.add_fault({.operation = put_name, .kind = "lost-reply"});
  server.add_fault({.operation = get_name, .kind = "error:409:OperationAborted"});
  const Ran ran = tier(server, rule_of("7d", "--apply"));
  INFO(ran.output);
  CHECK(ran.status == 0);
  CHECK(server.lifecycle("test") == document(written("7")));
}

TEST_CASE("a bucket with old rules without filters gets one of their kind") {
  TestServer server;
  const std::string old =
      "<Rule><ID>v1</ID><Prefix>logs/</Prefix><Status>Enabled</Status>"
      "<Expiration><Days>9</Days></Expiration></Rule>";
  server.set_lifecycle("test", document(old));
  const Ran ran = tier(server, rule_of("7d", "--apply"));
  INFO(ran.output);
  CHECK(ran.status == 0);
  CHECK(server.lifecycle("test").find("</ID><Prefix>c/</Prefix>") != std::string::npos);
}

TEST_CASE("a bucket that is full of rules is told so") {
  TestServer server;
  std::string rules;
  for (int i = 0; i < 1000; ++i) {
    rules += "<Rule><ID>" + std::to_string(i) +
             "</ID><Filter><Prefix>x/</Prefix></Filter><Status>"
             "Enabled</Status><Expiration><Days>9</Days></Expiration></Rule>";
  }
  server.set_lifecycle("test", document(rules));
  const Ran ran = tier(server, rule_of("7d", "--apply"));
  CHECK(ran.status == 1);
  CHECK(says(ran, "the bucket has 1000 lifecycle rules, and S3 takes no more than 1000"));
  CHECK(server.lifecycle("test") == document(rules));
}

TEST_CASE("a rule that makes no sense is refused before anything is asked") {
  TestServer server;
  const auto refused = [&](const std::vector<std::string>& words, const std::string& message) {
    const Ran ran = tier(server, words);
    INFO(ran.output);
    CHECK(ran.status == 1);
    CHECK(says(ran, message));
  };
  refused({"s3://test", "--older-than", "7d", "--to", "GLACIER"}, "say --whole-bucket");
  refused({"s3://test/c", "--whole-bucket", "--remove"}, "is not a whole bucket");
  refused({"s3://test/c", "--older-than", "7d"}, "a rule needs both");
  refused({"s3://test/c", "--to", "GLACIER"}, "a rule needs both");
  refused({"s3://test/c", "--apply"}, "a rule needs both");
  refused(rule_of("36h"), "--older-than 36h is no number of days");
  refused(rule_of("d"), "--older-than d is no number of days");
  refused({"s3://test/c", "--older-than", "7d", "--to", "STANDARD"}, "to one of STANDARD_IA, ");
  refused(rule_of("7d", "--remove"), "--remove takes rules away");
  refused(rule_of("7d", "--json"), "--json shows objects by class");
  refused({"s3://test--x-s3/c", "--remove"}, "a directory bucket has one storage class");
  refused({"file:///tmp", "--remove"}, "a folder has no lifecycle rules");
  refused({"s3://test/c", "s3://test/d", "--remove"}, "one URL at a time");
  refused({"/tmp", "--remove"}, "penstock tier s3://BUCKET/PREFIX");
  CHECK(server.stats().requests.empty());
}

TEST_CASE("of a path in a mount the URL is named, for its rule is the bucket's") {
  TestServer server;
  server.put_object("test", "p/c/a", "text");
  const Mounted mount(server, {.prefix = "p/"});
  const Ran ran = run_penstock({"tier", mount.path("c"), "--older-than", "7d", "--to", "GLACIER"});
  CHECK(ran.status == 1);
  CHECK(says(ran, "so name that: penstock tier s3://test/p/c, with the mount's --endpoint-url"));
}

}  // namespace
}  // namespace penstock::test
