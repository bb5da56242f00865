// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/gate.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "penstock/object_store.h"
#include "store/dir/dir_tree.h"

namespace penstock {

/// Buffers to read into, few and used again: one for each get that is reading at the moment.
/// Thread-safe.
class ReadBuffers {
 public:
  static constexpr size_t size = 512 << 10;
  using Buffer = std::unique_ptr<std::byte[]>;

  Buffer take() EXCLUDES(mutex_);
  void give_back(Buffer buffer) EXCLUDES(mutex_);

 private:
  static constexpr size_t max_kept = 8;
  Mutex mutex_;
  std::vector<Buffer> kept_ GUARDED_BY(mutex_);
};

/// One get: opens the object in its first step on the scheduler, then gives the sink one piece per
/// step. A file that another program writes to meanwhile ends it with Code::changed.
class DirGet : public std::enable_shared_from_this<DirGet> {
 public:
  struct Context {
    const DirTree& tree;
    Scheduler& scheduler;
    const std::shared_ptr<ReadBuffers>& buffers;
  };

  DirGet(const Context& context, Gate::Pass pass, GetRequest request, Done<ObjectInfo> done)
      : pass_(std::move(pass)),
        tree_(context.tree),
        scheduler_(context.scheduler),
        buffers_(context.buffers),
        request_(std::move(request)),
        done_(std::move(done)) {}
  /// A scheduler that stops drops the get: then it ends with Code::cancelled.
  ~DirGet();

  void start() { post(&DirGet::open); }

 private:
  void post(void (DirGet::*step)());
  void open();
  void read();
  void finish(Result<ObjectInfo> result);
  bool unchanged() const;

  const Gate::Pass pass_;  // Given back last of all.
  const DirTree& tree_;
  Scheduler& scheduler_;
  const std::shared_ptr<ReadBuffers> buffers_;
  GetRequest request_;
  Done<ObjectInfo> done_;
  FoundObject object_;
  ByteRange left_;
};

}  // namespace penstock
