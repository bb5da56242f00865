// SPDX-License-Identifier: Apache-2.0
#include "journal/live_records.h"

#include <algorithm>
#include <utility>

#include "journal/log_format.h"

namespace penstock {
namespace {

uint64_t bytes_in_pieces(const JournalState& state) {
  uint64_t bytes = 0;
  for (const JournalRange& range : state.ranges) {
    if (range.kind == JournalRange::Kind::piece) bytes += range.length;
  }
  return bytes;
}

/// About what an upload takes in a log: good enough to know when to write a new one.
uint64_t upload_bytes(const JournalUpload& upload) {
  return record_head_size + upload.key.size() + upload.upload_id.size();
}

}  // namespace

void LiveRecords::withhold(uint64_t number) {
  File& file = files_[number];
  if (!std::exchange(file.withheld, true)) discount(*file.state);
}

void LiveRecords::count(const JournalState& state) {
  ++usable_files_;
  piece_bytes_ += bytes_in_pieces(state);
  since_.insert(state.since_ns);
}

void LiveRecords::discount(const JournalState& state) {
  --usable_files_;
  piece_bytes_ -= bytes_in_pieces(state);
  since_.erase(since_.find(state.since_ns));
}

void LiveRecords::drop(File& file, std::vector<JournalState>& dropped) {
  if (!file.state) return;
  log_bytes_ -= file.state_bytes;
  if (!std::exchange(file.withheld, false)) discount(*file.state);
  dropped.push_back(*std::exchange(file.state, std::nullopt));
}

void LiveRecords::apply_state(JournalState state, uint64_t bytes,
                              std::vector<JournalState>& dropped) {
  File& file = files_[state.file];
  drop(file, dropped);
  log_bytes_ += bytes;
  count(state);
  file.order = next_order_++;
  file.state_bytes = bytes;
  file.state = std::move(state);
  file.damage.clear();
}

void LiveRecords::apply(LogRecord record, uint64_t bytes, std::vector<JournalState>& dropped) {
  if (auto* state = std::get_if<JournalState>(&record)) {
    apply_state(std::move(*state), bytes, dropped);
  } else if (const auto* forget = std::get_if<ForgetRecord>(&record)) {
    const auto found = files_.find(forget->file);
    if (found == files_.end()) return;
    drop(found->second, dropped);
    files_.erase(found);
  } else if (auto* failure = std::get_if<FailureRecord>(&record)) {
    const auto found = files_.find(failure->file);
    if (found != files_.end()) found->second.failure = std::move(*failure);
  } else if (auto* upload = std::get_if<JournalUpload>(&record)) {
    log_bytes_ += upload_bytes(*upload);
    uploads_.push_back(std::move(*upload));
  } else if (const auto* ended = std::get_if<UploadEndedRecord>(&record)) {
    std::erase_if(uploads_, [&](const JournalUpload& begun) {
      const bool same = begun.upload_id == ended->upload_id;
      if (same) log_bytes_ -= upload_bytes(begun);
      return same;
    });
  } else if (auto* damage = std::get_if<DamageRecord>(&record)) {
    File& file = files_[damage->file];
    file.damage = std::move(damage->reason);
  }
}

void LiveRecords::mark_all(const std::string& reason) {
  for (auto& [number, file] : files_) {
    if (file.damage.empty()) file.damage = reason;
  }
}

std::vector<const LiveRecords::File*> LiveRecords::in_order() const {
  std::vector<const File*> files;
  for (const auto& [number, file] : files_) {
    if (file.state) files.push_back(&file);
  }
  std::ranges::sort(files, {}, &File::order);
  return files;
}

std::vector<std::byte> LiveRecords::encode(OwnerRecord owner, uint64_t salt) const {
  std::vector<std::byte> log;
  encode_log_header(salt, log);
  const LogPlace place{.salt = salt};
  append_record(owner, place, log);
  for (const File* file : in_order()) {
    append_record(*file->state, place, log);
    if (file->failure) append_record(*file->failure, place, log);
  }
  for (const auto& [number, file] : files_) {
    if (!file.damage.empty())
      append_record(DamageRecord{.file = number, .reason = file.damage}, place, log);
  }
  for (const JournalUpload& upload : uploads_) append_record(upload, place, log);
  owner.whole_until = log.size();
  std::vector<std::byte> first;
  append_record(owner, {.salt = salt, .start = log_header_size}, first);
  std::ranges::copy(first, log.begin() + log_header_size);
  return log;
}

}  // namespace penstock
