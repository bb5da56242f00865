// SPDX-License-Identifier: Apache-2.0
// The part of CacheFile that decides whether the file can be trusted as a whole.
#include <algorithm>
#include <vector>

#include "cache/cache_file.h"
#include "cache/map_file.h"

namespace penstock {
namespace {

constexpr uint64_t verify_at_a_time = 1ULL << 20;

/// Keeps the pair open, and with that in place.
class PinnedFile final : public BackingFile {
 public:
  PinnedFile(std::shared_ptr<const CacheFile> file, int descriptor)
      : file_(std::move(file)), descriptor_(descriptor) {}

  int fd() const noexcept override { return descriptor_; }

 private:
  const std::shared_ptr<const CacheFile> file_;
  const int descriptor_;
};

}  // namespace

std::shared_ptr<const BackingFile> CacheFile::backing() {
  const uint64_t size = layout_.object_size();
  if (!core_->ready() || missing_from(0, size) != size) return nullptr;
  Disk::Status data;
  if (const int result = data_file_.stat(data); result != 0) {
    core_->failed("asking for a file's state", result);
    return nullptr;
  }
  const Seal now{.inode = data.inode, .modified_ns = data.modified_ns};
  const bool earned = data.size == size && core_->sealer.find(name_, map_.sum) == now;
  if (earned || seal_state(data) == SealState::right)
    return std::make_shared<PinnedFile>(shared_from_this(), data_file_.get());
  start_check();
  return nullptr;
}

CacheFile::SealState CacheFile::seal_state(const Disk::Status& data) const {
  SealBytes bytes;
  const int64_t count = map_file_.pread(bytes, map_.seal_at());
  if (count != static_cast<int64_t>(bytes.size())) return SealState::none;
  const std::optional<Seal> found = decode_seal(bytes, map_.sum);
  if (!found) return SealState::none;
  const Seal now{.inode = data.inode, .modified_ns = data.modified_ns};
  return *found == now && data.size == layout_.object_size() ? SealState::right : SealState::stale;
}

void CacheFile::start_check() {
  {
    const MutexLock lock(mutex_);
    if (checking_) return;
    checking_ = true;
  }
  core_->scheduler->post([self = shared_from_this(), pass = core_->work.pass()] {
    self->check();
    const MutexLock lock(self->mutex_);
    self->checking_ = false;
  });
}

void CacheFile::check() {
  uint64_t damaged = 0;
  Disk::Status data;
  if (!begin_check(data)) return;
  const SealState state = seal_state(data);
  if (state == SealState::right) return;
  // Somebody has written since: what this process knew of it says nothing any more.
  if (state == SealState::stale) distrust();
  if (verify_rest(damaged) && complete()) trust(data);
}

uint64_t CacheFile::verify() {
  uint64_t damaged = 0;
  Disk::Status data;
  if (!begin_check(data)) return damaged;
  distrust();
  look_again({0, layout_.count()});
  const bool checked = verify_rest(damaged);
  if (checked && complete() && seal_state(data) != SealState::right) trust(data);
  return damaged;
}

// How the data file looks before its check; of the object's size in any case.
bool CacheFile::begin_check(Disk::Status& data) {
  if (!core_->ready()) return false;
  int result = data_file_.stat(data);
  if (result == 0 && data.size > layout_.object_size()) {
    result = data_file_.truncate(layout_.object_size());
    if (result == 0) result = data_file_.stat(data);
  }
  if (result != 0) core_->failed("asking for a file's state", result);
  return result == 0;
}

void CacheFile::distrust() {
  core_->sealer.forget(name_);
  const MutexLock lock(mutex_);
  verified_.clear();
}

// Chunks in a row that are there and not verified, from `from` on; empty where there are none left.
ChunkRange CacheFile::next_unverified(uint64_t from) {
  const uint64_t most = std::max<uint64_t>(verify_at_a_time / layout_.chunk_size(), 1);
  const uint64_t count = layout_.count();
  const MutexLock lock(mutex_);
  uint64_t first = from;
  while (first < count && !needs_check(first)) ++first;
  uint64_t end = first;
  while (end < count && end - first < most && needs_check(end)) ++end;
  return {first, end};
}

// Checks every chunk that is there and that this process has not yet written or checked. False
// where the disk did not let it, or the process ends.
bool CacheFile::verify_rest(uint64_t& damaged) {
  std::vector<std::byte> buffer;
  std::vector<uint64_t> sums;
  ChunkRange chunks = next_unverified(0);
  for (; !chunks.empty(); chunks = next_unverified(chunks.end)) {
    // The check of a large file takes minutes; the next process that uses it begins anew.
    if (core_->ending) return false;
    buffer.resize(layout_.bytes_of(chunks).length);
    sums.resize(chunks.count());
    if (const int result = read_entries(map_file_, map_, chunks, sums); result != 0) {
      core_->failed("reading a map", result);
      return false;
    }
    const int64_t count = load(chunks, buffer);
    if (count < 0) return false;
    for (uint64_t chunk = chunks.first; chunk < chunks.end; ++chunk) {
      const auto piece = piece_of(chunk, chunks, std::span(buffer).first(count));
      if (examine(chunk, sums[chunk - chunks.first], piece) == Finding::damaged) ++damaged;
    }
  }
  return true;
}

// Trusts a complete file whose chunks are all verified, and has it sealed for others and for later.
// A change of the data since the check began would be trusted unseen: then the next one who asks
// has the file checked again.
void CacheFile::trust(const Disk::Status& before) {
  Disk::Status after;
  if (const int result = data_file_.stat(after); result != 0) {
    core_->failed("asking for a file's state", result);
    return;
  }
  if (after.modified_ns != before.modified_ns || after.size != layout_.object_size()) {
    distrust();
    return;
  }
  const Seal now{.inode = after.inode, .modified_ns = after.modified_ns};
  if (core_->sealer.find(name_, map_.sum) == now) return;
  core_->seal_soon({.name = name_, .seal = now, .header_sum = map_.sum, .file = weak_from_this()});
}

}  // namespace penstock
