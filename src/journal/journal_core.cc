// SPDX-License-Identifier: Apache-2.0
#include "journal/journal_core.h"

#include <algorithm>
#include <utility>

#include "journal/journal_folder.h"
#include "journal/log_format.h"

namespace penstock {

/// A flush that was posted: where the scheduler throws it away, those who wait are told.
class JournalCore::Ticket {
 public:
  explicit Ticket(std::shared_ptr<JournalCore> core) : core_(std::move(core)) {}
  Ticket(Ticket&&) noexcept = default;
  ~Ticket() {
    if (core_ != nullptr) core_->abandon();
  }
  void operator()() { std::exchange(core_, nullptr)->flush(); }

 private:
  std::shared_ptr<JournalCore> core_;
};

JournalCore::JournalCore(Parts parts, Scheduler& scheduler, std::shared_ptr<Log> log)
    : folder_(std::move(parts.folder)),
      scheduler_(scheduler),
      log_(std::move(log)),
      owner_(std::move(parts.owner)),
      keep_folder_(parts.keep_folder),
      make_room_(std::move(parts.make_room)),
      reserve_(folder_->disk(), folder_->path()),
      data_(folder_, owner_.next_segment),
      next_file_(owner_.next_file),
      lock_(std::move(parts.lock)),
      log_file_(std::move(parts.log)),
      live_(std::move(parts.live)) {
  reserve_.ensure();
  publish();
}

Result<std::shared_ptr<const JournalPiece>> JournalCore::append(std::span<const std::byte> bytes) {
  {
    const MutexLock lock(mutex_);
    if (broken_) return *broken_;
  }
  return with_room(make_room_, [&]() -> Result<std::shared_ptr<const JournalPiece>> {
    // Bytes without a state are worth nothing, and nothing takes them away again.
    if (!reserve_.ensure())
      return Error(Code::no_space, "no room for the journal's log in " + folder_->path());
    return data_.append(bytes);
  });
}

void JournalCore::record(LogRecord record, Done<void> done) {
  Result<void> checked = check_record(record);
  if (const auto* state = std::get_if<JournalState>(&record)) {
    for (const JournalRange& range : state->ranges) {
      const bool ours = range.kind != JournalRange::Kind::piece ||
                        (range.piece != nullptr && range.piece->segment != nullptr &&
                         range.piece->segment->folder() == folder_.get());
      if (checked && !ours) checked = Error(Code::invalid_argument, "a piece of another journal");
    }
  }
  if (!checked && !done) return;
  Entry entry{.record = std::move(record), .done = std::move(done)};
  // Answered in its turn, never during the call: the caller may hold a lock that keeps states in
  // their order.
  if (!checked) entry.error = checked.error();
  MutexLock lock(mutex_);
  queue_.push_back(std::move(entry));
  wanted_ = true;
  if (std::exchange(posted_, true)) return;
  lock.unlock();
  scheduler_.post(Ticket(shared_from_this()));
}

bool JournalCore::take_group(Group& group) {
  const MutexLock lock(mutex_);
  if (!std::exchange(wanted_, false)) {
    posted_ = running_ = false;
    idle_.notify_all();
    return false;
  }
  group.swap(queue_);
  return true;
}

void JournalCore::flush() {
  {
    const MutexLock lock(mutex_);
    // close() has made everything durable that this flush was posted for, or another flush is at
    // it.
    if (closed_ || running_ || !posted_) return;
    running_ = true;
  }
  while (true) {
    Group group;
    if (!take_group(group)) return;
    flush_group(group);
  }
}

void JournalCore::flush_group(Group& group) {
  commit(group);
  apply(group);
  keep_unwaited(group);
  for (Entry& entry : group) {
    if (entry.done) entry.done(entry.error ? Result<void>(*entry.error) : Result<void>());
  }
  renew_log_if_long();
}

void JournalCore::apply(Group& group) {
  bool freed = false;
  for (Entry& entry : group) {
    if (entry.error) continue;
    std::vector<JournalState> dropped;
    live_.apply(std::move(entry.record), entry.bytes, dropped);
    freed = freed || !dropped.empty();
  }
  if (freed) {
    data_.release_unused();
    reserve_.ensure();
  }
  publish();
}

/// Records that nobody waits for and that could not be written wait for the next flush. Messages
/// are not worth it.
void JournalCore::keep_unwaited(Group& group) {
  Group kept;
  for (Entry& entry : group) {
    if (!entry.error || entry.done || std::holds_alternative<FailureRecord>(entry.record)) continue;
    kept.push_back({.record = std::move(entry.record)});
  }
  if (kept.empty()) return;
  const MutexLock lock(mutex_);
  if (broken_) return;
  std::ranges::move(queue_, std::back_inserter(kept));
  queue_ = std::move(kept);
}

OwnerRecord JournalCore::owner_now() const {
  OwnerRecord owner = owner_;
  owner.next_file = next_file_;
  owner.next_segment = data_.next_number();
  return owner;
}

Result<void> JournalCore::renew_log() {
  bool uncertain = false;
  Result<void> result = log_file_.renew(log_file_.number() + 1, live_, owner_now(), uncertain);
  if (uncertain) break_down(result.error());
  return result;
}

void JournalCore::renew_log_if_long() {
  constexpr uint64_t shortest = 1ULL << 20;
  const uint64_t end = log_file_.end();
  const uint64_t live = live_.log_bytes();
  const bool long_enough = end > 4 * live || (end > JournalLimits::log / 2 && end > 2 * live);
  if (end < std::max(shortest, renew_at_) || !long_enough) return;
  {
    const MutexLock lock(mutex_);
    if (broken_) return;
  }
  const Result<void> result = renew_log();
  renew_at_ = result ? 0 : 2 * end;
  if (!result) log_->warning("the journal's log cannot be renewed: {}", result.error().message());
  publish();
}

void JournalCore::publish() {
  JournalStats stats{.files = live_.usable_files(), .bytes = live_.piece_bytes()};
  stats.occupied = log_file_.end();
  stats.oldest_ns = live_.oldest_ns();
  const MutexLock lock(mutex_);
  stats_ = stats;
}

JournalStats JournalCore::stats() const {
  const MutexLock lock(mutex_);
  JournalStats stats = stats_;
  stats.segments = folder_->segments();
  stats.occupied += folder_->bytes();
  return stats;
}

void JournalCore::break_down(const Error& error) {
  // From here on nobody knows what a later mount will find: it must find everything.
  folder_->keep_files();
  const Error told(error.code(), std::string(error.message()) + "; the journal takes nothing more");
  log_->error("the journal in {} is broken: {}", folder_->path(), error.message());
  const MutexLock lock(mutex_);
  if (!broken_) broken_ = told;
}

void JournalCore::abandon() {
  Group group;
  {
    const MutexLock lock(mutex_);
    if (closed_ || running_) return;
    posted_ = wanted_ = false;
    group.swap(queue_);
  }
  for (Entry& entry : group) {
    if (entry.done) entry.done(Error(Code::cancelled, "the journal is being closed"));
  }
}

void JournalCore::close() {
  {
    const MutexLock lock(mutex_);
    while (running_) idle_.wait(mutex_);
    posted_ = running_ = true;
  }
  Group group;
  while (take_group(group)) {
    flush_group(group);
    group.clear();
  }
  let_go();
}

void JournalCore::let_go() {
  bool broken = false;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    broken = broken_.has_value();
  }
  if (!broken && log_file_.durable() != log_file_.end()) broken = !log_file_.sync();
  const bool unneeded = !broken && live_.empty() && !keep_folder_;
  folder_->keep_files();
  live_ = {};
  data_.close();
  if (unneeded) remove_journal_folder(*folder_->disk(), folder_->path());
  lock_ = DiskFile();
}

}  // namespace penstock
