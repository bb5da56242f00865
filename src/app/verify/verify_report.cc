// SPDX-License-Identifier: Apache-2.0
#include "app/verify/verify_report.h"

#include <fmt/format.h>

#include <utility>

#include "app/human_text.h"

namespace penstock {
namespace {

using Kind = ObjectVerdict::Kind;

constexpr size_t most_unsaid = 1000;

/// "; 3 differ, 1 unreadable": what is not zero, but for what is good.
std::string others(const VerifyReport::Counts& counts) {
  std::string text;
  const auto add = [&](uint64_t count, std::string_view what) {
    if (count != 0) text += fmt::format("{}{} {}", text.empty() ? "; " : ", ", count, what);
  };
  add(counts.differs, counts.differs == 1 ? "differs" : "differ");
  add(counts.unchecked, "without a checksum");
  add(counts.changed, "changed while they were read");
  add(counts.gone, "deleted meanwhile");
  add(counts.unreadable, "unreadable");
  return text;
}

uint64_t rate(uint64_t bytes, std::chrono::duration<double> passed) {
  return static_cast<uint64_t>(static_cast<double>(bytes) / (passed.count() + 0.001));
}

}  // namespace

void VerifyReport::found(uint64_t bytes) {
  const MutexLock lock(mutex_);
  counts_.objects += 1;
  counts_.bytes += bytes;
}

void VerifyReport::listed_place() {
  const MutexLock lock(mutex_);
  counts_.all_found = --unlisted_ == 0;
}

void VerifyReport::count(const ObjectVerdict& verdict) {
  const bool etag = verdict.checksum.ends_with("(ETag)");
  switch (verdict.kind) {
    case Kind::good:
      counts_.good += 1;
      counts_.damaged_once += verdict.damaged_once ? 1 : 0;
      counts_.good_etags += etag ? 1 : 0;
      break;
    case Kind::differs:
      counts_.differs += 1;
      counts_.other_etags += etag ? 1 : 0;
      break;
    case Kind::unchecked:
      counts_.unchecked += 1;
      counts_.why_unchecked[verdict.why] += 1;
      break;
    case Kind::changed:
      counts_.changed += 1;
      break;
    case Kind::gone:
      counts_.gone += 1;
      break;
    case Kind::unreadable:
      counts_.unreadable += 1;
      break;
  }
}

void VerifyReport::add(ObjectVerdict verdict) {
  const bool quiet = (verdict.kind == Kind::good && !verdict.damaged_once) ||
                     verdict.kind == Kind::gone ||
                     (verdict.kind == Kind::unchecked && !name_unchecked_);
  const MutexLock lock(mutex_);
  count(verdict);
  if (quiet) return;
  while (unsaid_.size() >= most_unsaid) said_.wait(mutex_);
  unsaid_.push_back(std::move(verdict));
}

std::vector<ObjectVerdict> VerifyReport::take_unsaid() {
  const MutexLock lock(mutex_);
  said_.notify_all();
  return std::exchange(unsaid_, {});
}

VerifyReport::Counts VerifyReport::counts() const {
  const MutexLock lock(mutex_);
  Counts counts = counts_;
  counts.read_bytes = read_bytes_;
  return counts;
}

std::string VerifyReport::progress() const {
  const Counts now = counts();
  return fmt::format("{} of {}{}, {} of {} read, {}/s{}", now.checked(),
                     counted(now.objects, "object"), now.all_found ? "" : " so far",
                     human_size(now.read_bytes), human_size(now.bytes),
                     human_size(rate(now.read_bytes, passed())), others(now));
}

std::string VerifyReport::summary() const {
  const Counts now = counts();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(passed());
  std::string text =
      fmt::format("{} checked, {} read in {} ({}/s): {} good{}\n", counted(now.checked(), "object"),
                  human_size(now.read_bytes), human_time(seconds),
                  human_size(rate(now.read_bytes, passed())), now.good, others(now));
  for (const auto& [why, count] : now.why_unchecked)
    text += fmt::format("{}: {}\n", counted(count, "object"), why);
  if (now.damaged_once != 0) {
    text += fmt::format(
        "{} differed once and not again: what the store has is good, and the way from it, or this "
        "machine's memory, is not\n",
        counted(now.damaged_once, "object"));
  }
  if (now.other_etags != 0 && now.good_etags == 0) {
    text +=
        "no ETag was the MD5 of its object's bytes: this server may make ETags of its own; "
        "--no-etag leaves them alone\n";
  }
  return text;
}

std::string VerifyReport::json() const {
  const Counts now = counts();
  std::string reasons;
  for (const auto& [why, count] : now.why_unchecked)
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : ", ", json_string(why), count);
  return fmt::format(
      "\"objects\": {}, \"read_bytes\": {}, \"good\": {}, \"differs\": {}, \"unchecked\": {}, "
      "\"changed\": {}, \"gone\": {}, \"unreadable\": {}, \"damaged_once\": {}, "
      "\"why_unchecked\": {{{}}}",
      now.checked(), now.read_bytes, now.good, now.differs, now.unchecked, now.changed, now.gone,
      now.unreadable, now.damaged_once, reasons);
}

}  // namespace penstock
