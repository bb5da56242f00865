// SPDX-License-Identifier: Apache-2.0
#include "fs/directory_rename.h"

#include <deque>
#include <functional>
#include <optional>
#include <utility>

namespace penstock {
namespace {

/// Copies at once: a store answers each in tens of milliseconds, and takes thousands a second.
constexpr size_t copies_in_flight = 64;
constexpr size_t delete_batch = 1000;
/// Keys that are listed but not yet copied; a directory of millions is not held in memory twice.
constexpr size_t listed_ahead = 4000;

/// States: copying (pages come in, copies go out) → deleting the originals, or on an error undoing
/// (deleting the copies) → done.
class PrefixRename : public std::enable_shared_from_this<PrefixRename> {
 public:
  PrefixRename(FsCore& core, std::string from, std::string to,
               std::function<void(const std::string&, const ObjectInfo&)> copied, Done<void> done)
      : core_(core),
        from_(std::move(from)),
        to_(std::move(to)),
        copied_(std::move(copied)),
        done_(std::move(done)) {}

  void start() { request_page(""); }

 private:
  void request_page(std::string continuation) {
    core_.parts.store.list(
        {.prefix = from_, .continuation = std::move(continuation)},
        core_.tracked<ListPage>([self = shared_from_this()](Result<ListPage> page) {
          self->take_page(std::move(page));
        }));
  }

  void take_page(Result<ListPage> page) {
    {
      const MutexLock lock(mutex_);
      listing_ = false;
      if (!page) {
        if (!error_) error_ = page.error();
        listed_all_ = true;
      } else {
        for (ObjectInfo& object : page->objects) waiting_.push_back(std::move(object));
        continuation_ = std::move(page->continuation);
        listed_all_ = continuation_.empty();
      }
    }
    pump();
  }

  void pump() {
    std::vector<ObjectInfo> begin;
    std::optional<std::string> next_page;
    bool finished = false;
    {
      const MutexLock lock(mutex_);
      if (error_) waiting_.clear();
      while (in_flight_ < copies_in_flight && !waiting_.empty()) {
        begin.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
        ++in_flight_;
      }
      if (!listing_ && !listed_all_ && !error_ && waiting_.size() < listed_ahead) {
        listing_ = true;
        next_page = continuation_;
      }
      finished = in_flight_ == 0 && !listing_ && (error_ || (listed_all_ && waiting_.empty())) &&
                 !std::exchange(ended_, true);
    }
    for (const ObjectInfo& object : begin) copy(object);
    if (next_page) request_page(std::move(*next_page));
    if (finished) delete_next();
  }

  void copy(const ObjectInfo& object) {
    std::string relative = object.key.substr(from_.size());
    CopyObject request{
        .source = object.key, .target = to_ + relative, .size = object.size, .etag = object.etag};
    core_.parts.copier.copy(
        std::move(request),
        core_.tracked<ObjectInfo>([self = shared_from_this(), relative](Result<ObjectInfo> info) {
          if (info) self->copied_(relative, *info);
          {
            const MutexLock lock(self->mutex_);
            --self->in_flight_;
            if (info) {
              self->copied_keys_.push_back(relative);
            } else if (!self->error_) {
              self->error_ = info.error();
            }
          }
          self->pump();
        }));
  }

  /// Deletes the originals, or after an error the copies, a batch at a time.
  void delete_next() {
    std::vector<std::string> batch;
    std::optional<Error> error;
    std::optional<Error> not_deleted;
    {
      const MutexLock lock(mutex_);
      error = error_;
      not_deleted = not_deleted_;
      const std::string& prefix = error ? to_ : from_;
      while (!copied_keys_.empty() && batch.size() < delete_batch) {
        batch.push_back(prefix + copied_keys_.back());
        copied_keys_.pop_back();
      }
    }
    if (batch.empty()) {
      if (!error)
        error = not_deleted;  // both trees are there: nothing is lost, but it is no rename
      return done_(error ? Result<void>(*error) : Result<void>());
    }
    core_.parts.store.remove_many(
        std::move(batch),
        core_.tracked<std::vector<DeleteFailure>>(
            [self = shared_from_this(),
             undoing = error.has_value()](Result<std::vector<DeleteFailure>> failures) {
              if (!failures || !failures->empty()) {
                const Error cause = failures ? failures->front().error : failures.error();
                self->core_.parts.log->error(
                    "renaming '{}' to '{}': some {} could not be deleted: {}", self->from_,
                    self->to_, undoing ? "copies" : "originals", cause.describe());
                const MutexLock lock(self->mutex_);
                self->not_deleted_ = cause;
              }
              self->delete_next();
            }));
  }

  FsCore& core_;
  const std::string from_;
  const std::string to_;
  const std::function<void(const std::string&, const ObjectInfo&)> copied_;
  Done<void> done_;

  Mutex mutex_;
  bool listing_ GUARDED_BY(mutex_) = true;
  bool listed_all_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  std::string continuation_ GUARDED_BY(mutex_);
  std::deque<ObjectInfo> waiting_ GUARDED_BY(mutex_);
  size_t in_flight_ GUARDED_BY(mutex_) = 0;
  std::vector<std::string> copied_keys_ GUARDED_BY(mutex_);
  std::optional<Error> error_ GUARDED_BY(mutex_);
  std::optional<Error> not_deleted_ GUARDED_BY(mutex_);
};

}  // namespace

void rename_prefix(FsCore& core, std::string from, std::string to,
                   std::function<void(const std::string&, const ObjectInfo&)> copied,
                   Done<void> done) {
  std::make_shared<PrefixRename>(core, std::move(from), std::move(to), std::move(copied),
                                 std::move(done))
      ->start();
}

}  // namespace penstock
