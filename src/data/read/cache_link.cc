// SPDX-License-Identifier: Apache-2.0
#include "data/read/cache_link.h"

#include <algorithm>
#include <utility>

namespace penstock {

void CacheLink::with_file(Callback<void(const FilePtr&, DiskQuestion&)> ask,
                          Callback<void()> otherwise) {
  cache_.ask(
      Patience::read,
      [self = shared_from_this(), ask = std::move(ask)](DiskQuestion& question) mutable {
        ask(self->open(), question);
      },
      std::move(otherwise));
}

template <typename T>
void CacheLink::find(Patience patience, std::function<T(const FilePtr&)> find,
                     Callback<void(T)> answer) {
  const auto shared = std::make_shared<Callback<void(T)>>(std::move(answer));
  cache_.ask(
      patience,
      [self = shared_from_this(), find = std::move(find), shared](DiskQuestion& question) {
        T found = find(self->open());
        if (question.begin_answer()) (*shared)(std::move(found));
      },
      [shared] { (*shared)(T()); });
}

void CacheLink::find_backing(Callback<void(std::shared_ptr<const BackingFile>)> answer) {
  using Backing = std::shared_ptr<const BackingFile>;
  find<Backing>(
      Patience::open,
      [](const FilePtr& file) { return file == nullptr ? Backing() : file->backing(); },
      std::move(answer));
}

void CacheLink::find_share(Patience patience, Callback<void(const CacheShare&)> answer) {
  const auto share = [this](const FilePtr& file) {
    CacheShare found = file == nullptr ? CacheShare{} : file->share();
    cache_.add_room(found);
    return found;
  };
  const FilePtr known = file();
  if (known != nullptr && cache_.room_known()) return answer(share(known));
  find<CacheShare>(patience, share, [answer = std::move(answer)](const CacheShare& found) mutable {
    answer(found);
  });
}

void CacheLink::find_lacking(ByteRange range,
                             Callback<void(std::optional<std::vector<ByteRange>>)> answer) {
  using Lacking = std::optional<std::vector<ByteRange>>;
  find<Lacking>(
      Patience::read,
      [range](const FilePtr& file) { return file == nullptr ? Lacking() : file->lacking(range); },
      std::move(answer));
}

void CacheLink::forget() {
  // A file that is open takes no more at once, whenever its disk answers.
  if (const FilePtr known = file()) known->refuse();
  with_file(
      [](const FilePtr& file, DiskQuestion& /*question*/) {
        if (file != nullptr) file->forget();
      },
      [] {});
}

CacheLink::FilePtr CacheLink::file() const {
  const MutexLock lock(mutex_);
  return file_;
}

CacheLink::FilePtr CacheLink::open() {
  if (FilePtr known = file()) return known;
  FilePtr opened = cache_.open(version_, nullptr);
  const MutexLock lock(mutex_);
  if (file_ == nullptr) file_ = std::move(opened);
  return file_;
}

CacheFill fill_from_cache(CacheFile& file, const std::weak_ptr<Fetch>& weak,
                          DiskQuestion& question) {
  // Read into by this thread, which may hang with it while others go on with the fetch.
  std::shared_ptr<Buffer> buffer;
  std::span<std::byte> room;
  uint64_t there = 0;
  while (true) {
    uint64_t at = 0;
    uint64_t end = 0;
    if (!question.begin_answer()) return CacheFill::withdrawn;
    {
      const std::shared_ptr<Fetch> fetch = weak.lock();
      if (fetch == nullptr) return CacheFill::withdrawn;
      if (!room.empty() && !fetch->filled_room(room.size())) return CacheFill::part;
      at = fetch->written();
      end = fetch->end();
      if (at == end) return CacheFill::whole;
      room = {};
      if (at < there) room = fetch->room(there - at, buffer);
    }
    question.ask_on();
    bool read = true;
    if (room.empty()) {
      there = file.missing_from(at, end);
      read = there != at;
    } else {
      // What turns out to be damaged is fetched like what is missing.
      read = bool{file.read(at, room)};
    }
    if (read) continue;
    return question.begin_answer() ? CacheFill::part : CacheFill::withdrawn;
  }
}

}  // namespace penstock
