// SPDX-License-Identifier: Apache-2.0
#include "data/write/part_table.h"

#include <algorithm>
#include <utility>

namespace penstock {

const PartTable::Part* PartTable::find(uint32_t number) const {
  const auto found = parts_.find(number);
  return found == parts_.end() ? nullptr : &found->second;
}

PartTable::State PartTable::state(uint32_t number) const {
  const Part* part = find(number);
  return part == nullptr ? State::idle : part->state;
}

bool PartTable::touched(uint32_t number) const {
  const Part* part = find(number);
  return part != nullptr && part->touched;
}

bool PartTable::sent_before(uint32_t number) const {
  const Part* part = find(number);
  return part != nullptr && part->sent_before;
}

bool PartTable::copies_base(uint32_t number) const {
  const Part* part = find(number);
  return part != nullptr && part->copies_base;
}

std::shared_ptr<const PartTable::CopiedFrom> PartTable::copied_from(uint32_t number) const {
  const Part* part = find(number);
  return part == nullptr ? nullptr : part->copied;
}

bool PartTable::any(State state) const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [&](const auto& part) { return part.second.state == state; });
}

std::vector<uint32_t> PartTable::numbers() const { return numbers(0, UINT32_MAX); }

std::vector<uint32_t> PartTable::numbers(uint32_t first, uint32_t last) const {
  std::vector<uint32_t> found;
  for (auto part = parts_.lower_bound(first); part != parts_.end() && part->first <= last; ++part)
    found.push_back(part->first);
  return found;
}

void PartTable::touch(uint32_t number) {
  Part& part = parts_[number];
  if (part.state == State::stored) part.sent_before = true;
  put_back(number);
  part.touched = true;
  part.copies_base = false;
  part.copied.reset();
}

void PartTable::plan(uint32_t number, bool from_base) {
  Part& part = parts_[number];
  part.copies_base = from_base;
  part.ready_when_fetched = false;
}

void PartTable::ready(uint32_t number, Way way) {
  parts_[number].state = State::ready;
  queue(way).push_back(number);
}

std::optional<uint32_t> PartTable::take(Way way) {
  Queue& waiting = queue(way);
  if (waiting.empty()) return std::nullopt;
  const uint32_t number = waiting.front();
  waiting.pop_front();
  parts_[number].state = State::sending;
  return number;
}

void PartTable::put_back(uint32_t number) {
  Part& part = parts_[number];
  if (part.state == State::ready) {
    std::erase(ready_, number);
    std::erase(ready_copies_, number);
  }
  part.state = State::idle;
}

void PartTable::put_back_ready() {
  for (Queue* waiting : {&ready_, &ready_copies_}) {
    for (const uint32_t number : *waiting) parts_[number].state = State::idle;
    waiting->clear();
  }
}

void PartTable::stored(uint32_t number, CompletedPart completed) {
  Part& part = parts_[number];
  part.state = State::stored;
  part.completed = std::move(completed);
}

void PartTable::found(CompletedPart completed) {
  Part& part = parts_[completed.number];
  part.state = State::stored;
  part.touched = true;
  part.completed = std::move(completed);
}

void PartTable::copied(uint32_t number, std::shared_ptr<const CopiedFrom> from) {
  Part& part = parts_[number];
  part.touched = true;
  part.copied = std::move(from);
}

std::vector<uint32_t> PartTable::forget_sent() {
  put_back_ready();
  std::vector<uint32_t> forgotten;
  for (auto& [number, part] : parts_) {
    if (part.state != State::stored) continue;
    part.state = State::idle;
    part.sent_before = false;
    forgotten.push_back(number);
  }
  return forgotten;
}

void PartTable::cut(uint32_t last) {
  for (const uint32_t number : numbers(last + 1, UINT32_MAX)) put_back(number);
  parts_.erase(parts_.upper_bound(last), parts_.end());
}

void PartTable::clear() {
  parts_.clear();
  ready_.clear();
  ready_copies_.clear();
}

void PartTable::fetching(uint32_t number) {
  Part& part = parts_[number];
  ++part.fetches;
  part.ready_when_fetched = true;
}

bool PartTable::fetched(uint32_t number) {
  Part& part = parts_[number];
  return --part.fetches == 0 && std::exchange(part.ready_when_fetched, false);
}

std::vector<CompletedPart> PartTable::completed(uint32_t count) const {
  std::vector<CompletedPart> named;
  named.reserve(count);
  for (uint32_t number = 1; number <= count; ++number) {
    const Part* part = find(number);
    named.push_back(part == nullptr ? CompletedPart{} : part->completed);
  }
  return named;
}

}  // namespace penstock
