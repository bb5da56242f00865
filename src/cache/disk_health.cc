// SPDX-License-Identifier: Apache-2.0
#include "cache/disk_health.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace penstock {

DiskHealth::Fault DiskHealth::fault_of(int error) noexcept {
  switch (-error) {
    case ENOSPC:
    case EDQUOT:
      return Fault::full;
    case EROFS:
      return Fault::read_only;
    case EACCES:
    case EPERM:
      return Fault::denied;
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ESTALE:
      return Fault::gone;
    case EMFILE:
    case ENFILE:
      return Fault::descriptors;
    case ELOOP:
    case EISDIR:
    case EEXIST:
      return Fault::foreign;
    case ETIMEDOUT:
      return Fault::hanging;
    default:
      return Fault::failing;
  }
}

std::string_view DiskHealth::advice(Fault fault) noexcept {
  switch (fault) {
    case Fault::full:
      return "the disk is full, so new data are not kept; make room on it";
    case Fault::read_only:
      return "it is read-only; mount it for writing, or use another directory";
    case Fault::denied:
      return "this user may not use it; correct its owner and permissions";
    case Fault::gone:
      return "it has gone; put it back, or mount its disk again";
    case Fault::descriptors:
      return "too many files are open; raise the limit of open files";
    case Fault::foreign:
      return "something else is in a file's place; remove it";
    case Fault::hanging:
      return "the disk does not answer; see the kernel's log";
    case Fault::failing:
      break;
  }
  return "the disk fails; see the kernel's log";
}

DiskHealth::State DiskHealth::check(Scheduler::Time now) {
  if (usable_.load(std::memory_order_acquire)) return State::usable;
  const MutexLock lock(mutex_);
  if (usable_) return State::usable;
  if (trying_ || now < retry_at_) return State::away;
  trying_ = true;
  return State::due;
}

bool DiskHealth::away(Scheduler::Time now) {
  if (usable_.load(std::memory_order_acquire)) return false;
  const MutexLock lock(mutex_);
  return !usable_ && (trying_ || now < retry_at_);
}

void DiskHealth::prepared(int result, Scheduler::Time now) {
  if (result != 0) failed("preparing the directory", result, now);
  const MutexLock lock(mutex_);
  trying_ = false;
  usable_ = result == 0;
  if (result != 0) retry_at_ = now + retry_after;
}

bool DiskHealth::takes_writes(Scheduler::Time now) {
  if (!usable_.load(std::memory_order_acquire)) return false;
  const MutexLock lock(mutex_);
  return now >= write_at_;
}

void DiskHealth::space_made() {
  const MutexLock lock(mutex_);
  write_at_ = Scheduler::Time::min();
}

std::optional<std::string> DiskHealth::refusal() {
  const MutexLock lock(mutex_);
  const bool passes =
      last_ == Fault::hanging || last_ == Fault::full || last_ == Fault::descriptors;
  if (usable_ || last_error_ == 0 || passes) return std::nullopt;
  return fmt::format("{}; {}", strerror(-last_error_), advice(last_));
}

void DiskHealth::failed(std::string_view doing, int error, Scheduler::Time now) {
  const Fault fault = fault_of(error);
  bool said = false;
  {
    const MutexLock lock(mutex_);
    said = std::exchange(said_[static_cast<size_t>(fault)], true);
    last_ = fault;
    last_error_ = error;
    const bool elsewhere = fault == Fault::descriptors || fault == Fault::foreign;
    if (fault == Fault::full) write_at_ = now + retry_after;
    if (!elsewhere && fault != Fault::full) {
      usable_ = false;
      retry_at_ = now + retry_after;
    }
  }
  if (said) return;
  log_->warning(
      "the cache in {} cannot be used fully: {}: {}; {} (the mount goes on without it, and tries "
      "again every minute)",
      directory_, doing, strerror(-error), advice(fault));
}

}  // namespace penstock
