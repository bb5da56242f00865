// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/transition_plan.h"

#include <string>
#include <vector>

#include "support/catch.h"
#include "support/sizes.h"

namespace penstock {
namespace {

using test::kib;
using Fate = TransitionPlan::Row::Fate;

constexpr int64_t second = 1'000'000'000;
constexpr int64_t day = 86'400 * second;
constexpr int64_t now = 20'000 * day + 5;

TransitionPlan plan_to(const std::string& storage_class, uint32_t older_than = 7) {
  return {{.id = "r", .prefix = "c/", .older_than = older_than, .storage_class = storage_class},
          now};
}

/// "CLASS FATE OBJECTS BYTES" of each row.
std::vector<std::string> rows_of(const TransitionPlan& plan, const std::string& small = "") {
  constexpr auto names = std::to_array<const char*>({"now", "later", "small", "never", "there"});
  std::vector<std::string> rows;
  for (const auto& row : plan.rows(small)) {
    rows.push_back(row.place + " " + names[static_cast<size_t>(row.fate)] + " " +
                   std::to_string(row.sum.objects) + " " + std::to_string(row.sum.bytes));
  }
  return rows;
}

using Rows = std::vector<std::string>;

}  // namespace

TEST_CASE("a rule gets hold of an object at the midnight after its days") {
  // AWS's own example: 2020-01-01T10:30Z and 3 days are 2020-01-05T00:00Z.
  constexpr int64_t first = 1'577'836'800LL * second;
  CHECK(transition_due_ns(first + 37'800 * second, 3) == first + 4 * day);
  CHECK(transition_due_ns(first, 0) == first + day);
  CHECK(transition_due_ns(-1, 0) == 0);
}

TEST_CASE("objects move from dearer classes to cheaper ones") {
  CHECK(lifecycle_moves("STANDARD", "STANDARD_IA"));
  CHECK(lifecycle_moves("STANDARD_IA", "GLACIER_IR"));
  CHECK(lifecycle_moves("GLACIER", "DEEP_ARCHIVE"));
  CHECK_FALSE(lifecycle_moves("DEEP_ARCHIVE", "GLACIER"));
  CHECK_FALSE(lifecycle_moves("ONEZONE_IA", "GLACIER_IR"));
  CHECK_FALSE(lifecycle_moves("INTELLIGENT_TIERING", "STANDARD_IA"));
  CHECK_FALSE(lifecycle_moves("DEEP_ARCHIVE_ACCESS", "GLACIER"));
  CHECK_FALSE(lifecycle_moves("STANDARD", "STANDARD"));
  CHECK(lifecycle_moves("FROZEN_OF_CEPH", "GLACIER"));
  CHECK_FALSE(is_transition_class("STANDARD"));
  CHECK_FALSE(is_transition_class("COLD"));
  CHECK(is_transition_class("DEEP_ARCHIVE"));
  CHECK(transition_classes() ==
        "STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER, DEEP_ARCHIVE");
}

TEST_CASE("a plan tells what moves now and later, and what stays") {
  TransitionPlan plan = plan_to("GLACIER_IR");
  plan.found({.place = "", .modified_ns = now - 9 * day}, 200 * kib);
  plan.found({.place = "", .modified_ns = now - 7 * day}, 128 * kib);  // due, but for the rounding
  plan.found({.place = "STANDARD", .modified_ns = now - day}, 200 * kib);
  plan.found({.place = "", .modified_ns = now - 9 * day}, 128 * kib - 1);
  plan.found({.place = "DEEP_ARCHIVE", .modified_ns = now - 9 * day}, 200 * kib);
  plan.found({.place = "ARCHIVE_ACCESS", .modified_ns = now - 9 * day}, 200 * kib);
  plan.found({.place = "GLACIER_IR", .modified_ns = now}, 1);
  CHECK(rows_of(plan) == Rows{"ARCHIVE_ACCESS never 1 204800", "DEEP_ARCHIVE never 1 204800",
                              "GLACIER_IR there 1 1", "STANDARD now 1 204800",
                              "STANDARD later 2 335872", "STANDARD small 1 131071"});
  CHECK(plan.objects() == 7);
}

TEST_CASE("small objects move to archives where the bucket has AWS's older default") {
  for (const bool archive : {true, false}) {
    TransitionPlan plan = plan_to(archive ? "GLACIER" : "GLACIER_IR");
    plan.found({.place = "", .modified_ns = 0}, 1);
    CHECK(rows_of(plan, "all_storage_classes_128K") == Rows{"STANDARD small 1 1"});
    CHECK(rows_of(plan, "varies_by_storage_class") ==
          Rows{archive ? "STANDARD now 1 1" : "STANDARD small 1 1"});
  }
}

TEST_CASE("a plan for people says what it costs and what it means") {
  TransitionPlan plan = plan_to("DEEP_ARCHIVE");
  plan.found({.place = "", .modified_ns = 0}, 200 * kib);
  plan.found({.place = "", .modified_ns = 0}, 1);
  const std::string text = plan_text(plan, "", false);
  INFO(text);
  const auto says = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  CHECK(says("STANDARD                        1               200KiB  move now"));
  CHECK(says("Its first run makes 1 transition, "));
  CHECK(says("for 180 days at least"));
  CHECK(says("other servers may move them, too"));
  CHECK(says("WARNING: what is in DEEP_ARCHIVE cannot be read until it is restored"));
  const std::string instant = plan_text(plan_to("GLACIER_IR"), "all_storage_classes_128K", false);
  CHECK(instant.find("WARNING") == std::string::npos);
}

}  // namespace penstock
