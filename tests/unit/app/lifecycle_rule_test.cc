// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "app/tiers/rule_change.h"
#include "app/tiers/rule_text.h"
#include "support/catch.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

const TransitionRule wanted{
    .id = "penstock/GLACIER/c/", .prefix = "c/", .older_than = 30, .storage_class = "GLACIER"};

LifecycleRule rule(const std::string& id, const std::string& prefix) {
  return {.id = id, .enabled = true, .prefix = prefix, .whole = id + " " + prefix};
}

LifecycleRule moving(const std::string& id, const std::string& storage_class, uint32_t days) {
  LifecycleRule moves = rule(id, "c/");
  moves.transitions.push_back({.days = days, .date = {}, .storage_class = storage_class});
  return moves;
}

LifecycleRule deleting(uint32_t days) {
  LifecycleRule deletes = rule("expire", "");
  deletes.expiration_days = days;
  return deletes;
}

/// Rules whose answers are given: each read tells the next one, the last one again and again.
class ToldRules final : public LifecycleRules {
 public:
  std::vector<LifecycleConfiguration> answers;
  int writes = 0;
  int reads = 0;
  std::optional<Error> refusal;

  void read(Done<LifecycleConfiguration> done) override {
    const size_t at = std::min<size_t>(static_cast<size_t>(reads++), answers.size() - 1);
    done(answers[at]);
  }
  void put(const LifecycleConfiguration&, TransitionRule, Done<void> done) override {
    write(std::move(done));
  }
  void remove(const LifecycleConfiguration&, const std::vector<std::string>&,
              Done<void> done) override {
    write(std::move(done));
  }

 private:
  void write(Done<void> done) {
    writes += 1;
    if (refusal) return done(*refusal);
    done({});
  }
};

Result<RuleOutcome> change(ToldRules& rules, const LifecycleConfiguration& seen,
                           std::vector<milliseconds>* pauses = nullptr) {
  return change_rules(rules, seen, {.put = wanted, .removed = {}}, [&](milliseconds time) {
    if (pauses != nullptr) pauses->push_back(time);
  });
}

}  // namespace

TEST_CASE("a rule's id follows from prefix and class, however odd or long the prefix is") {
  CHECK(transition_rule_id("c/", "GLACIER") == wanted.id);
  CHECK(transition_rule_id("a b/\xC3\xA4", "GLACIER") == "penstock/GLACIER/a%20b/%C3%A4");
  CHECK(transition_rule_id("", "GLACIER") == "penstock/GLACIER/");
  const std::string longer =
      transition_rule_id(std::string(1000, 'x') + "1", "INTELLIGENT_TIERING");
  CHECK(longer.size() <= 255);
  CHECK(longer != transition_rule_id(std::string(1000, 'x') + "2", "INTELLIGENT_TIERING"));
}

TEST_CASE("only rules of Penstock's for exactly this prefix are its own") {
  CHECK(is_own_rule(rule(wanted.id, "c/"), "c/", ""));
  CHECK(is_own_rule(rule(wanted.id, "c/"), "c/", "GLACIER"));
  CHECK_FALSE(is_own_rule(rule(wanted.id, "c/"), "c/", "DEEP_ARCHIVE"));
  CHECK_FALSE(is_own_rule(rule(wanted.id, "c/d/"), "c/", ""));
  CHECK_FALSE(is_own_rule(rule("mine", "c/"), "c/", ""));
}

TEST_CASE("rules touch where one prefix begins the other") {
  CHECK(touches(rule("r", ""), "c/"));
  CHECK(touches(rule("r", "c"), "c/"));
  CHECK(touches(rule("r", "c/d"), "c/"));
  CHECK(touches(rule("r", "d/"), ""));
  CHECK_FALSE(touches(rule("r", "d/"), "c/"));
}

TEST_CASE("a rule is told in words") {
  LifecycleRule all = moving("a\nb", "GLACIER", 1);
  all.limits = "tag k=v";
  all.expiration_date = "2027-01-01T00:00:00Z";
  all.others = {"AbortIncompleteMultipartUpload"};
  all.enabled = false;
  CHECK(rule_text(all) ==
        "'a\\x0ab', below c/ with tag k=v: to GLACIER after 1 day; deleted from "
        "2027-01-01T00:00:00Z on; AbortIncompleteMultipartUpload (disabled)");
  CHECK(rule_text(deleting(9)) == "'expire', all objects: deleted after 9 days");
}

TEST_CASE("rules that get into each other's way are told") {
  CHECK(conflict_text(deleting(30), wanted) ==
        "'expire' deletes objects after 30 days, before they would move");
  CHECK(conflict_text(deleting(119), wanted) ==
        "'expire' deletes objects after 119 days; AWS bills those in GLACIER for 90 days all the "
        "same");
  CHECK(conflict_text(deleting(120), wanted).empty());
  CHECK(conflict_text(moving("m", "DEEP_ARCHIVE", 10), wanted) ==
        "'m' moves objects to DEEP_ARCHIVE after 10 days, from where S3 moves nothing to GLACIER");
  CHECK(conflict_text(moving("m", "STANDARD_IA", 30), wanted) ==
        "'m' moves objects to STANDARD_IA after 30 days; where both are due S3 takes the cheaper "
        "class");
  CHECK(conflict_text(moving("m", "GLACIER", 99), wanted) ==
        "'m' moves objects to GLACIER, too, after 99 days");
  CHECK(conflict_text(moving("m", "GLACIER_IR", 5), wanted).empty());
  CHECK(conflict_text(moving("m", "DEEP_ARCHIVE", 99), wanted).empty());
  LifecycleRule off = deleting(1);
  off.enabled = false;
  CHECK(conflict_text(off, wanted).empty());
}

TEST_CASE("a rule does as wanted only if it does nothing else") {
  LifecycleRule same = moving(wanted.id, "GLACIER", 30);
  CHECK(does_as(same, wanted));
  same.limits = "ObjectSizeGreaterThan 5";
  CHECK_FALSE(does_as(same, wanted));
  CHECK_FALSE(does_as(moving(wanted.id, "GLACIER", 31), wanted));
  LifecycleRule off = moving(wanted.id, "GLACIER", 30);
  off.enabled = false;
  CHECK_FALSE(does_as(off, wanted));
}

TEST_CASE("a change is read back until the server shows it") {
  const LifecycleRule other = rule("other", "x/");
  const LifecycleConfiguration before{.rules = {other}, .small_objects = {}, .document = "d"};
  LifecycleConfiguration after = before;
  after.rules.push_back(moving(wanted.id, "GLACIER", 30));
  ToldRules rules;
  rules.answers = {before, before, after};
  std::vector<milliseconds> pauses;
  const auto outcome = change(rules, before, &pauses);
  REQUIRE(outcome.has_value());
  CHECK(outcome.value().done);
  CHECK(outcome.value().differences.empty());
  CHECK(rules.writes == 1);
  CHECK(pauses == std::vector{milliseconds(200), milliseconds(400)});
}

TEST_CASE("what others did to the rules meanwhile is told") {
  const LifecycleConfiguration before{.rules = {rule("a", "1"), rule("b", "2"), rule("same", "3")},
                                      .document = "d"};
  LifecycleConfiguration after{
      .rules = {rule("same", "3"), rule("b", "changed"), moving(wanted.id, "GLACIER", 30)},
      .small_objects = "new",
      .document = "d"};
  ToldRules rules;
  rules.answers = {after};
  const auto outcome = change(rules, before);
  REQUIRE(outcome.has_value());
  CHECK(outcome.value().done);
  CHECK(outcome.value().differences ==
        std::vector<std::string>{
            "is gone: 'a', below 1: ", "is gone: 'b', below 2: ", "is new: 'b', below changed: ",
            "for objects below 128 KiB 'new' counts instead of ''"});
}

TEST_CASE("a change that somebody else undid at once is not called done") {
  const LifecycleConfiguration before{.rules = {rule("a", "1")}, .document = "d"};
  ToldRules rules;
  rules.answers = {before};
  const auto outcome = change(rules, before);
  REQUIRE(outcome.has_value());
  CHECK_FALSE(outcome.value().done);
  CHECK(rules.reads == 6);
}

TEST_CASE("failures say what to do") {
  const auto message = [](Code code, int status, const std::string& word) {
    ToldRules rules;
    rules.refusal = Error(code, Error::Detail{.message = "no",
                                              .key = {},
                                              .request_id = {},
                                              .service_code = word,
                                              .http_status = status});
    const LifecycleConfiguration before;
    return std::string(change(rules, before).error().message());
  };
  CHECK(message(Code::access_denied, 403, "AccessDenied").find("(s3:PutLifecycleConfiguration)") !=
        std::string::npos);
  CHECK(message(Code::invalid_argument, 400, "InvalidStorageClass")
            .find("perhaps it has no class GLACIER") != std::string::npos);
  CHECK(
      message(Code::not_supported, 501, "NotImplemented").find("penstock archive moves objects") !=
      std::string::npos);
  CHECK(message(Code::invalid_argument, 0, "") == "no");
}

}  // namespace penstock
