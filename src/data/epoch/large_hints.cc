// SPDX-License-Identifier: Apache-2.0
#include "data/epoch/large_hints.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/wall_clock.h"
#include "data/epoch/small_objects.h"

namespace penstock {
namespace {

/// Objects of a list that wait: the next one is known when the one before is on its way.
constexpr size_t most_waiting = 4;
/// Uses of the cache that lie closer together are one to it, and the earlier one.
constexpr int64_t same_use_ns = 60'000'000'000;

/// Bytes of one request: a sixteenth of what may wait for the disk, in whole chunks of any layout.
uint64_t piece_for(uint64_t queue_limit) {
  constexpr uint64_t unit = 1ULL << 20;
  constexpr uint64_t most = 8;
  return std::clamp<uint64_t>(queue_limit / 16 / unit, 1, most) * unit;
}

}  // namespace

LargeHints::LargeHints(LargeHintsParts parts)
    : parts_(std::move(parts)), piece_(piece_for(parts_.cache.queue().limit)) {}

void LargeHints::stop() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  gate_.close();
  // Their ends cancel what is under way, which answers: without the lock.
  std::map<ListId, std::deque<FilePtr>> given_up;
  const MutexLock lock(mutex_);
  given_up.swap(lists_);
}

void LargeHints::add(ListId list, uint64_t number, ObjectVersion version) {
  auto file = std::make_shared<File>();
  file->list = list;
  file->number = number;
  file->version = std::move(version);
  {
    const MutexLock lock(mutex_);
    if (stopped_) return;
    // Names are looked up at once, and are found in any order.
    std::deque<FilePtr>& files = lists_[list];
    auto at = files.end();
    while (at != files.begin() && (*std::prev(at))->number > number) --at;
    files.insert(at, std::move(file));
  }
  wake();
}

bool LargeHints::full(ListId list) {
  const MutexLock lock(mutex_);
  const auto found = lists_.find(list);
  if (found == lists_.end()) return false;
  const auto waiting = std::ranges::count_if(found->second, [](const FilePtr& file) {
    return file->state < State::begun ||
           (file->state == State::begun && file->next < file->version.size);
  });
  return static_cast<size_t>(waiting) >= most_waiting;
}

size_t LargeHints::files() {
  const MutexLock lock(mutex_);
  size_t sum = 0;
  for (const auto& [list, files] : lists_) sum += files.size();
  return sum;
}

void LargeHints::drop(ListId list) {
  Garbage garbage;
  const MutexLock lock(mutex_);
  const auto found = lists_.find(list);
  if (found == lists_.end()) return;
  for (const FilePtr& file : std::deque(found->second)) give_up(file, garbage);
}

void LargeHints::opened(const ObjectVersion& version) {
  const size_t hash = hash_of(version.key, version.etag);
  const MutexLock lock(mutex_);
  if (parts_.room.has(hash)) being_read_.try_emplace(hash, version);
}

void LargeHints::forget_closed() {
  const MutexLock lock(mutex_);
  forget_read();
}

void LargeHints::forget_read() {
  std::erase_if(being_read_, [&](const auto& one) {
    if (parts_.opened.is_open(one.second)) return false;
    parts_.room.forget(one.first);
    return true;
  });
}

void LargeHints::wake() {
  {
    const MutexLock lock(mutex_);
    if (stopped_ || lists_.empty() || std::exchange(awake_, true)) return;
  }
  parts_.scheduler.post([weak = weak_from_this()] {
    if (const std::shared_ptr<LargeHints> self = weak.lock()) self->work();
  });
}

void LargeHints::work() {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  while (true) {
    Step step;
    const bool more = choose(step);
    if (step.blocked) rest();
    if (!more) return;
    step.piece.range.length == 0 ? ask(step.file) : fetch(step);
  }
}

bool LargeHints::choose(Step& step) {
  const MutexLock lock(mutex_);
  awake_ = false;
  if (stopped_) return false;
  auto next = lists_.upper_bound(turn_);
  for (size_t i = 0; i < lists_.size(); ++i) {
    if (next == lists_.end()) next = lists_.begin();
    if (choose_of(next->second, step)) {
      turn_ = next->first;
      return true;
    }
    ++next;
  }
  return false;
}

bool LargeHints::choose_of(const std::deque<FilePtr>& files, Step& step) {
  for (const FilePtr& file : files) {
    if (file->state == State::fresh) {
      file->state = State::asking;
      step.file = file;
      return true;
    }
    // Nothing comes before what was hinted before it.
    if (file->state < State::begun) return false;
    if (!file->again.empty() || file->next < file->version.size) return begin_piece(file, step);
  }
  return false;
}

bool LargeHints::begin_piece(const FilePtr& file, Step& step) {
  if (file->starved) return false;
  const bool anew = !file->again.empty();
  const uint64_t next = file->next;
  const Piece piece =
      anew ? file->again.back() : Piece{{next, std::min(piece_, file->version.size - next)}};
  const DiskCache::Queue queue = parts_.cache.queue();
  const uint64_t waiting = queue.bytes + in_flight_;
  if (waiting > 0 && waiting + piece.range.length > queue.limit / 2) {
    step.blocked = in_flight_ == 0;
    return false;
  }
  if (!parts_.room.take_place()) return false;
  if (anew) file->again.pop_back();
  if (!anew) file->next = piece.range.end();
  ++file->under_way;
  in_flight_ += piece.range.length;
  step.file = file;
  step.piece = piece;
  step.reader = file->reader;
  return true;
}

void LargeHints::ask(const FilePtr& file) {
  const ObjectVersion& version = file->version;
  // Its reader was faster, and is through with it.
  const bool over =
      parts_.opened.opened_since(version.key, file->number) && !parts_.opened.is_open(version);
  std::shared_ptr<ObjectReader> reader;
  Garbage garbage;
  {
    const MutexLock lock(mutex_);
    if (file->state != State::asking) return;
    if (over) {
      parts_.metrics->hints_late.add();
      give_up(file, garbage);
    } else if (file->reader == nullptr) {
      file->since_ns = wall_clock_ns();
      file->reader =
          parts_.opened.fetch_by(version, [&] { return parts_.reads.open(version, nullptr); });
    }
    reader = file->reader;
  }
  if (over) return parts_.more();
  // What an answer holds must not hold the reader, whose end gives the question up.
  reader->cache_share(
      [weak = weak_from_this(), weak_file = std::weak_ptr(file)](const Result<CacheShare>& share) {
        const std::shared_ptr<LargeHints> self = weak.lock();
        const FilePtr asked = weak_file.lock();
        if (self != nullptr && asked != nullptr) self->told(asked, share ? *share : CacheShare{});
      });
}

bool LargeHints::fetched_by_another(const File& file) const {
  for (const auto& [list, files] : lists_) {
    for (const FilePtr& other : files) {
      if (other.get() != &file && other->state >= State::begun &&
          other->version.key == file.version.key && other->version.etag == file.version.etag)
        return true;
    }
  }
  return false;
}

HintRoom::Room LargeHints::begin(const FilePtr& file, const CacheShare& share, Garbage& garbage) {
  HintRoom& places = parts_.room;
  const ObjectVersion& version = file->version;
  const size_t hash = hash_of(version.key, version.etag);
  if (fetched_by_another(*file)) {
    remove(file, garbage);
    return {.there = true};
  }
  forget_read();
  // Hinted once more: what is there of it now counts.
  places.forget(hash);
  const uint64_t size = occupied(version.size);
  const uint64_t present = std::min(share.present + share.coming, version.size);
  const HintRoom::Room room = places.find(size, present, share);
  const bool whole = present == version.size;
  if (!whole && !(room.fits && room.there)) return room;
  if (room.fits)
    places.note(file->list, hash, size, file->since_ns - (present == 0 ? 0 : same_use_ns));
  if (parts_.opened.is_open(version)) being_read_.try_emplace(hash, version);
  if (whole) {
    remove(file, garbage);
    return {.there = true};
  }
  file->coming = size - present;
  places.begin(file->coming);
  places.noted(file->coming);
  file->state = State::begun;
  return room;
}

void LargeHints::told(const FilePtr& file, const CacheShare& share) {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  Garbage garbage;
  HintRoom::Room room;
  {
    const MutexLock lock(mutex_);
    if (file->state != State::asking) return;
    room = begin(file, share, garbage);
    if (!room.fits) {
      parts_.metrics->hints_ignored.add();
      give_up(file, garbage);
    } else if (!room.there) {
      file->state = State::waiting;
      // Room comes with the next read; a disk that is away may stay so for long.
      file->until = {};
      if (share.limit == 0) file->until = parts_.scheduler.now() + file->pause.next();
    }
    if (share.limit != 0) file->pause.reset();
  }
  if (room.fits && !room.there) {
    if (room.idle_ns > 0) parts_.cache.make_room(room.needed, room.idle_ns);
    rest();
  }
  wake();
  parts_.more();
}

void LargeHints::fetch(const Step& step) {
  step.reader->fetch_ahead(step.piece.range,
                           [weak = weak_from_this(), weak_file = std::weak_ptr(step.file),
                            piece = step.piece](const Result<uint64_t>& result) {
                             if (const std::shared_ptr<LargeHints> self = weak.lock())
                               self->ended(weak_file.lock(), piece, result);
                           });
}

void LargeHints::ended(const FilePtr& file, const Piece& piece, const Result<uint64_t>& result) {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  Garbage garbage;
  bool more_to_do = false;
  parts_.room.leave_place();
  {
    const MutexLock lock(mutex_);
    in_flight_ -= piece.range.length;
    if (file != nullptr && file->state == State::begun) {
      note_end(file, piece, result, garbage);
      more_to_do = file->starved || file->state == State::arrived;
    }
  }
  if (more_to_do) rest();
  // The place goes to the small files first, which may have found all of them taken.
  parts_.more();
  wake();
}

void LargeHints::note_end(const FilePtr& file, const Piece& piece, const Result<uint64_t>& result,
                          Garbage& garbage) {
  --file->under_way;
  if (result) {
    const uint64_t size = std::min(piece.range.length, file->coming);
    file->pause.reset();
    file->fetched += *result;
    file->coming -= size;
    // From now on it is in the disk's queue.
    parts_.room.end(size, true);
    parts_.metrics->hinted_bytes.add(*result);
  } else if (Piece once_more = piece; is_tried_again(result.code(), once_more.repeated)) {
    return try_again(*file, once_more);
  } else {
    parts_.metrics->hints_ignored.add();
    return give_up(file, garbage);
  }
  if (file->next < file->version.size || file->under_way > 0 || !file->again.empty()) return;
  if (file->fetched > 0) parts_.metrics->hinted_files.add();
  parts_.room.end(std::exchange(file->coming, 0), true);
  file->state = State::arrived;
}

void LargeHints::try_again(File& file, const Piece& piece) {
  file.again.push_back(piece);
  if (!std::exchange(file.starved, true)) file.until = parts_.scheduler.now() + file.pause.next();
}

// Until the disk has all of it, who opens it now gets from memory what is missing there.
void LargeHints::settled(const FilePtr& file, const CacheShare& share) {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  if (share.coming > 0) return rest();
  Garbage garbage;
  const MutexLock lock(mutex_);
  if (file->state == State::arrived) remove(file, garbage);
}

void LargeHints::remove(const FilePtr& file, Garbage& garbage) {
  file->state = State::over;
  garbage.push_back(std::move(file->reader));
  const auto list = lists_.find(file->list);
  if (list == lists_.end()) return;
  std::erase(list->second, file);
  if (list->second.empty()) lists_.erase(list);
}

void LargeHints::give_up(const FilePtr& file, Garbage& garbage) {
  if (file->state == State::begun) {
    parts_.room.end(std::exchange(file->coming, 0), true);
    parts_.room.forget(hash_of(file->version.key, file->version.etag));
  }
  remove(FilePtr(file), garbage);
}

void LargeHints::rest() {
  {
    const MutexLock lock(mutex_);
    if (stopped_ || std::exchange(resting_, true)) return;
  }
  parts_.scheduler.post_after(HintRoom::rest, [weak = weak_from_this()] {
    if (const std::shared_ptr<LargeHints> self = weak.lock()) self->rested();
  });
}

void LargeHints::rested() {
  const auto pass = gate_.pass_if_open();
  if (!pass) return;
  std::vector<std::pair<std::weak_ptr<File>, std::shared_ptr<ObjectReader>>> arrived;
  bool early = false;
  {
    const MutexLock lock(mutex_);
    resting_ = false;
    for (const auto& [list, files] : lists_) {
      for (const FilePtr& file : files) {
        if (parts_.scheduler.now() < file->until) {
          early = true;
          continue;
        }
        file->starved = false;
        if (file->state == State::waiting) file->state = State::fresh;
        if (file->state == State::arrived) arrived.emplace_back(file, file->reader);
      }
    }
  }
  for (const auto& [weak_file, reader] : arrived) {
    reader->cache_share(
        [weak = weak_from_this(), asked = weak_file](const Result<CacheShare>& share) {
          const std::shared_ptr<LargeHints> self = weak.lock();
          const FilePtr file = asked.lock();
          if (self != nullptr && file != nullptr)
            self->settled(file, share ? *share : CacheShare{});
        });
  }
  if (early) rest();
  wake();
}

}  // namespace penstock
