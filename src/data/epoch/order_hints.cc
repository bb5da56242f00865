// SPDX-License-Identifier: Apache-2.0
#include "data/epoch/order_hints.h"

#include <algorithm>
#include <utility>

#include "base/wall_clock.h"
#include "data/epoch/small_objects.h"

namespace penstock {
namespace {

using std::chrono::seconds;

/// What a name takes beside its bytes.
constexpr uint64_t name_overhead = 64;
/// What has arrived is kept in memory until the disk surely has it.
constexpr size_t most_arrived = 64;
/// How long names are of use that nobody adds to any more.
constexpr seconds after_end{60};

}  // namespace

OrderHints::OrderHints(OrderHintsParts parts)
    : parts_(std::move(parts)),
      room_(parts_.cache, parts_.most_at_once),
      large_(std::make_shared<LargeHints>(LargeHintsParts{.reads = parts_.reads,
                                                          .cache = parts_.cache,
                                                          .scheduler = parts_.scheduler,
                                                          .room = room_,
                                                          .opened = opened_,
                                                          .more = [this] { wake(); },
                                                          .metrics = parts_.metrics})) {}

void OrderHints::start(FindVersion find) {
  const MutexLock lock(mutex_);
  find_ = std::move(find);
}

void OrderHints::stop() {
  {
    const MutexLock lock(mutex_);
    find_ = nullptr;
  }
  large_->stop();
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
      found->second.waiting.push_back({.name = std::move(name), .number = opened_.next_number()});
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
  {
    const MutexLock lock(mutex_);
    const auto found = lists_.find(list);
    if (found == lists_.end()) return;
    names_ -= found->second.waiting.size();
    bytes_ -= found->second.bytes;
    lists_.erase(found);
  }
  large_->drop(list);
  room_.forget_list(list);
}

std::shared_ptr<ObjectReader> OrderHints::opened(const ObjectVersion& version) {
  opened_.opened(version.key);
  const MutexLock lock(mutex_);
  const auto found = fetching_.find(version.key);
  const bool same = found != fetching_.end() && found->second.etag == version.etag;
  return same ? found->second.reader : nullptr;
}

std::shared_ptr<ObjectReader> OrderHints::open_large(const ObjectVersion& version,
                                                     const OpenedFiles::Open& open) {
  opened_.opened(version.key);
  std::shared_ptr<ObjectReader> reader = opened_.read_by(version, open);
  large_->opened(version);
  return reader;
}

void OrderHints::read_whole(const ObjectVersion& version) {
  room_.forget(hash_of(version.key, version.etag));
}

OrderHints::State OrderHints::state() {
  large_->forget_closed();
  return {.waiting = names_ + large_->files(), .ahead = room_.bytes_ahead()};
}

// Its reader was faster.
bool OrderHints::overtaken(const Item& item) {
  return opened_.opened_since(item.version.key, item.number);
}

void OrderHints::note_ahead(const Item& item) {
  if (overtaken(item)) return;
  room_.note(item.list, hash_of(item.version.key, item.version.etag), occupied(item.version.size),
             wall_clock_ns());
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

OrderHints::Lists::iterator OrderHints::next_list() {
  auto next = lists_.upper_bound(turn_);
  for (size_t i = 0; i < lists_.size(); ++i) {
    if (next == lists_.end()) next = lists_.begin();
    if (!next->second.waiting.empty() && !large_->full(next->first)) return next;
    ++next;
  }
  return lists_.end();
}

bool OrderHints::take_next(Item& item, std::string& name, FindVersion& find) {
  const MutexLock lock(mutex_);
  awake_ = false;
  if (find_ == nullptr) return false;
  const auto next = next_list();
  if (next == lists_.end() || !room_.take_place()) return false;
  turn_ = next->first;
  List& list = next->second;
  name = std::move(list.waiting.front().name);
  item = {.list = next->first, .number = list.waiting.front().number, .version = {}, .reader = {}};
  list.waiting.pop_front();
  list.bytes -= name.size() + name_overhead;
  bytes_ -= name.size() + name_overhead;
  --names_;
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
  if (!version || !can_be_fetched(*version, UINT64_MAX)) {
    parts_.metrics->hints_ignored.add();
    return finish();
  }
  if (is_large(*version)) {
    bool wanted = false;
    {
      const MutexLock lock(mutex_);
      wanted = lists_.contains(item.list);
    }
    if (wanted) large_->add(item.list, item.number, *std::move(version));
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
    over = !lists_.contains(item->list);
  }
  if (over) return finish();
  if (overtaken(*item)) {
    parts_.metrics->hints_late.add();
    return finish();
  }
  ObjectReader& reader = *item->reader;
  reader.cache_share(
      [weak = weak_from_this(), item = std::move(item)](const Result<CacheShare>& share) {
        if (const std::shared_ptr<OrderHints> self = weak.lock())
          self->decide(item, share ? *share : CacheShare{});
      });
}

HintRoom::Room OrderHints::find_room(uint64_t size, const CacheShare& share) {
  const DiskCache::Queue queue = parts_.cache.queue();
  if (queue.bytes + size > queue.limit / 2) return {};
  return room_.find(occupied(size), 0, share);
}

void OrderHints::decide(const std::shared_ptr<Item>& item, const CacheShare& share) {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  const bool kept = share.present + share.coming >= item->version.size;
  if (kept) {
    note_ahead(*item);
    return finish();
  }
  const HintRoom::Room room = find_room(item->version.size, share);
  if (room.there) return fetch(item);
  if (room.idle_ns > 0) parts_.cache.make_room(room.needed, room.idle_ns);
  // Without a limit the cache's disk is away, which may last.
  item->until = {};
  if (share.limit == 0) item->until = parts_.scheduler.now() + item->pause.next();
  rest(item);
}

void OrderHints::rest(const std::shared_ptr<Item>& item) {
  {
    const MutexLock lock(mutex_);
    if (find_ == nullptr) return;
    resting_.push_back(item);
    if (resting_.size() > 1) return;
  }
  parts_.scheduler.post_after(HintRoom::rest, [weak = weak_from_this()] {
    if (const std::shared_ptr<OrderHints> self = weak.lock()) self->rested();
  });
}

void OrderHints::rested() {
  std::vector<std::shared_ptr<ObjectReader>> garbage;
  std::vector<std::shared_ptr<Item>> items;
  std::vector<std::shared_ptr<Item>> early;
  {
    const MutexLock lock(mutex_);
    for (std::shared_ptr<Item>& item : std::exchange(resting_, {}))
      (parts_.scheduler.now() < item->until ? early : items).push_back(std::move(item));
    // The disk has had time to take them: what they occupy is counted there.
    settle(0, garbage);
  }
  for (const std::shared_ptr<Item>& item : early) rest(item);
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
    if (mine) room_.begin(occupied(item->version.size));
  }
  // It is on two lists.
  if (!mine) return finish();
  reader->fetch_ahead({0, item->version.size},
                      [weak = weak_from_this(), item](const Result<uint64_t>& result) {
                        if (const std::shared_ptr<OrderHints> self = weak.lock())
                          self->ended(item, result);
                      });
}

void OrderHints::ended(const std::shared_ptr<Item>& item, const Result<uint64_t>& result) {
  std::vector<std::shared_ptr<ObjectReader>> garbage;
  const bool repeat = !result && is_tried_again(result.code(), item->repeated);
  {
    const MutexLock lock(mutex_);
    const auto found = fetching_.find(item->version.key);
    if (found == fetching_.end()) return;
    if (result && *result != 0) {
      parts_.metrics->hinted_files.add();
      parts_.metrics->hinted_bytes.add(item->version.size);
      note_ahead(*item);
      arrived_.push_back(item->version.key);
      room_.noted(occupied(item->version.size));
    } else {
      if (!result && !repeat) parts_.metrics->hints_ignored.add();
      room_.end(occupied(found->second.size), false);
      (repeat ? item->reader : garbage.emplace_back()) = std::move(found->second.reader);
      fetching_.erase(found);
    }
    settle(most_arrived, garbage);
  }
  if (!repeat) return finish();
  item->until = parts_.scheduler.now() + item->pause.next();
  rest(item);
}

void OrderHints::settle(size_t most, std::vector<std::shared_ptr<ObjectReader>>& garbage) {
  while (arrived_.size() > most) {
    const auto oldest = fetching_.find(arrived_.front());
    room_.end(occupied(oldest->second.size), true);
    garbage.push_back(std::move(oldest->second.reader));
    fetching_.erase(oldest);
    arrived_.pop_front();
  }
}

void OrderHints::finish() {
  room_.leave_place();
  // The place goes to the others first, who may have found all of them taken.
  large_->wake();
  wake();
}

}  // namespace penstock
