// SPDX-License-Identifier: Apache-2.0
#include "fs/nodes/kernel_view.h"

#include <optional>

namespace penstock {
namespace {

/// The first that waits; nothing where none does, and then nobody runs any more.
template <typename T, typename Order>
std::optional<T> next(Order& order) {
  if (order.waiting.empty()) {
    order.running = false;
    return std::nullopt;
  }
  T first = std::move(order.waiting.front());
  order.waiting.pop_front();
  return first;
}

}  // namespace

void KernelView::attach(KernelCache& kernel) {
  const MutexLock lock(mutex_);
  kernel_ = &kernel;
}

template <typename T>
void KernelView::add(Order<T>& order, T what, void (KernelView::*run)()) {
  order.waiting.push_back(std::move(what));
  if (order.running) return;
  order.running = true;
  notifier_.post([this, run, pass = gate_.pass()] { (this->*run)(); });
}

void KernelView::forget_entry(InodeId directory, std::string name) {
  const MutexLock lock(mutex_);
  if (kernel_ == nullptr) return;
  if (entries_.waiting.size() >= most_waiting) entries_.waiting.pop_front();
  add(entries_, Name(directory, std::move(name)), &KernelView::tell_entries);
}

void KernelView::forget_data(InodeId inode, Callback<void()> told) {
  {
    const MutexLock lock(mutex_);
    if (kernel_ != nullptr)
      return add(data_, Data{.inode = inode, .told = std::move(told)}, &KernelView::tell_data);
  }
  told();
}

void KernelView::tell_entries() {
  while (true) {
    std::optional<Name> name;
    KernelCache* kernel = nullptr;
    {
      const MutexLock lock(mutex_);
      name = next<Name>(entries_);
      kernel = kernel_;
    }
    if (!name) return;
    kernel->invalidate_entry(name->first, name->second);
  }
}

void KernelView::tell_data() {
  while (true) {
    std::optional<Data> data;
    KernelCache* kernel = nullptr;
    {
      const MutexLock lock(mutex_);
      data = next<Data>(data_);
      kernel = kernel_;
    }
    if (!data) return;
    kernel->invalidate_data(data->inode);
    data->told();
  }
}

}  // namespace penstock
