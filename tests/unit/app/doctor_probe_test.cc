// SPDX-License-Identifier: Apache-2.0
// How `penstock doctor` asks a store, and what it takes out of what it says.
#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/doctor/ability_checks.h"
#include "app/doctor/disk_rate.h"
#include "app/doctor/network_checks.h"
#include "app/doctor/probe_calls.h"
#include "app/doctor/probe_objects.h"
#include "app/doctor/rate_checks.h"
#include "app/doctor/redaction.h"
#include "app/doctor/rights_checks.h"
#include "support/catch.h"
#include "support/memory_store.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a call that is not answered is given up at the end, and none is made after it") {
  ProbeCalls calls(50ms, {});
  Done<void> late;
  const Result<void> first = calls.wait<void>([&](Done<void> done) { late = std::move(done); });
  REQUIRE(!first);
  CHECK(first.code() == Code::timed_out);
  CHECK(calls.over());
  bool called = false;
  CHECK(calls.wait<void>([&](Done<void>) { called = true; }).code() == Code::timed_out);
  CHECK_FALSE(called);
  CHECK_FALSE(calls.settle(10ms));
  late({});
  CHECK(calls.settle(10s));
}

TEST_CASE("keys that every user may read are wrong, and said with what to do") {
  StoreOrigin origin;
  CHECK(judge(origin).back().verdict == Verdict::ok);
  origin.exposed_files = {"/home/me/.aws/credentials"};
  const Finding finding = judge(origin).back();
  CHECK(finding == Finding::wrong("credentials file",
                                  "every user of this machine may read the keys in "
                                  "/home/me/.aws/credentials",
                                  "chmod 600 /home/me/.aws/credentials, and new keys if others may "
                                  "have read these"));
}

TEST_CASE("an interruption ends the wait for an answer") {
  std::stop_source source;
  ProbeCalls calls(1h, source.get_token());
  Done<void> kept;
  const Result<void> result = calls.wait<void>([&](Done<void> done) {
    kept = std::move(done);
    source.request_stop();
  });
  CHECK(result.code() == Code::interrupted);
  CHECK(calls.interrupted());
  kept({});
}

TEST_CASE("an answer from another thread is waited for") {
  ProbeCalls calls(1h, {});
  std::jthread other;
  const Result<int> result = calls.wait<int>([&](Done<int> done) {
    other = std::jthread([done = std::move(done)]() mutable { done(7); });
  });
  REQUIRE(result);
  CHECK(*result == 7);
  CHECK(calls.settle(10s));
}

/// How many objects and uploads there are below the prefix.
size_t left_in(ObjectStore& store, const std::string& prefix) {
  ProbeCalls calls(1h, {});
  const auto page = calls.wait<ListPage>(
      [&](Done<ListPage> done) { store.list({.prefix = prefix}, std::move(done)); });
  const auto uploads = calls.wait<std::vector<UploadInfo>>(
      [&](Done<std::vector<UploadInfo>> done) { store.list_uploads(prefix, std::move(done)); });
  REQUIRE(page);
  REQUIRE(uploads);
  return page->objects.size() + uploads->size();
}

TEST_CASE("a store that can all is well, and nothing stays in it") {
  test::MemoryStore store;
  ProbeCalls calls(1h, {});
  ProbeObjects objects(store, "p/");
  const Findings rights = judge(try_rights(store, "b/p/*", "p/", false, calls, objects));
  CHECK(rights.size() == 7);
  for (const Finding& finding : rights) CHECK(finding == Finding::ok(finding.name, "works"));
  for (const Finding& finding : judge(try_abilities(store, calls, objects))) {
    INFO(finding.name << ": " << finding.found);
    CHECK(finding.verdict == Verdict::ok);
  }
  const RateFacts rates =
      measure_rates({.store = store, .readable = {}, .objects = &objects}, calls);
  CHECK(rates.problem.empty());
  CHECK(rates.rates.size() == 4);
  CHECK(left_in(store, "p/") > 0);
  CHECK(objects.remove_all(calls).empty());
  CHECK(left_in(store, "") == 0);
}

TEST_CASE("with --read-only nothing is written, and an object that is there is read") {
  test::MemoryStore store;
  ProbeCalls calls(1h, {});
  REQUIRE(calls.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
    store.put({.key = "p/a", .body = Body::of("hello"), .metadata = {}, .condition = {}},
              std::move(done));
  }));
  ProbeObjects objects(store, "p/");
  const RightsFacts facts = try_rights(store, "b/p/*", "p/", true, calls, objects);
  CHECK(facts.readable.key == "p/a");
  for (const Finding& finding : judge(facts)) {
    CHECK(finding.verdict == Verdict::ok);
    const bool writes =
        finding.name == "put" || finding.name == "delete" || finding.name == "multipart";
    CHECK((finding.found == "works") != writes);
  }
  const RateFacts rates =
      measure_rates({.store = store, .readable = facts.readable, .objects = nullptr}, calls);
  CHECK(rates.rates.size() == 2);
  CHECK(left_in(store, "") == 1);
}

TEST_CASE("what was begun is removed also after an interruption") {
  test::MemoryStore store;
  std::stop_source source;
  ProbeCalls calls(1h, source.get_token());
  ProbeObjects objects(store, "");
  const std::string key = objects.key("x");
  REQUIRE(calls.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
    store.put({.key = key, .body = Body::of("x"), .metadata = {}, .condition = {}},
              std::move(done));
  }));
  const auto upload = calls.wait<std::string>([&](Done<std::string> done) {
    store.create_upload({.key = key, .metadata = {}}, std::move(done));
  });
  REQUIRE(upload);
  objects.begun(key, *upload);
  source.request_stop();
  CHECK(objects.remove_all(calls).empty());
  CHECK(left_in(store, "") == 0);
}

TEST_CASE("a disk is measured, and nothing stays on it") {
  test::TempDir directory;
  const DiskRate rate = measure_disk(directory.path());
  CHECK(rate.problem.empty());
  CHECK(rate.write > 0);
  CHECK(rate.read > 0);
  CHECK(std::filesystem::is_empty(directory.path()));
  CHECK_FALSE(measure_disk(directory.path() + "/none").problem.empty());
}

TEST_CASE("secrets are taken out wherever they stand") {
  const Redaction redaction(
      {{"AWS_SECRET_ACCESS_KEY", "s3cr3t"},
       {"AWS_SESSION_TOKEN", "t0ken/with+signs=="},
       {"AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token"},
       {"TOKENIZERS_PARALLELISM", "true"},
       {"https_proxy", "http://me:proxypass@proxy:3128"}},
      {"[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key=filesecret\nregion = r\n"});
  const auto clean = [&](const std::string& text) { return redaction.clean(text); };
  CHECK(clean("key s3cr3t, token t0ken/with+signs==.") == "key ***, token ***.");
  CHECK(clean("proxypass filesecret AKIDFILE") == "*** *** ***");
  CHECK(clean("via http://me:other@proxy:3128/x") == "via http://***@proxy:3128/x");
  CHECK(clean("https://h/k?X-Amz-Signature=abc&X-Amz-Credential=AK/2&a=b") ==
        "https://h/k?X-Amz-Signature=***&X-Amz-Credential=***&a=b");
  CHECK(clean("Authorization: AWS4 x y\nnext") == "Authorization:***\nnext");
  // What is none stays.
  CHECK(clean("it is true, in /var/run/secrets/token, region r, a@b, http://h/a@b") ==
        "it is true, in /var/run/secrets/token, region r, a@b, http://h/a@b");
}

}  // namespace
}  // namespace penstock
