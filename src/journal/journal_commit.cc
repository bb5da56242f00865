// SPDX-License-Identifier: Apache-2.0
// How a group of records becomes durable; docs/journal-format.md has the order.
#include <algorithm>
#include <utility>

#include "journal/journal_core.h"
#include "journal/log_format.h"

namespace penstock {
namespace {

bool is_state(const LogRecord& record) { return std::holds_alternative<JournalState>(record); }

}  // namespace

void JournalCore::commit(Group& group) {
  std::optional<Error> broken;
  {
    const MutexLock lock(mutex_);
    broken = broken_;
  }
  if (broken) return fail(group, *broken);
  const bool states =
      std::ranges::any_of(group, [](const Entry& e) { return is_state(e.record) && !e.error; });
  if (states) {
    if (const Result<void> result = data_.sync(); !result) {
      break_down(result.error());
      return fail(group, result.error());
    }
  }
  if (!write(group)) return;
  const bool waited = std::ranges::any_of(
      group, [](const Entry& e) { return static_cast<bool>(e.done) && !e.error; });
  if (!waited) return;
  if (const Result<void> result = log_file_.sync(); !result) {
    break_down(result.error());
    log_file_.take_back();
    fail(group, result.error());
  }
}

/// Gives the entries of a group that could not be made durable this error; those that were refused
/// before keep their own.
void JournalCore::fail(Group& group, const Error& error) {
  for (Entry& entry : group) {
    if (!entry.error) entry.error = error;
  }
}

/// False where nothing of the group is in the log.
bool JournalCore::write(Group& group) {
  bool uncertain = false;
  Result<void> result = append_entries(group, UINT64_MAX, uncertain);
  if (!result && result.code() == Code::no_space && !uncertain)
    result = append_to_full_disk(group, result.error(), uncertain);
  if (uncertain) break_down(result.error());
  if (result) return true;
  fail(group, result.error());
  return false;
}

/// With the reserve: all of the group where states may take that much of it, else what makes room
/// later, which must get through; the states fail then.
Result<void> JournalCore::append_to_full_disk(Group& group, const Error& full, bool& uncertain) {
  Result<void> result = full;
  reserve_.instead([&](uint64_t left_for_states) {
    const uint64_t before = log_file_.end();
    result = append_entries(group, left_for_states, uncertain);
    if (!result && result.code() == Code::no_space && !uncertain) {
      const Error error = result.error();
      bool rest = false;
      for (Entry& entry : group) {
        if (!entry.error && is_state(entry.record)) entry.error = error;
        rest |= !entry.error;
      }
      if (rest) result = append_entries(group, UINT64_MAX, uncertain);
    }
    return log_file_.end() - before;
  });
  return result;
}

/// Appends the records of those entries that have not failed.
Result<void> JournalCore::append_entries(Group& group, uint64_t most, bool& uncertain) {
  std::vector<std::byte> bytes;
  const LogPlace place{
      .salt = log_file_.salt(), .start = log_file_.end(), .durable = log_file_.durable()};
  for (Entry& entry : group) {
    if (!entry.error) entry.bytes = append_record(entry.record, place, bytes);
    if (place.start + bytes.size() > JournalLimits::log)
      return Error(Code::no_space, "the journal's log is full");
  }
  if (bytes.size() > most)
    return Error(Code::no_space, "the disk is full, and so is the journal's reserve");
  if (bytes.empty()) return {};
  // Where nobody knows what the log has, nothing may follow.
  const MakeRoom make_room = [&] { return !uncertain && make_room_ && make_room_(); };
  return with_room(make_room, [&] { return log_file_.append(bytes, uncertain); });
}

}  // namespace penstock
