// SPDX-License-Identifier: Apache-2.0
#include "data/read/shed_order.h"

#include <utility>

namespace penstock {
namespace {

constexpr size_t index(Shedder::Level level) { return static_cast<size_t>(level); }

}  // namespace

void ShedOrder::list(const Shedder& reader, Entry& entry, size_t level) {
  if (std::exchange(entry.listed[level], true)) return;
  order_[level].emplace(entry.age, &reader);
}

void ShedOrder::unlist(Entry& entry, size_t level) {
  if (std::exchange(entry.listed[level], false)) order_[level].erase(entry.age);
}

void ShedOrder::add(const std::shared_ptr<Shedder>& reader) {
  const MutexLock lock(mutex_);
  readers_.emplace(reader.get(), Entry{.reader = reader, .age = ++newest_});
}

void ShedOrder::remove(const Shedder& reader) {
  const MutexLock lock(mutex_);
  const auto found = readers_.find(&reader);
  if (found == readers_.end()) return;
  for (size_t level = 0; level < levels; ++level) unlist(found->second, level);
  readers_.erase(found);
}

void ShedOrder::used(const Shedder& reader) {
  const MutexLock lock(mutex_);
  const auto found = readers_.find(&reader);
  if (found == readers_.end()) return;
  Entry& entry = found->second;
  if (entry.age != newest_) {
    for (size_t level = 0; level < levels; ++level) unlist(entry, level);
    entry.age = ++newest_;
  }
  for (size_t level = 0; level < levels; ++level) list(reader, entry, level);
}

std::shared_ptr<Shedder> ShedOrder::take_first(size_t level) {
  const MutexLock lock(mutex_);
  std::map<Age, const Shedder*>& order = order_[level];
  while (!order.empty()) {
    Entry& entry = readers_.find(order.begin()->second)->second;
    unlist(entry, level);
    if (std::shared_ptr<Shedder> reader = entry.reader.lock()) return reader;
  }
  return nullptr;
}

void ShedOrder::put_back(const Shedder& reader, size_t level) {
  const MutexLock lock(mutex_);
  const auto found = readers_.find(&reader);
  if (found != readers_.end()) list(reader, found->second, level);
}

void ShedOrder::reclaim(uint64_t wanted) {
  uint64_t freed = 0;
  for (const Shedder::Level level : {Shedder::Level::idle, Shedder::Level::ahead}) {
    while (freed < wanted) {
      // Out of the order while it is asked: a use meanwhile puts it in again, and that stays.
      const std::shared_ptr<Shedder> reader = take_first(index(level));
      if (!reader) break;
      const uint64_t rest = wanted - freed;
      const uint64_t got = reader->shed(rest, level);
      if (got >= rest) put_back(*reader, index(level));
      freed += got;
    }
  }
}

std::vector<std::shared_ptr<Shedder>> ShedOrder::all() const {
  std::vector<std::shared_ptr<Shedder>> alive;
  const MutexLock lock(mutex_);
  alive.reserve(readers_.size());
  for (const auto& [address, entry] : readers_) {
    if (std::shared_ptr<Shedder> reader = entry.reader.lock()) alive.push_back(std::move(reader));
  }
  return alive;
}

bool ShedOrder::sweep(Scheduler::Time now) {
  for (const auto& reader : all()) reader->sweep(now);
  const MutexLock lock(mutex_);
  for (auto& [reader, entry] : readers_) list(*reader, entry, index(Shedder::Level::idle));
  return !readers_.empty();
}

}  // namespace penstock
