// SPDX-License-Identifier: Apache-2.0
// What `penstock doctor` makes of the facts: good ones and bad ones.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>
#include <tuple>
#include <utility>

#include "app/doctor/ability_checks.h"
#include "app/doctor/cache_checks.h"
#include "app/doctor/doctor_text.h"
#include "app/doctor/kernel_checks.h"
#include "app/doctor/mount_doctor.h"
#include "app/doctor/network_checks.h"
#include "app/doctor/passthrough_check.h"
#include "app/doctor/rate_checks.h"
#include "app/doctor/rights_checks.h"
#include "app/doctor/state_checks.h"
#include "app/doctor/system_checks.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock {
namespace {

using Clock = std::chrono::system_clock;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Finding named(const Findings& findings, const std::string& name) {
  for (const Finding& finding : findings) {
    // Whoever is told that something is amiss is told what to do.
    CHECK(finding.advice.empty() == (finding.verdict == Verdict::ok));
  }
  const auto found = std::ranges::find(findings, name, &Finding::name);
  if (found == findings.end()) return {Verdict::ok, "missing: " + name, "", ""};
  return *found;
}

Verdict verdict(const Findings& findings, const std::string& name) {
  const Finding found = named(findings, name);
  CHECK(found.name == name);
  return found.verdict;
}

KernelFacts good_kernel() {
  return {.release = "6.12.3-amd64",
          .fuse_problem = "",
          .root = false,
          .fusermount = "/usr/bin/fusermount3",
          .fusermount_setuid = true,
          .user_allow_other = true,
          .mount_helper = "/sbin/mount.penstock",
          .libfuse = "3.17.2",
          .io_uring = {.on = false, .why_not = "the kernel does not offer it"}};
}

CacheFacts good_cache() {
  const FolderFacts folder{.path = "/c",
                           .exists = true,
                           .nearest = "/c",
                           .writable = true,
                           .owner = 1000,
                           .type = "ext4",
                           .shared = "",
                           .total = 100 * test::gib,
                           .available = 50 * test::gib};
  return {.uid = 1000,
          .cache = folder,
          .size_limit = 20 * test::gib,
          .min_free = 5 * test::gib,
          .rate = {.write = 1e9, .read = 2e9, .direct = true, .problem = ""},
          .journal = folder};
}

SystemFacts good_system() {
  return {.memory = 16 * test::gib,
          .cgroup_limit = ~0ULL,
          .mount_limit = test::gib,
          .files_hard = 1 << 20,
          .max_connections = 128,
          .now = std::time(nullptr)};
}

ConnectionFacts good_connection() {
  const int64_t now = std::time(nullptr);
  ConnectionFacts facts;
  facts.reached = ConnectionFacts::Step::done;
  facts.host = "s3.example";
  facts.addresses = {"192.0.2.1"};
  facts.address = "192.0.2.1";
  facts.tls = true;
  facts.tls_version = "TLSv1.3";
  facts.issuer = "CN = Authority";
  facts.subject = "CN = s3.example";
  facts.valid_until = now + 90 * 24 * 3600;
  facts.status = 403;
  facts.server_time = now;
  facts.local_time = now;
  return facts;
}

TEST_CASE("a machine that has all is well") {
  for (const Findings& findings : {judge(good_kernel()), judge(good_cache()), judge(good_system()),
                                   judge(good_connection())}) {
    CHECK(!findings.empty());
    for (const Finding& finding : findings) CHECK(finding.verdict == Verdict::ok);
  }
}

TEST_CASE("versions of kernels are compared as numbers") {
  CHECK(kernel_at_least("6.9.0", 6, 9));
  CHECK(kernel_at_least("6.10.1-rc2", 6, 9));
  CHECK(kernel_at_least("7.0", 6, 9));
  CHECK_FALSE(kernel_at_least("6.8.12", 6, 9));
  CHECK_FALSE(kernel_at_least("5.19", 6, 9));
  CHECK_FALSE(kernel_at_least("none", 6, 9));
}

TEST_CASE("an old kernel is told with what it lacks") {
  KernelFacts facts = good_kernel();
  facts.release = "5.4.0-42-generic";
  CHECK(verdict(judge(facts), "kernel") == Verdict::wrong);
  facts.release = "6.1.0-13-amd64";
  CHECK(verdict(judge(facts), "kernel") == Verdict::note);
  facts.release = "6.6.1";
  CHECK(verdict(judge(facts), "kernel") == Verdict::ok);
}

TEST_CASE("without /dev/fuse or fusermount3 users cannot mount") {
  KernelFacts facts = good_kernel();
  facts.fuse_problem = "/dev/fuse is missing";
  CHECK(named(judge(facts), "fuse").found == "/dev/fuse is missing");
  CHECK(verdict(judge(facts), "fuse") == Verdict::wrong);

  facts = good_kernel();
  facts.fusermount_setuid = false;
  CHECK(verdict(judge(facts), "fusermount3") == Verdict::wrong);
  facts.fusermount = "";
  CHECK(verdict(judge(facts), "fusermount3") == Verdict::wrong);
  facts.root = true;
  CHECK(verdict(judge(facts), "fusermount3") == Verdict::note);

  facts = good_kernel();
  facts.user_allow_other = false;
  CHECK(verdict(judge(facts), "allow-other") == Verdict::note);
  facts.mount_helper = "";
  CHECK(verdict(judge(facts), "mount helper") == Verdict::note);
}

TEST_CASE("passthrough names the first thing that it lacks") {
  const PassthroughFacts good{.kernel = "6.9.1",
                              .libfuse = {.on = true, .why_not = ""},
                              .may_administer = true,
                              .cache_type = "ext4"};
  CHECK(judge(good).verdict == Verdict::ok);
  PassthroughFacts facts = good;
  facts.libfuse = {.on = false, .why_not = "built with libfuse 3.14"};
  CHECK(contains(judge(facts).found, "libfuse 3.14"));
  facts = good;
  facts.kernel = "6.8.0";
  CHECK(contains(judge(facts).found, "6.8.0"));
  facts = good;
  facts.may_administer = false;
  CHECK(contains(judge(facts).found, "CAP_SYS_ADMIN"));
  facts = good;
  facts.cache_type = "overlay";
  CHECK(contains(judge(facts).found, "overlay"));
  CHECK(judge(facts).verdict == Verdict::note);
}

TEST_CASE("a cache's folder must be writable, local, on a disk") {
  CacheFacts facts = good_cache();
  facts.cache.writable = false;
  CHECK(verdict(judge(facts), "cache folder") == Verdict::wrong);
  CHECK(contains(named(judge(facts), "cache folder").advice, "chown 1000 /c"));
  facts = good_cache();
  facts.cache.shared = "NFS";
  CHECK(verdict(judge(facts), "cache folder") == Verdict::note);
  facts = good_cache();
  facts.cache.type = "tmpfs";
  CHECK(verdict(judge(facts), "cache folder") == Verdict::note);
  facts = good_cache();
  facts.cache.path = "";
  CHECK(verdict(judge(facts), "cache folder") == Verdict::note);
}

TEST_CASE("a full disk, a small cache and a slow or broken disk are told") {
  CacheFacts facts = good_cache();
  facts.cache.available = 4 * test::gib;
  CHECK(verdict(judge(facts), "cache room") == Verdict::note);
  facts.min_free = 0;
  facts.cache.available = test::mib;
  CHECK(verdict(judge(facts), "cache room") == Verdict::wrong);
  facts = good_cache();
  facts.size_limit = test::mib;
  CHECK(verdict(judge(facts), "cache room") == Verdict::note);
  facts = good_cache();
  facts.rate.read = 10e6;
  CHECK(verdict(judge(facts), "cache speed") == Verdict::note);
  facts.rate.problem = "writing fails: Input/output error";
  CHECK(verdict(judge(facts), "cache speed") == Verdict::wrong);
}

TEST_CASE("a journal that other machines may see is refused, unless it is allowed") {
  CacheFacts facts = good_cache();
  facts.journal.shared = "NFS";
  CHECK(verdict(judge(facts), "journal folder") == Verdict::wrong);
  CHECK(contains(named(judge(facts), "journal folder").advice, "NFS"));
  facts.shared_journal_allowed = true;
  CHECK(verdict(judge(facts), "journal folder") == Verdict::ok);
  facts.journal.writable = false;
  CHECK(verdict(judge(facts), "journal folder") == Verdict::wrong);
}

TEST_CASE("memory, descriptors and the clock") {
  SystemFacts facts = good_system();
  facts.cgroup_limit = test::gib;
  CHECK(verdict(judge(facts), "memory") == Verdict::wrong);
  CHECK(contains(named(judge(facts), "memory").found, "the cgroup may use 1.0GiB"));
  facts = good_system();
  facts.mount_limit = 64 * test::mib;
  CHECK(verdict(judge(facts), "memory") == Verdict::note);
  facts = good_system();
  facts.files_hard = 256;
  CHECK(verdict(judge(facts), "open files") == Verdict::wrong);
  facts = good_system();
  facts.clock_synced = false;
  CHECK(verdict(judge(facts), "clock") == Verdict::note);
  facts.now = 0;
  CHECK(verdict(judge(facts), "clock") == Verdict::wrong);
}

TEST_CASE("a connection is told as far as it got") {
  using Step = ConnectionFacts::Step;
  ConnectionFacts facts = good_connection();
  facts.failure = "it broke";
  for (const auto& [step, name, count] :
       {std::tuple{Step::name, "DNS", 1}, std::tuple{Step::connect, "connection", 2},
        std::tuple{Step::tls, "TLS", 3}, std::tuple{Step::answer, "answer", 4}}) {
    facts.reached = step;
    const Findings findings = judge(facts);
    CHECK(verdict(findings, name) == Verdict::wrong);
    CHECK(contains(named(findings, name).found, "it broke"));
    CHECK(findings.size() == static_cast<size_t>(count));
  }
}

TEST_CASE("certificates: expired, soon, and of an unknown authority") {
  ConnectionFacts facts = good_connection();
  facts.valid_until = std::time(nullptr) + 3 * 24 * 3600;
  CHECK(verdict(judge(facts), "TLS") == Verdict::note);
  facts.reached = ConnectionFacts::Step::tls;
  facts.trusted = false;
  facts.failure = "self-signed certificate";
  CHECK(contains(named(judge(facts), "TLS").advice, "--ca-bundle"));
  facts.valid_until = std::time(nullptr) - 3600;
  CHECK(verdict(judge(facts), "TLS") == Verdict::wrong);
  CHECK(contains(named(judge(facts), "TLS").found, "expired"));
  facts = good_connection();
  facts.tls = false;
  CHECK(verdict(judge(facts), "TLS") == Verdict::note);
}

TEST_CASE("S3 refuses requests of a clock that is more than 15 minutes off") {
  ConnectionFacts facts = good_connection();
  for (const auto& [skew, expected] :
       {std::pair{20 * 60, Verdict::wrong}, std::pair{-20 * 60, Verdict::wrong},
        std::pair{5 * 60, Verdict::note}, std::pair{2, Verdict::ok}}) {
    facts.local_time = facts.server_time + skew;
    CHECK(verdict(judge(facts), "clock of the store") == expected);
  }
  facts.local_time = facts.server_time - 20 * 60;
  CHECK(contains(named(judge(facts), "clock of the store").found, "20m00s behind"));
  facts.server_time = 0;
  CHECK(verdict(judge(facts), "clock of the store") == Verdict::note);
}

TEST_CASE("credentials are told by their source and their end") {
  const Clock::time_point now = Clock::now();
  CredentialsOrigin origin{.source = "the environment"};
  CHECK(judge(Result<CredentialsOrigin>(origin), now).found == "from the environment");
  origin.expires = now + std::chrono::hours(1);
  CHECK(contains(judge(Result<CredentialsOrigin>(origin), now).found, "for another 1h00m"));
  origin.expires = now - std::chrono::seconds(5);
  CHECK(judge(Result<CredentialsOrigin>(origin), now).verdict == Verdict::wrong);
  const Finding none =
      judge(Result<CredentialsOrigin>(Error(Code::access_denied, "no credentials found")), now);
  CHECK(none.verdict == Verdict::wrong);
  CHECK(none.found == "no credentials found");
}

TEST_CASE("a right that is missing is named as policies name it") {
  const RightTried denied{
      .name = "put",
      .action = "s3:PutObject",
      .use = "nothing can be written",
      .failure = Error(Code::access_denied, Error::Detail{.message = "Access Denied",
                                                          .service_code = "AccessDenied",
                                                          .http_status = 403}),
      .not_tried = ""};
  RightsFacts facts{.place = "b/p/*", .rights = {denied}, .readable = {}};
  const Finding found = named(judge(facts), "put");
  CHECK(found.verdict == Verdict::wrong);
  CHECK(found.found == "Access Denied (AccessDenied)");
  CHECK(contains(found.advice, "allow s3:PutObject on b/p/*"));
  CHECK(contains(found.advice, "--read-only"));
  facts.rights[0].failure.reset();
  CHECK(verdict(judge(facts), "put") == Verdict::ok);
  facts.rights[0].not_tried = "there is no object to try it with";
  CHECK(verdict(judge(facts), "put") == Verdict::note);
}

TEST_CASE("what a store lacks is a note, what a mount needs is wrong") {
  using Outcome = AbilityTried::Outcome;
  AbilityTried tried{.name = "x", .outcome = Outcome::ignored, .without = "nodes overwrite"};
  CHECK(verdict(judge({tried}), "x") == Verdict::note);
  tried.needed = true;
  CHECK(verdict(judge({tried}), "x") == Verdict::wrong);
  tried.needed = false;
  tried.outcome = Outcome::failed;
  CHECK(verdict(judge({tried}), "x") == Verdict::wrong);
  tried.outcome = Outcome::missing;
  CHECK(verdict(judge({tried}), "x") == Verdict::note);
  tried.without = "";
  CHECK(verdict(judge({tried}), "x") == Verdict::ok);
}

TEST_CASE("rates are bytes by time, and what is missing is said") {
  RateFacts facts{.latency = std::chrono::milliseconds(20),
                  .rates = {{.name = "GET, 1 connection",
                             .bytes = 8 * test::mib,
                             .time = std::chrono::duration<double>(0.5)}},
                  .problem = ""};
  CHECK(contains(named(judge(facts), "GET, 1 connection").found, "16MiB/s"));
  CHECK(contains(named(judge(facts), "latency").found, "20ms"));
  facts.problem = "no answer";
  CHECK(verdict(judge(facts), "rates") == Verdict::note);
}

TEST_CASE("dead mounts and files of mounts that are gone are told") {
  MachineState state;
  CHECK(verdict(judge(state), "mounts") == Verdict::ok);
  CHECK(verdict(judge(state), "pending files") == Verdict::ok);
  state.mounts.push_back({.state = KnownMount::State::dead,
                          .source = "s3://b",
                          .mountpoint = "/mnt/x",
                          .journals = "",
                          .report = {}});
  CHECK(verdict(judge(state), "dead mount") == Verdict::wrong);
  CHECK(contains(named(judge(state), "dead mount").advice, "penstock umount /mnt/x"));
  JournalReport journal;
  journal.files.push_back({});
  state.journals.push_back(journal);
  CHECK(verdict(judge(state), "pending files") == Verdict::note);
  state.unseen.push_back({.what = "/j", .why = "ask as root"});
  CHECK(verdict(judge(state), "not seen") == Verdict::note);
}

MountFacts good_mount() {
  return {.source = "s3://b/p",
          .mountpoint = "/mnt/x",
          .answers = true,
          .pid = 7,
          .version = "1.2",
          .own_version = "1.2",
          .problem = "",
          .passthrough = true,
          .cache_bytes = test::mib,
          .cache_limit = test::gib,
          .requests = 1000,
          .request_errors = 1,
          .report = {}};
}

TEST_CASE("a mount that is well is told with all of it") {
  const Findings findings = judge(good_mount());
  for (const Finding& finding : findings) CHECK(finding.verdict == Verdict::ok);
  CHECK(contains(named(findings, "mount").found, "s3://b/p at /mnt/x, process 7"));
  CHECK(named(findings, "mount's passthrough").found == "on");
  CHECK(named(findings, "mount's cache").found == "1.0MiB of 1.0GiB");
}

TEST_CASE("a mount that is dead, hangs, or is of another version") {
  MountFacts facts = good_mount();
  facts.dead = true;
  CHECK(judge(facts).size() == 1);
  CHECK(verdict(judge(facts), "mount") == Verdict::wrong);
  facts = good_mount();
  facts.answers = false;
  CHECK(verdict(judge(facts), "mount answers") == Verdict::wrong);
  facts.problem = "it does not answer";
  CHECK(verdict(judge(facts), "mount's report") == Verdict::note);
  facts = good_mount();
  facts.version = "1.1";
  CHECK(verdict(judge(facts), "mount's version") == Verdict::note);
}

TEST_CASE("what a mount has met is told") {
  MountFacts facts = good_mount();
  facts.corrupt_chunks = 2;
  CHECK(verdict(judge(facts), "mount's cache") == Verdict::wrong);
  facts.cache_limit = 0;
  CHECK(named(judge(facts), "mount's cache").found == "none");
  facts = good_mount();
  facts.request_errors = 11;
  CHECK(verdict(judge(facts), "mount's requests") == Verdict::note);
  facts = good_mount();
  facts.pending_files = 3;
  facts.pending_for = std::chrono::seconds(30);
  CHECK(verdict(judge(facts), "mount's files") == Verdict::ok);
  facts.pending_for = std::chrono::hours(1);
  CHECK(verdict(judge(facts), "mount's files") == Verdict::wrong);
  facts = good_mount();
  facts.report.unstored.push_back({.path = "f", .size = 1, .open = true});
  CHECK(verdict(judge(facts), "mount's files") == Verdict::ok);
  facts.report.unstored.push_back({.path = "g", .size = 1, .open = false});
  CHECK(verdict(judge(facts), "mount's files") == Verdict::wrong);
}

TEST_CASE("what configuration files say wrong is told line by line") {
  CHECK(verdict(judge_configuration({}, {}), "configuration") == Verdict::ok);
  const Findings findings = judge_configuration({"/f"}, {"/f:1: no", "/f:2: no"});
  CHECK(findings.size() == 2);
  CHECK(findings[1].found == "/f:2: no");
  CHECK(findings[1].verdict == Verdict::wrong);
}

TEST_CASE("the table has a line for each check and what to do below it") {
  const FindingGroup group{"machine",
                           {Finding::ok("a", "fine"), Finding::wrong("long name", "bad\n", "do"),
                            Finding::note("b", "odd", "look")}};
  CHECK(findings_text(group) ==
        "machine\n"
        "  ok     a          fine\n"
        "  WRONG  long name  bad\\x0a\n"
        "                    -> do\n"
        "  note   b          odd\n"
        "                    -> look\n");
  CHECK(findings_summary({group}) == "3 checks: 1 wrong, 1 note\n");
  CHECK(any_wrong({group}));
  CHECK_FALSE(any_wrong({{"x", {Finding::ok("a", "fine")}}}));
  CHECK(findings_summary({{"x", {Finding::ok("a", "fine")}}}) == "1 check: nothing is wrong\n");
  CHECK(contains(
      findings_json({group}),
      R"({"verdict": "wrong", "name": "long name", "found": "bad\u000a", "advice": "do"})"));
  CHECK(contains(findings_json({group}), R"({"wrong": 1, "notes": 1, )"));
}

}  // namespace
}  // namespace penstock
