// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <utility>

#include "base/gate.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "penstock/callback.h"
#include "penstock/file_system.h"

namespace penstock {

/// The one place that tells the kernel what to forget, in the background. Names and data have an
/// order each: the kernel may hold up the invalidation of a name until an operation in the same
/// directory has its answer, and no invalidation of data waits behind that. Thread-safe.
///
/// Names may be told with any lock held, and are bounded: what would pass the bound has the oldest
/// dropped. Nothing is right only because of them: what the kernel still believes of a name that
/// has vanished ends with Code::changed when it uses it, or with the time for which it was told to
/// believe it.
class KernelView {
 public:
  /// `notifier` runs at least two pieces of work at a time; an end of `gate` waits for those.
  KernelView(Scheduler& notifier, Gate& gate) : notifier_(notifier), gate_(gate) {}

  /// Once, before anything is to be forgotten: `kernel` outlives the last piece of work.
  void attach(KernelCache& kernel) EXCLUDES(mutex_);

  /// The name, or that there is no such name.
  void forget_entry(InodeId directory, std::string name) EXCLUDES(mutex_);
  /// Attributes, size included, and the cached pages; `told` is called when the kernel has done so.
  /// The caller holds no lock, and is not serving a request for which the kernel keeps a page
  /// locked: the kernel would wait for that page, and the request for the kernel.
  void forget_data(InodeId inode, Callback<void()> told) EXCLUDES(mutex_);

  static constexpr size_t most_waiting = 10'000;  ///< Names.

 private:
  using Name = std::pair<InodeId, std::string>;
  struct Data {
    InodeId inode;
    Callback<void()> told;
  };
  template <typename T>
  struct Order {
    std::deque<T> waiting;
    bool running = false;
  };
  /// Adds `what` and has `run` called where it does not run already.
  template <typename T>
  void add(Order<T>& order, T what, void (KernelView::*run)()) REQUIRES(mutex_);
  void tell_entries() EXCLUDES(mutex_);
  void tell_data() EXCLUDES(mutex_);

  Scheduler& notifier_;
  Gate& gate_;
  Mutex mutex_;
  KernelCache* kernel_ GUARDED_BY(mutex_) = nullptr;
  Order<Name> entries_ GUARDED_BY(mutex_);
  Order<Data> data_ GUARDED_BY(mutex_);  ///< As many as writes are under way.
};

}  // namespace penstock
