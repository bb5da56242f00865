// SPDX-License-Identifier: Apache-2.0
#include "http/request_queue.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

constexpr uint32_t patience = 4;
/// With fewer slots none are kept.
constexpr uint32_t fewest_slots = 4;

uint32_t kept(uint32_t slots, uint32_t share) {
  return slots < fewest_slots ? 0 : std::max<uint32_t>(slots / share, 1);
}

size_t index_of(RequestClass request_class) { return static_cast<size_t>(request_class); }

std::unique_ptr<Submission> take_front(std::deque<std::unique_ptr<Submission>>& waiting) {
  auto submission = std::move(waiting.front());
  waiting.pop_front();
  return submission;
}

/// Null: it is not among them.
std::unique_ptr<Submission> take(std::deque<std::unique_ptr<Submission>>& waiting, uint64_t id) {
  const auto found = std::find_if(waiting.begin(), waiting.end(),
                                  [id](const auto& submission) { return submission->id == id; });
  if (found == waiting.end()) return nullptr;
  auto submission = std::move(*found);
  waiting.erase(found);
  return submission;
}

}  // namespace

RequestQueue::RequestQueue(uint32_t slots) {
  const uint32_t for_small = kept(slots, 16);
  const uint32_t for_demand = kept(slots, 8);
  lines_[index_of(RequestClass::small)].slots = slots;
  lines_[index_of(RequestClass::demand)].slots = slots - for_small;
  lines_[index_of(RequestClass::background)].slots = slots - for_small - for_demand;
}

void RequestQueue::push(std::unique_ptr<Submission> submission) {
  lines_[index_of(submission->request.request_class)].waiting.push_back(std::move(submission));
}

bool RequestQueue::allowed(size_t index) const {
  if (lines_[index].waiting.empty()) return false;
  uint32_t taken = 0;
  // From the least urgent one on: each class bounds itself and those behind it.
  for (size_t i = classes; i-- > 0;) {
    taken += lines_[i].under_way;
    if (i <= index && taken >= lines_[i].slots) return false;
  }
  return true;
}

std::optional<size_t> RequestQueue::first_allowed() const {
  for (size_t i = 0; i < classes; ++i) {
    if (allowed(i)) return i;
  }
  return std::nullopt;
}

std::unique_ptr<Submission> RequestQueue::begin_next() {
  std::optional<size_t> chosen = first_allowed();
  if (!chosen) return nullptr;
  for (size_t i = *chosen + 1; i < classes; ++i) {
    if (lines_[i].passed_over >= patience && allowed(i)) chosen = i;
  }
  for (size_t i = 0; i < classes; ++i) {
    if (i != *chosen && allowed(i)) ++lines_[i].passed_over;
  }
  Line& line = lines_[*chosen];
  line.passed_over = 0;
  ++line.under_way;
  return take_front(line.waiting);
}

void RequestQueue::ended(RequestClass request_class) {
  --lines_[index_of(request_class)].under_way;
}

void RequestQueue::raise(uint64_t id) {
  auto submission = take(lines_[index_of(RequestClass::background)].waiting, id);
  if (submission == nullptr) return;
  // The connection that the request will occupy counts for the new class, too.
  submission->request.request_class = RequestClass::demand;
  push(std::move(submission));
}

std::unique_ptr<Submission> RequestQueue::withdraw(uint64_t id) {
  for (Line& line : lines_) {
    if (auto submission = take(line.waiting, id)) return submission;
  }
  return nullptr;
}

std::unique_ptr<Submission> RequestQueue::withdraw_any() {
  for (Line& line : lines_) {
    if (!line.waiting.empty()) return take_front(line.waiting);
  }
  return nullptr;
}

}  // namespace penstock
