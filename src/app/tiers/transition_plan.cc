// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/transition_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/human_text.h"

namespace penstock {
namespace {

constexpr int64_t day_ns = 86'400LL * 1'000'000'000;
constexpr uint64_t small_object = 128ULL << 10;

/// Amazon S3 User Guide, "Transitioning objects using Amazon S3 Lifecycle": the supported
/// transitions, and the least days of storage. Of Intelligent-Tiering's archive tiers it says
/// nothing: what is in them is colder than what GLACIER_IR and the like hold, and moves on only to
/// the classes that are archives, too.
struct ClassRow {
  std::string_view name;
  uint32_t least_days = 0;
  std::string_view targets;  ///< Each with a blank behind it.
};
constexpr auto table = std::to_array<ClassRow>({
    {"STANDARD", 0, "STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER_IR GLACIER DEEP_ARCHIVE "},
    {"REDUCED_REDUNDANCY", 0,
     "STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER_IR GLACIER DEEP_ARCHIVE "},
    {"STANDARD_IA", 30, "INTELLIGENT_TIERING ONEZONE_IA GLACIER_IR GLACIER DEEP_ARCHIVE "},
    {"INTELLIGENT_TIERING", 0, "ONEZONE_IA GLACIER_IR GLACIER DEEP_ARCHIVE "},
    {"ONEZONE_IA", 30, "GLACIER DEEP_ARCHIVE "},
    {"GLACIER_IR", 90, "GLACIER DEEP_ARCHIVE "},
    {"ARCHIVE_ACCESS", 0, "GLACIER DEEP_ARCHIVE "},
    {"DEEP_ARCHIVE_ACCESS", 0, "DEEP_ARCHIVE "},
    {"GLACIER", 90, "DEEP_ARCHIVE "},
    {"DEEP_ARCHIVE", 180, ""},
});

const ClassRow* row_of(std::string_view name) {
  const auto* const row = std::ranges::find(table, name, &ClassRow::name);
  return row == table.end() ? nullptr : row;
}

/// Whether objects below 128 KiB stay where they are: S3 API Reference,
/// PutBucketLifecycleConfiguration, x-amz-transition-default-minimum-object-size.
bool small_ones_stay(std::string_view small_objects, std::string_view target) {
  return small_objects != "varies_by_storage_class" || !is_archive_class(target);
}

using Fate = TransitionPlan::Row::Fate;

std::string fate_text(const TransitionPlan::Row& row, std::string_view target) {
  switch (row.fate) {
    case Fate::now:
      return "move now: at the bucket's next daily run";
    case Fate::later:
      return "move later, when they are old enough";
    case Fate::small:
      return "stay: objects below 128 KiB are not moved";
    case Fate::never:
      return fmt::format("stay: S3 moves nothing from there to {}", target);
    case Fate::there:
      return "are there already";
  }
  return "";
}

}  // namespace

bool lifecycle_moves(std::string_view from, std::string_view to) {
  const ClassRow* const row = row_of(from);
  if (row == nullptr || row_of(to) == nullptr) return from != to;
  return row->targets.find(std::string(to) + " ") == 0 ||
         row->targets.find(" " + std::string(to) + " ") != std::string_view::npos;
}

bool is_transition_class(std::string_view storage_class) {
  return lifecycle_moves("STANDARD", storage_class) && row_of(storage_class) != nullptr;
}

std::string transition_classes() {
  std::string names(table.front().targets);
  names.pop_back();
  size_t at = 0;
  while ((at = names.find(' ', at)) != std::string::npos) names.replace(at, 1, ", "), at += 2;
  return names;
}

uint32_t least_days(std::string_view storage_class) {
  const ClassRow* const row = row_of(storage_class);
  return row == nullptr ? 0 : row->least_days;
}

// https://repost.aws/knowledge-center/s3-lifecycle-rule-delay
int64_t transition_due_ns(int64_t modified_ns, uint32_t older_than) {
  const int64_t day = modified_ns / day_ns - (modified_ns % day_ns < 0 ? 1 : 0);
  return (day + older_than + 1) * day_ns;
}

void TransitionPlan::found(const ArchiveLook& look, uint64_t bytes) {
  const bool due = transition_due_ns(look.modified_ns, rule_.older_than) <= now_ns_;
  const MutexLock lock(mutex_);
  objects_ += 1;
  Sums& sums = classes_[look.place.empty() ? "STANDARD" : look.place];
  Sum& sum = sums[bytes < small_object ? 1 : 0][due ? 1 : 0];
  sum.objects += 1;
  sum.bytes += bytes;
}

uint64_t TransitionPlan::objects() const {
  const MutexLock lock(mutex_);
  return objects_;
}

std::vector<TransitionPlan::Row> TransitionPlan::rows(std::string_view small_objects) const {
  const MutexLock lock(mutex_);
  std::vector<Row> rows;
  for (const auto& [place, sums] : classes_) {
    std::map<Fate, Sum> fates;
    for (const bool small : {false, true}) {
      for (const bool due : {false, true}) {
        const Sum& part = sums[small ? 1 : 0][due ? 1 : 0];
        const Fate fate = place == rule_.storage_class                   ? Fate::there
                          : !lifecycle_moves(place, rule_.storage_class) ? Fate::never
                          : small && small_ones_stay(small_objects, rule_.storage_class)
                              ? Fate::small
                          : due ? Fate::now
                                : Fate::later;
        fates[fate].objects += part.objects;
        fates[fate].bytes += part.bytes;
      }
    }
    for (const auto& [fate, sum] : fates) {
      if (sum.objects != 0) rows.push_back({.place = place, .fate = fate, .sum = sum});
    }
  }
  return rows;
}

std::string plan_text(const TransitionPlan& plan, std::string_view small_objects, bool exact) {
  const std::string& target = plan.rule().storage_class;
  std::string text = fmt::format("{:<20} {:>12} {:>20}\n", "CLASS", "OBJECTS", "BYTES");
  uint64_t moves = 0;
  bool any_small = false;
  for (const TransitionPlan::Row& row : plan.rows(small_objects)) {
    text += fmt::format("{:<20} {:>12} {:>20}  {}\n", printable(row.place), row.sum.objects,
                        exact ? std::to_string(row.sum.bytes) : human_size(row.sum.bytes),
                        fate_text(row, target));
    moves += row.fate == Fate::now ? row.sum.objects : 0;
    any_small = any_small || row.fate == Fate::small;
  }
  if (plan.objects() == 0) text += "Nothing lies there now.\n";
  text += fmt::format(
      "\nIts first run makes {}, each of which AWS bills as one lifecycle transition into {}; "
      "Penstock\nhas no table of these prices: https://aws.amazon.com/s3/pricing\n",
      counted(moves, "transition"), target);
  if (const uint32_t days = least_days(target); days != 0) {
    text += fmt::format(
        "AWS bills what is in {} for {} days at least, also if it is deleted or "
        "overwritten before.\n",
        target, days);
  }
  if (any_small && small_objects.empty()) {
    text += "That small objects stay is AWS's default; other servers may move them, too.\n";
  }
  if (is_archive_class(target)) {
    text += fmt::format(
        "WARNING: what is in {} cannot be read until it is restored, which takes hours and costs "
        "money:\nsee penstock restore, and --on-archived of a mount.\n",
        target);
  }
  return text;
}

}  // namespace penstock
