// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "cache/disk_cache.h"
#include "data/read/fetch.h"

namespace penstock {

/// The disk cache's file of one object version. It is opened when somebody first needs it, on the
/// cache's threads, for opening blocks on the disk. Thread-safe. All that asks here is answered
/// without the cache where its disk does not answer in time; see DiskQuestion.
class CacheLink : public std::enable_shared_from_this<CacheLink> {
 public:
  using FilePtr = std::shared_ptr<CacheFile>;
  using Patience = DiskQuestion::Patience;

  CacheLink(DiskCache& cache, CachedVersion version)
      : cache_(cache), version_(std::move(version)), layout_(version_.size) {}

  /// How the cache cuts the object.
  const ChunkLayout& layout() const noexcept { return layout_; }

  /// Calls `ask` with the file on a thread that may block on the disk; null where the cache takes
  /// no file now. Else `otherwise`. Neither when the cache ends first.
  void with_file(Callback<void(const FilePtr&, DiskQuestion&)> ask, Callback<void()> otherwise);

  /// The object's file for the kernel to read by itself, or null.
  void find_backing(Callback<void(std::shared_ptr<const BackingFile>)> answer);

  /// What the cache has of the object; nothing where the disk does not say.
  void find_share(Patience patience, Callback<void(const CacheShare&)> answer);

  /// What of `range` the cache neither has nor is writing; nothing where it takes no file now.
  void find_lacking(ByteRange range, Callback<void(std::optional<std::vector<ByteRange>>)> answer);

  /// Has the cache drop what it has of the object, and take no more of it while somebody uses it.
  void forget();

  /// The file where it is open already; null otherwise. Does not block.
  FilePtr file() const EXCLUDES(mutex_);

 private:
  template <typename T>
  void find(Patience patience, std::function<T(const FilePtr&)> find, Callback<void(T)> answer);
  FilePtr open() EXCLUDES(mutex_);

  DiskCache& cache_;
  const CachedVersion version_;
  const ChunkLayout layout_;
  mutable Mutex mutex_;
  FilePtr file_ GUARDED_BY(mutex_);
};

enum class CacheFill : uint8_t {
  whole,      ///< All of the fetch came from the cache.
  part,       ///< The rest has to be fetched.
  withdrawn,  ///< Others go on with the fetch.
};
/// Fills `fetch` from its beginning with what the cache has of it. Blocks on the disk. `question`
/// is being answered after it, but where it was withdrawn.
CacheFill fill_from_cache(CacheFile& file, const std::weak_ptr<Fetch>& fetch,
                          DiskQuestion& question);

}  // namespace penstock
