// SPDX-License-Identifier: Apache-2.0
#include "data/epoch/order_hints.h"

#include <algorithm>
#include <utility>

#include "base/wall_clock.h"
#include "data/epoch/small_objects.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What a name takes beside its bytes.
constexpr uint64_t name_overhead = 64;
/// What is there and not read yet takes no more than one in so many bytes of it.
constexpr uint64_t ahead_of_all = 2;
/// What has arrived is kept in memory until the disk surely has it.
constexpr size_t most_arrived = 64;
/// When to look again where there was no room.
constexpr milliseconds room_rest{100};
/// How long names are of use that nobody adds to any more.
constexpr seconds after_end{60};

}  // namespace

void OrderHints::start(FindVersion find) {
  const MutexLock lock(mutex_);
  find_ = std::move(find);
}

void OrderHints::stop() {
  {
    const MutexLock lock(mutex_);
    find_ = nullptr;
  }
  gate_.close();
  // Their ends cancel what is under way, which answers: without the lock.
  std::unordered_map<std::string, Fetching> given_up;
  std::vector<std::shared_ptr<Item>> resting;
  const MutexLock lock(mutex_);
  given_up.swap(fetching_);
  resting.swap(resting_);
  arrived_.clear();
  lists_.clear();
  names_ = 0;
}

OrderHints::ListId OrderHints::begin() {
  const MutexLock lock(mutex_);
  lists_.emplace(++last_list_, List{});
  return last_list_;
}

Result<void> OrderHints::add(ListId list, std::vector<std::string> names, uint64_t outside) {
  uint64_t bytes = 0;
  for (const std::string& name : names) bytes += name.size() + name_overhead;
  {
    const MutexLock lock(mutex_);
    const auto found = lists_.find(list);
    if (found == lists_.end()) return {};
    if (found->second.bytes + bytes > most_bytes_of_list || bytes_ + bytes > most_bytes)
      return Error(Code::no_space, "more names of files to fetch wait than are remembered");
    parts_.metrics->hinted_names.add(names.size() + outside);
    parts_.metrics->hints_ignored.add(outside);
    found->second.bytes += bytes;
    bytes_ += bytes;
    names_ += names.size();
    for (std::string& name : names)
      found->second.waiting.push_back({.name = std::move(name), .number = ++last_name_});
  }
  wake();
  return {};
}

void OrderHints::end(ListId list) {
  parts_.scheduler.post_after(after_end, [weak = weak_from_this(), list] {
    if (const std::shared_ptr<OrderHints> self = weak.lock()) self->drop(list);
  });
}

void OrderHints::drop(ListId list) {
  const MutexLock lock(mutex_);
  const auto found = lists_.find(list);
  if (found == lists_.end()) return;
  names_ -= found->second.waiting.size();
  bytes_ -= found->second.bytes;
  lists_.erase(found);
  for (auto one = ahead_.begin(); one != ahead_.end();) {
    if (one->second.list != list) {
      ++one;
      continue;
    }
    ahead_bytes_ -= one->second.size;
    one = ahead_.erase(one);
  }
}

std::shared_ptr<ObjectReader> OrderHints::opened(const ObjectVersion& version) {
  const size_t key = hash_of(version.key);
  const MutexLock lock(mutex_);
  opened_[key % opened_slots] = {.key = key, .number = last_name_};
  const auto found = fetching_.find(version.key);
  const bool same = found != fetching_.end() && found->second.etag == version.etag;
  return same ? found->second.reader : nullptr;
}

void OrderHints::read_whole(const ObjectVersion& version) {
  const MutexLock lock(mutex_);
  forget_ahead(hash_of(version.key, version.etag));
}

// Its reader was faster.
bool OrderHints::overtaken(const Item& item) const {
  const size_t key = hash_of(item.version.key);
  const Opened& opened = opened_[key % opened_slots];
  return opened.key == key && opened.number >= item.number;
}

void OrderHints::note_ahead(const Item& item) {
  if (overtaken(item)) return;
  const size_t version = hash_of(item.version.key, item.version.etag);
  const uint64_t size = occupied(item.version.size);
  if (!ahead_.try_emplace(version, Ahead{.list = item.list, .size = size}).second) return;
  ahead_bytes_ += size;
  since_.emplace_back(version, wall_clock_ns());
}

void OrderHints::forget_ahead(size_t version) {
  const auto found = ahead_.find(version);
  if (found == ahead_.end()) return;
  ahead_bytes_ -= found->second.size;
  ahead_.erase(found);
}

void OrderHints::wake() {
  {
    const MutexLock lock(mutex_);
    if (find_ == nullptr || std::exchange(awake_, true)) return;
  }
  parts_.scheduler.post([weak = weak_from_this()] {
    if (const std::shared_ptr<OrderHints> self = weak.lock()) self->work();
  });
}

bool OrderHints::take_next(Item& item, std::string& name, FindVersion& find) {
  const MutexLock lock(mutex_);
  awake_ = false;
  if (find_ == nullptr || under_way_ >= parts_.most_at_once) return false;
  auto next = lists_.upper_bound(turn_);
  for (size_t i = 0; i <= lists_.size(); ++i) {
    if (next == lists_.end()) next = lists_.begin();
    if (next == lists_.end()) return false;
    if (!next->second.waiting.empty()) break;
    ++next;
  }
  if (next == lists_.end() || next->second.waiting.empty()) return false;
  turn_ = next->first;
  List& list = next->second;
  name = std::move(list.waiting.front().name);
  item = {.list = next->first, .number = list.waiting.front().number, .version = {}, .reader = {}};
  list.waiting.pop_front();
  list.bytes -= name.size() + name_overhead;
  bytes_ -= name.size() + name_overhead;
  --names_;
  ++under_way_;
  find = find_;
  return true;
}

void OrderHints::work() {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  while (true) {
    Item item;
    std::string name;
    FindVersion find;
    if (!take_next(item, name, find)) return;
    find(std::move(name), [weak = weak_from_this(),
                           item = std::move(item)](std::optional<ObjectVersion> version) mutable {
      if (const std::shared_ptr<OrderHints> self = weak.lock())
        self->found(std::move(item), std::move(version));
    });
  }
}

void OrderHints::found(Item item, std::optional<ObjectVersion> version) {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  if (!version || !can_be_fetched(*version, parts_.largest)) {
    parts_.metrics->hints_ignored.add();
    return finish();
  }
  item.version = *std::move(version);
  item.reader = parts_.reads.open(item.version, nullptr);
  consider(std::make_shared<Item>(std::move(item)));
}

void OrderHints::consider(std::shared_ptr<Item> item) {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  bool over = false;
  {
    const MutexLock lock(mutex_);
    over = !lists_.contains(item->list) || overtaken(*item);
  }
  if (over) return finish();
  ObjectReader& reader = *item->reader;
  reader.cache_share(
      [weak = weak_from_this(), item = std::move(item)](const Result<CacheShare>& share) {
        if (const std::shared_ptr<OrderHints> self = weak.lock())
          self->decide(item, share ? *share : CacheShare{});
      });
}

OrderHints::Room OrderHints::find_room(uint64_t size, const CacheShare& share) {
  const DiskCache::Queue queue = parts_.cache.queue();
  if (queue.bytes + size > queue.limit / 2) return {};
  const uint64_t needed = pending_bytes_ + occupied(size);
  if (ahead_bytes_ + needed - arrived_bytes_ > share.room() / ahead_of_all) return {};
  if (parts_.cache.has_spare(queue.bytes + needed)) return {.there = true};
  while (!since_.empty() && !ahead_.contains(since_.front().first)) since_.pop_front();
  // What was used before any of what is needed goes, so what is read now goes last of all.
  const int64_t age = since_.empty() ? 0 : wall_clock_ns() - since_.front().second;
  return {.idle_ns = std::max<int64_t>(age, 1), .needed = queue.bytes + needed};
}

void OrderHints::decide(const std::shared_ptr<Item>& item, const CacheShare& share) {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  const bool kept = share.present + share.coming >= item->version.size;
  Room room;
  {
    const MutexLock lock(mutex_);
    kept ? note_ahead(*item) : void(room = find_room(item->version.size, share));
  }
  if (kept) return finish();
  if (room.there) return fetch(item);
  if (room.idle_ns > 0) parts_.cache.make_room(room.needed, room.idle_ns);
  rest(item);
}

void OrderHints::rest(const std::shared_ptr<Item>& item) {
  {
    const MutexLock lock(mutex_);
    if (find_ == nullptr) return;
    resting_.push_back(item);
    if (resting_.size() > 1) return;
  }
  parts_.scheduler.post_after(room_rest, [weak = weak_from_this()] {
    if (const std::shared_ptr<OrderHints> self = weak.lock()) self->rested();
  });
}

void OrderHints::rested() {
  std::vector<std::shared_ptr<ObjectReader>> garbage;
  std::vector<std::shared_ptr<Item>> items;
  {
    const MutexLock lock(mutex_);
    items.swap(resting_);
    // The disk has had time to take them: what they occupy is counted there.
    settle(0, garbage);
  }
  for (std::shared_ptr<Item>& item : items) consider(std::move(item));
}

void OrderHints::fetch(const std::shared_ptr<Item>& item) {
  // What the answer holds must not hold the reader, whose end gives the fetch up.
  const std::shared_ptr<ObjectReader> reader = std::exchange(item->reader, nullptr);
  bool mine = false;
  {
    const MutexLock lock(mutex_);
    mine = find_ != nullptr &&
           fetching_
               .try_emplace(item->version.key, Fetching{.reader = reader,
                                                        .etag = item->version.etag,
                                                        .size = item->version.size})
               .second;
    if (mine) pending_bytes_ += occupied(item->version.size);
  }
  // It is on two lists.
  if (!mine) return finish();
  reader->fetch_ahead([weak = weak_from_this(), item](const Result<bool>& result) {
    if (const std::shared_ptr<OrderHints> self = weak.lock()) self->ended(item, result);
  });
}

void OrderHints::ended(const std::shared_ptr<Item>& item, const Result<bool>& result) {
  std::vector<std::shared_ptr<ObjectReader>> garbage;
  {
    const MutexLock lock(mutex_);
    const auto found = fetching_.find(item->version.key);
    if (found == fetching_.end()) return;
    if (result && *result) {
      parts_.metrics->hinted_files.add();
      parts_.metrics->hinted_bytes.add(item->version.size);
      note_ahead(*item);
      arrived_.push_back(item->version.key);
      arrived_bytes_ += occupied(item->version.size);
    } else {
      if (!result) parts_.metrics->hints_ignored.add();
      pending_bytes_ -= occupied(found->second.size);
      garbage.push_back(std::move(found->second.reader));
      fetching_.erase(found);
    }
    settle(most_arrived, garbage);
  }
  finish();
}

void OrderHints::settle(size_t most, std::vector<std::shared_ptr<ObjectReader>>& garbage) {
  while (arrived_.size() > most) {
    const auto oldest = fetching_.find(arrived_.front());
    pending_bytes_ -= occupied(oldest->second.size);
    arrived_bytes_ -= occupied(oldest->second.size);
    garbage.push_back(std::move(oldest->second.reader));
    fetching_.erase(oldest);
    arrived_.pop_front();
  }
}

void OrderHints::finish() {
  {
    const MutexLock lock(mutex_);
    --under_way_;
  }
  wake();
}

}  // namespace penstock
