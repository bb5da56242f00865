// SPDX-License-Identifier: Apache-2.0
// Holes in a file that is being written.
#include <algorithm>

#include "data/write/file_writer_impl.h"

namespace penstock {

/// False, and nothing has changed, where all of it was a hole before.
bool FileWriterImpl::apply_zero(ByteRange range, Deferred& after) {
  const auto written = static_cast<SourceMask>(~mask(Source::hole));
  if (range.end() <= map_.size() && !map_.any(range, written)) return false;
  map_.assign(range, Source::hole);
  // The block at the end may have bytes of what follows.
  const uint64_t block = core_.layout.block_size();
  const uint64_t end = range.end() == map_.size() ? range.end() : range.end() / block * block;
  if (end > range.offset) blocks_.drop({range.offset, end - range.offset}, after);
  return true;
}

std::optional<uint64_t> FileWriterImpl::seek(uint64_t offset, bool hole) const {
  const MutexLock lock(mutex_);
  const std::optional<uint64_t> found = map_.find(offset, hole);
  return hole && !found && offset < map_.size() ? map_.size() : found;
}

}  // namespace penstock
