// SPDX-License-Identifier: Apache-2.0
#include "data/epoch/epoch_prefetcher.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace penstock {
namespace {

using std::chrono::seconds;

/// Names that are asked for at once.
constexpr size_t names_at_once = 256;
/// What has arrived is kept in memory until the disk surely has it: so much, where there is memory.
constexpr size_t most_arrived = 64;
constexpr uint64_t most_arrived_bytes = 16ULL << 20;
/// Of the cache's room this is filled. It is less than what an eviction for others leaves: else
/// both would go on in turns, and what programs have read would go for what they have not.
constexpr uint64_t filled_share = 15;
constexpr uint64_t filled_of = 16;
/// How long nothing is begun where the cache is full, where its disk is behind, and where so many
/// fetches in a row failed.
constexpr seconds full_rest{1};
constexpr std::chrono::milliseconds disk_rest{100};
constexpr uint32_t most_failures = 8;
constexpr seconds failed_rest{5};
constexpr seconds tick{1};
/// Some 40 bytes each.
constexpr size_t most_remembered = 250'000;

/// In the order in which names are found: "a/z" lies before "a-b/c".
bool before(std::string_view one, std::string_view other) {
  const auto split = [](std::string_view key) {
    const size_t slash = key.find_last_of('/');
    if (slash == std::string_view::npos) return std::pair(std::string_view(), key);
    return std::pair(key.substr(0, slash), key.substr(slash + 1));
  };
  return split(one) < split(other);
}

}  // namespace

void EpochPrefetcher::start(FindKnownFiles find) {
  const MutexLock lock(mutex_);
  find_ = std::move(find);
}

void EpochPrefetcher::stop() {
  {
    const MutexLock lock(mutex_);
    find_ = nullptr;
  }
  gate_.close();
  // Their ends cancel what is under way, which answers: without the lock.
  std::unordered_map<std::string, Fetching> given_up;
  const MutexLock lock(mutex_);
  given_up.swap(fetching_);
  arrived_.clear();
}

std::shared_ptr<ObjectReader> EpochPrefetcher::opened(const ObjectVersion& version) {
  const size_t hash = hash_of(version.key);
  const MutexLock lock(mutex_);
  opened_[hash % opened_slots] = hash;
  const auto found = fetching_.find(version.key);
  const bool same = found != fetching_.end() && found->second.etag == version.etag;
  return same ? found->second.reader : nullptr;
}

bool EpochPrefetcher::opened_lately(const std::string& key) const {
  const size_t hash = hash_of(key);
  return opened_[hash % opened_slots] == hash;
}

EpochWatch::From EpochPrefetcher::where_from(const ObjectVersion& version, bool cached) {
  const auto known = done_with_.find(hash_of(version.key, version.etag));
  if (known != done_with_.end() && std::exchange(known->second, false)) {
    parts_.metrics->read_files.add();
    parts_.metrics->read_bytes.add(version.size);
    return EpochWatch::From::ahead;
  }
  const auto coming = fetching_.find(version.key);
  if (coming != fetching_.end() && coming->second.etag == version.etag) {
    // It is counted when it has arrived, and once.
    if (std::exchange(coming->second.read, true)) return EpochWatch::From::store;
    return EpochWatch::From::ahead;
  }
  return cached ? EpochWatch::From::cache : EpochWatch::From::store;
}

void EpochPrefetcher::read_whole(const ObjectVersion& version, bool cached) {
  const Scheduler::Time now = parts_.scheduler.now();
  bool under_way = false;
  {
    const MutexLock lock(mutex_);
    watch_.read(version.key, where_from(version, cached), now);
    last_read_ = version.key;
    under_way = watch_.epoch(now).has_value();
    if (under_way) remember(hash_of(version.key, version.etag), false);
  }
  if (!under_way) return;
  wake();
  tick_later();
}

std::optional<EpochWatch::Epoch> EpochPrefetcher::epoch() {
  const MutexLock lock(mutex_);
  return watch_.epoch(parts_.scheduler.now());
}

void EpochPrefetcher::remember(size_t version, bool unread) {
  if (done_with_.size() >= most_remembered) {
    std::erase_if(done_with_, [](const auto& one) { return !one.second; });
    if (done_with_.size() >= most_remembered / 2) done_with_.clear();
  }
  done_with_.try_emplace(version, unread);
}

void EpochPrefetcher::wake() {
  {
    const MutexLock lock(mutex_);
    if (find_ == nullptr) return;
    again_ = true;
    if (std::exchange(awake_, true)) return;
  }
  parts_.scheduler.post([weak = weak_from_this()] {
    if (const std::shared_ptr<EpochPrefetcher> self = weak.lock()) self->work();
  });
}

void EpochPrefetcher::tick_later() {
  {
    const MutexLock lock(mutex_);
    if (find_ == nullptr || std::exchange(ticking_, true)) return;
  }
  parts_.scheduler.post_after(tick, [weak = weak_from_this()] {
    if (const std::shared_ptr<EpochPrefetcher> self = weak.lock()) self->ticked();
  });
}

void EpochPrefetcher::ticked() {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  std::vector<std::shared_ptr<ObjectReader>> garbage;
  KnownFilesRequest wanted;
  FindKnownFiles find;
  uint64_t total = 0;
  {
    const MutexLock lock(mutex_);
    ticking_ = false;
    if (!watch_.epoch(parts_.scheduler.now())) {
      settle(garbage, true);
      round_ = {};
      if (fetching_.empty()) return;
    } else if (round_.done) {
      find = find_;
      wanted = {.directory = round_.directory, .below = round_.below};
      total = round_.total;
    }
  }
  // Directories may have been listed meanwhile.
  if (find != nullptr && find(wanted).total > total) {
    const MutexLock lock(mutex_);
    round_ = {};
  }
  wake();
  tick_later();
}

bool EpochPrefetcher::find_room(CacheShare& room) {
  if (parts_.cache.room_known()) {
    parts_.cache.add_room(room);
    return true;
  }
  const std::weak_ptr<EpochPrefetcher> weak = weak_from_this();
  parts_.cache.ask(
      DiskQuestion::Patience::read,
      [weak, &cache = parts_.cache](DiskQuestion& question) {
        CacheShare asked;
        cache.add_room(asked);
        if (!question.begin_answer()) return;
        if (const std::shared_ptr<EpochPrefetcher> self = weak.lock()) self->wake();
      },
      // The next tick asks again.
      [] {});
  return false;
}

void EpochPrefetcher::work() {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  while (true) {
    CacheShare room;
    ObjectVersion next;
    KnownFilesRequest wanted;
    FindKnownFiles find;
    bool more = false;
    {
      const MutexLock lock(mutex_);
      again_ = false;
      more = may_begin(parts_.scheduler.now());
      find = find_;
    }
    Step step = Step::none;
    if (more && find != nullptr && find_room(room)) step = decide(room, next, wanted);
    if (step == Step::fetch) fetch(std::move(next));
    if (step == Step::find_names) take_names(find(wanted), wanted);
    if (step != Step::none) continue;
    const MutexLock lock(mutex_);
    if (again_) continue;
    awake_ = false;
    return;
  }
}

bool EpochPrefetcher::may_begin(Scheduler::Time now) {
  if (parts_.order_known && parts_.order_known()) return false;
  const std::optional<EpochWatch::Epoch> epoch = watch_.epoch(now);
  const size_t under_way = fetching_.size() - arrived_.size();
  return epoch && now >= resting_until_ && under_way < parts_.most_at_once &&
         under_way < epoch->room;
}

EpochPrefetcher::Step EpochPrefetcher::decide(const CacheShare& room, ObjectVersion& next,
                                              KnownFilesRequest& wanted) {
  const MutexLock lock(mutex_);
  const Scheduler::Time now = parts_.scheduler.now();
  const std::optional<EpochWatch::Epoch> epoch = watch_.epoch(now);
  if (!epoch) return Step::none;
  if (round_.id != epoch->id || round_.directory != epoch->directory ||
      round_.below != epoch->below)
    begin_round(*epoch);
  while (!round_.files.empty()) {
    ObjectVersion& file = round_.files.front();
    if (!opened_lately(file.key) && !fetching_.contains(file.key) &&
        !done_with_.contains(hash_of(file.key, file.etag))) {
      if (const auto rest = rest_before(file.size, room); rest.count() > 0) {
        resting_until_ = now + rest;
        return Step::none;
      }
      next = std::move(file);
      round_.files.pop_front();
      return Step::fetch;
    }
    round_.files.pop_front();
  }
  if (round_.done) return Step::none;
  wanted = {.directory = round_.directory,
            .below = round_.below,
            .after = round_.at,
            .largest = parts_.largest,
            .most = names_at_once};
  return Step::find_names;
}

void EpochPrefetcher::begin_round(const EpochWatch::Epoch& epoch) {
  if (epoch.id != last_epoch_)
    std::erase_if(done_with_, [](const auto& one) { return !one.second; });
  last_epoch_ = epoch.id;
  round_ = {.id = epoch.id, .directory = epoch.directory, .below = epoch.below};
  if (last_read_.starts_with(epoch.directory)) round_.from = round_.at = last_read_;
  round_.wrapped = round_.from.empty();
}

/// How long to wait until there may be room for so many bytes; nothing where there is.
std::chrono::nanoseconds EpochPrefetcher::rest_before(uint64_t size, const CacheShare& room) const {
  const DiskCache::Queue queue = parts_.cache.queue();
  // What has arrived may be counted twice, here and as what the cache has: rather that.
  const uint64_t used = room.kept + queue.bytes + pending_bytes_ + occupied(size);
  if (used > room.room() / filled_of * filled_share) return full_rest;
  // The other half is for what programs read.
  const uint64_t coming = pending_bytes_ - std::min(pending_bytes_, arrived_bytes_);
  return queue.bytes + coming + size > queue.limit / 2 ? disk_rest : std::chrono::nanoseconds{};
}

void EpochPrefetcher::take_names(KnownFiles found, const KnownFilesRequest& wanted) {
  const MutexLock lock(mutex_);
  if (round_.directory != wanted.directory || round_.below != wanted.below) return;
  round_.total = found.total;
  watch_.known(found.total);
  for (ObjectVersion& file : found.files) {
    if (round_.wrapped && !round_.from.empty() && !before(file.key, round_.from)) {
      round_.done = true;
      return;
    }
    round_.files.push_back(std::move(file));
  }
  round_.at = std::move(found.reached);
  if (!found.end) return;
  round_.done = std::exchange(round_.wrapped, true);
}

void EpochPrefetcher::fetch(ObjectVersion version) {
  std::string key = version.key;
  const uint64_t size = version.size;
  Fetching fetching{.reader = nullptr, .etag = version.etag, .size = size};
  const std::shared_ptr<ObjectReader> reader = parts_.reads.open(std::move(version), nullptr);
  fetching.reader = reader;
  {
    const MutexLock lock(mutex_);
    pending_bytes_ += occupied(fetching.size);
    fetching_.emplace(key, std::move(fetching));
  }
  const auto ended = [weak = weak_from_this(),
                      key = std::move(key)](const Result<uint64_t>& result) {
    if (const std::shared_ptr<EpochPrefetcher> self = weak.lock()) self->ended(key, result);
  };
  reader->fetch_ahead({0, size}, ended);
}

void EpochPrefetcher::ended(const std::string& key, const Result<uint64_t>& result) {
  std::vector<std::shared_ptr<ObjectReader>> garbage;
  {
    const MutexLock lock(mutex_);
    const auto found = fetching_.find(key);
    if (found == fetching_.end()) return;
    Fetching& fetching = found->second;
    if (result && *result != 0) {
      failures_ = 0;
      watch_.fetched();
      parts_.metrics->files.add();
      parts_.metrics->bytes.add(fetching.size);
      if (fetching.read) {
        parts_.metrics->read_files.add();
        parts_.metrics->read_bytes.add(fetching.size);
      }
      remember(hash_of(key, fetching.etag), !fetching.read);
      arrived_.push_back(key);
      arrived_bytes_ += fetching.size;
      settle(garbage, false);
    } else {
      note_missed(result, hash_of(key, fetching.etag));
      pending_bytes_ -= occupied(fetching.size);
      garbage.push_back(std::move(fetching.reader));
      fetching_.erase(found);
    }
  }
  wake();
}

void EpochPrefetcher::note_missed(const Result<uint64_t>& result, size_t version) {
  const Scheduler::Time now = parts_.scheduler.now();
  if (result) {
    remember(version, false);
    watch_.present(now);
  } else if (!is_the_objects(result.code()) && ++failures_ >= most_failures) {
    failures_ = 0;
    resting_until_ = now + failed_rest;
  }
}

void EpochPrefetcher::settle(std::vector<std::shared_ptr<ObjectReader>>& garbage, bool all) {
  while (!arrived_.empty() &&
         (all || arrived_.size() > most_arrived || arrived_bytes_ > most_arrived_bytes)) {
    const auto found = fetching_.find(arrived_.front());
    arrived_bytes_ -= found->second.size;
    pending_bytes_ -= occupied(found->second.size);
    garbage.push_back(std::move(found->second.reader));
    fetching_.erase(found);
    arrived_.pop_front();
  }
}

}  // namespace penstock
