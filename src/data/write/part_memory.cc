// SPDX-License-Identifier: Apache-2.0
#include "data/write/part_memory.h"

#include <utility>

namespace penstock {
namespace {

/// Of a file that is written from front to back, and that nobody has open for reading, so much is
/// moved to the disk whatever that costs; of the rest what the disk takes by the way.
constexpr uint64_t surely_moved = 512ULL << 20;

bool overlap(ByteRange a, ByteRange b) { return a.offset < b.end() && b.offset < a.end(); }

}  // namespace

PartMemory::~PartMemory() { unkeep_above(0); }

void PartMemory::settle(uint32_t number, bool awaited, Phase phase, Deferred& after) {
  const uint64_t bytes = contents_.bytes(contents_.clip(number), Source::memory);
  if (bytes == 0 || kept_.contains(number)) return;
  if (awaited) {
    core_.memory->keep_anyway(bytes);
    return keep(number, bytes);
  }
  if (core_.memory->try_keep(bytes)) return keep(number, bytes);
  // The first part and the newest ones are the likeliest to be changed.
  const auto oldest = kept_.upper_bound(1);
  if (oldest != kept_.end() && oldest->first < number) {
    let_go(oldest->first, phase, after);
    if (core_.memory->try_keep(bytes)) return keep(number, bytes);
  }
  let_go(number, phase, after);
}

void PartMemory::let_all_go(Phase phase, Deferred& after) {
  while (!kept_.empty()) let_go(kept_.begin()->first, phase, after);
}

void PartMemory::unkeep(uint32_t number) {
  const auto found = kept_.find(number);
  if (found == kept_.end()) return;
  core_.memory->unkeep(found->second);
  kept_.erase(found);
}

void PartMemory::unkeep_above(uint32_t last) {
  while (!kept_.empty() && kept_.rbegin()->first > last) unkeep(kept_.rbegin()->first);
}

bool PartMemory::writes(ByteRange range) const noexcept {
  return (spilling_ && overlap(*spilling_, range)) || (moving_ && overlap(*moving_, range));
}

// Frees the memory of a stored part: at once, or when its bytes are on the disk.
void PartMemory::let_go(uint32_t number, Phase phase, Deferred& after) {
  unkeep(number);
  if (!worth_moving(number, phase)) return drop(number, after);
  const uint64_t bytes = contents_.bytes(contents_.clip(number), Source::memory);
  if (!core_.staged.take(bytes, core_.options.staging_dir)) return drop(number, after);
  moved_bytes_ += bytes;
  moves_.push_back(number);
}

// The store has the bytes, in the upload or in the base.
void PartMemory::drop(uint32_t number, Deferred& after) {
  unkeep(number);
  contents_.let_go(contents_.clip(number), only_in_upload(number) ? Source::sent : Source::base,
                   after);
}

bool PartMemory::only_in_upload(uint32_t number) const {
  return parts_.state(number) == PartTable::State::stored && !parts_.copies_base(number);
}

bool PartMemory::worth_moving(uint32_t number, Phase phase) const {
  if (!readable_ || !only_in_upload(number) || phase.abandoned || disk_failed_) return false;
  // Soon the object has it.
  if (phase.committing && !expects_reads_) return false;
  return expects_reads_ || moved_bytes_ < surely_moved || moves_.empty();
}

std::shared_ptr<StagingJob> PartMemory::next_move(bool abandoned) {
  if (!idle()) return nullptr;
  while (!moves_.empty()) {
    const uint32_t number = moves_.front();
    // The part may have been changed since it was queued, or be in an object by now: its bytes are
    // not moved then.
    const bool still = parts_.state(number) == PartTable::State::stored && !abandoned &&
                       !kept_.contains(number) &&
                       contents_.any(contents_.clip(number), mask(Source::memory));
    if (still) break;
    moves_.pop_front();
  }
  if (moves_.empty()) return nullptr;
  moving_ = core_.layout.range(moves_.front());
  core_.memory->moving();
  return contents_.job(*moving_);
}

bool PartMemory::moved(const StagingJob& job, bool succeeded, bool abandoned, Deferred& after) {
  const uint32_t number = core_.layout.number_at(job.range.offset);
  moving_.reset();
  if (!moves_.empty() && moves_.front() == number) moves_.pop_front();
  if (!contents_.current(job) || abandoned) return false;
  if (succeeded) {
    contents_.staged(job, after);
    return false;
  }
  if (parts_.state(number) == PartTable::State::stored) drop(number, after);
  return !std::exchange(disk_failed_, true);
}

uint64_t PartMemory::spillable(Phase phase) const {
  if (!idle() || phase.committing || phase.abandoned) return 0;
  uint64_t bytes = 0;
  for (const uint32_t number : parts_.numbers()) {
    if (parts_.state(number) == PartTable::State::idle)
      bytes += contents_.bytes(contents_.clip(number), Source::memory);
  }
  return bytes;
}

std::shared_ptr<StagingJob> PartMemory::next_spill(Phase phase) {
  if (!idle() || phase.committing || phase.abandoned) return nullptr;
  uint64_t most = 0;
  uint32_t chosen = 0;
  for (const uint32_t number : parts_.numbers()) {
    if (parts_.state(number) != PartTable::State::idle) continue;
    const uint64_t bytes = contents_.bytes(contents_.clip(number), Source::memory);
    if (bytes <= most) continue;
    most = bytes;
    chosen = number;
  }
  if (most == 0) return nullptr;
  // The whole part, also what lies behind the end of the file: an append must wait as well.
  spilling_ = core_.layout.range(chosen);
  return contents_.job(*spilling_);
}

void PartMemory::spilled(const StagingJob& job, bool succeeded, bool abandoned, Deferred& after) {
  spilling_.reset();
  if (succeeded && contents_.current(job) && !abandoned) contents_.staged(job, after);
}

void PartMemory::leave_staging() {
  core_.staged.give_back(std::exchange(moved_bytes_, 0));
  moves_.clear();
  expects_reads_ = false;
}

}  // namespace penstock
