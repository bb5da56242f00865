// SPDX-License-Identifier: Apache-2.0
#include "fs/moves/object_moves.h"

#include <deque>
#include <utility>

namespace penstock {
namespace {

/// Copies at once: a store answers each in tens of milliseconds, and takes thousands a second.
constexpr size_t copies_in_flight = 128;
constexpr size_t delete_batch = 1000;
/// Keys that are listed but not yet copied; a directory of millions is not held in memory twice.
constexpr size_t listed_ahead = 4000;

/// Pages come in, copies go out.
class Copies : public std::enable_shared_from_this<Copies> {
 public:
  Copies(FsCore& core, CopyAll request, Callback<void(CopiedObjects)> done)
      : core_(core), request_(std::move(request)), done_(std::move(done)) {}

  void start() {
    const std::string& from = request_.move.from;
    if (from.ends_with('/')) return request_page("");
    core_.parts.store.head({.key = from}, core_.tracked<ObjectInfo>(
                                              [self = shared_from_this()](Result<ObjectInfo> info) {
                                                // What is gone was moved by who had begun this.
                                                if (!info && info.code() == Code::not_found)
                                                  return self->take_page(ListPage());
                                                if (!info) return self->take_page(info.error());
                                                ListPage page;
                                                page.objects.push_back(std::move(*info));
                                                self->take_page(std::move(page));
                                              }));
  }

 private:
  void request_page(std::string continuation) {
    core_.parts.store.list(
        {.prefix = request_.move.from, .continuation = std::move(continuation)},
        core_.tracked<ListPage>([self = shared_from_this()](Result<ListPage> page) {
          self->take_page(std::move(page));
        }));
  }

  void take_page(Result<ListPage> page) {
    bool ask = false;
    {
      const MutexLock lock(mutex_);
      listing_ = false;
      if (!page) {
        if (!outcome_.error) outcome_.error = page.error();
        listed_all_ = true;
      } else {
        known_ += page->objects.size();
        for (ObjectInfo& object : page->objects) take_object(std::move(object));
        continuation_ = std::move(page->continuation);
        listed_all_ = continuation_.empty();
      }
      if (first_) {
        first_ = false;
        ask = request_.several && !outcome_.error && (known_ > 1 || !listed_all_);
        may_copy_ = !ask;
      }
    }
    if (!ask) return pump();
    request_.several([self = shared_from_this()](const Result<void>& answer) {
      {
        const MutexLock lock(self->mutex_);
        self->may_copy_ = true;
        if (!answer && !self->outcome_.error) self->outcome_.error = answer.error();
      }
      self->pump();
    });
    pump();  // the next page need not wait
  }

  void take_object(ObjectInfo object) REQUIRES(mutex_) {
    std::string relative = object.key.substr(request_.move.from.size());
    const bool asked_for = !request_.only || request_.only->contains(relative);
    if (!asked_for || request_.left_alone.contains(relative)) {
      --known_;
    } else if (request_.copied_before.contains(relative)) {
      outcome_.relative_keys.push_back(std::move(relative));
    } else {
      waiting_.push_back(std::move(object));
    }
  }

  void pump() {
    std::vector<ObjectInfo> begin;
    std::optional<std::string> next_page;
    bool finished = false;
    {
      const MutexLock lock(mutex_);
      if (outcome_.error) waiting_.clear();
      while (may_copy_ && in_flight_ < copies_in_flight && !waiting_.empty()) {
        begin.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
        ++in_flight_;
      }
      if (!listing_ && !listed_all_ && !outcome_.error && waiting_.size() < listed_ahead) {
        listing_ = true;
        next_page = continuation_;
      }
      finished = may_copy_ && in_flight_ == 0 && !listing_ &&
                 (outcome_.error || (listed_all_ && waiting_.empty())) &&
                 !std::exchange(ended_, true);
    }
    for (const ObjectInfo& object : begin) request_.renames ? rename(object) : copy(object);
    if (next_page) request_page(std::move(*next_page));
    if (finished) end();
  }

  void rename(const ObjectInfo& object) {
    if (object.etag.empty()) return copy(object);
    std::string relative = object.key.substr(request_.move.from.size());
    RenameRequest request{.source = object.key,
                          .target = request_.move.to + relative,
                          .source_if_match = object.etag,
                          .condition = {.if_none_match = !request_.replaces}};
    core_.parts.store.rename(std::move(request),
                             core_.tracked<ObjectInfo>([self = shared_from_this(), object,
                                                        relative](const Result<ObjectInfo>& info) {
                               if (!info && info.code() == Code::not_supported)
                                 return self->copy(object);
                               self->taken(relative, object.etag, info, true);
                             }));
  }

  void copy(const ObjectInfo& object) {
    if (object.key.ends_with('/') && object.size == 0) return write_marker(object);
    std::string relative = object.key.substr(request_.move.from.size());
    CopyObject request{.source = object.key,
                       .target = request_.move.to + relative,
                       .size = object.size,
                       .etag = object.etag,
                       .condition = {.if_none_match = !request_.replaces && !is_marker(relative)},
                       .describe = with_time};
    core_.parts.copier.copy(
        std::move(request),
        core_.tracked<ObjectInfo>([self = shared_from_this(), relative,
                                   source = object.etag](const Result<ObjectInfo>& info) {
          self->taken(relative, source, info, false);
        }));
  }

  /// An empty object need not be copied, and some servers copy no key that ends in "/".
  void write_marker(const ObjectInfo& marker) {
    std::string relative = marker.key.substr(request_.move.from.size());
    auto written = core_.tracked<ObjectInfo>(
        [self = shared_from_this(), relative, source = marker.etag](
            const Result<ObjectInfo>& info) { self->taken(relative, source, info, false); });
    core_.parts.store.head(
        {.key = marker.key, .cancel = {}},
        core_.tracked<ObjectInfo>([self = shared_from_this(), marker, relative,
                                   written = std::move(written)](Result<ObjectInfo> found) mutable {
          if (found && (tell_apart(found->etag, marker.etag) || found->size != 0))
            found = Error(Code::changed, "the source was replaced");
          if (!found) return written(std::move(found));
          self->core_.parts.store.put({.key = self->request_.move.to + relative,
                                       .body = {},
                                       .metadata = with_time(*found),
                                       .condition = {},
                                       .tags_of = marker.key},
                                      std::move(written));
        }));
  }

  void taken(const std::string& relative, const ETag& source, const Result<ObjectInfo>& info,
             bool renamed) {
    if (info && request_.copied) request_.copied(relative, {source, *info});
    uint64_t done = 0;
    uint64_t known = 0;
    {
      const MutexLock lock(mutex_);
      --in_flight_;
      if (info) {
        (renamed ? outcome_.renamed : outcome_.relative_keys).push_back(relative);
      } else {
        if (renamed && is_retryable(info.code())) outcome_.in_doubt.push_back(relative);
        if (!outcome_.error) outcome_.error = info.error();
      }
      done = outcome_.relative_keys.size() + outcome_.renamed.size();
      known = known_;
    }
    if (request_.progress) request_.progress(done, known);
    pump();
  }

  void end() {
    CopiedObjects outcome;
    {
      const MutexLock lock(mutex_);
      outcome = std::move(outcome_);
    }
    done_(std::move(outcome));
  }

  FsCore& core_;
  const CopyAll request_;
  Callback<void(CopiedObjects)> done_;

  Mutex mutex_;
  bool first_ GUARDED_BY(mutex_) = true;
  bool may_copy_ GUARDED_BY(mutex_) = false;
  bool listing_ GUARDED_BY(mutex_) = true;
  bool listed_all_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  uint64_t known_ GUARDED_BY(mutex_) = 0;
  std::string continuation_ GUARDED_BY(mutex_);
  std::deque<ObjectInfo> waiting_ GUARDED_BY(mutex_);
  size_t in_flight_ GUARDED_BY(mutex_) = 0;
  CopiedObjects outcome_ GUARDED_BY(mutex_);
};

/// One batch after the other; its own steps follow one another.
class Removal : public std::enable_shared_from_this<Removal> {
 public:
  Removal(FsCore& core, RemoveAll request, Done<void> done)
      : core_(core), request_(std::move(request)), done_(std::move(done)) {}

  void next() {
    if (removed_ == request_.relative_keys.size()) return done_(std::move(result_));
    if (!request_.may_go_on) return remove_batch();
    request_.may_go_on([self = shared_from_this()](Result<void> allowed) {
      if (!allowed) return self->done_(std::move(allowed));
      self->remove_batch();
    });
  }

 private:
  void remove_batch() {
    std::vector<std::string> batch;
    const std::vector<std::string>& keys = request_.relative_keys;
    for (; removed_ < keys.size() && batch.size() < delete_batch; ++removed_)
      batch.push_back(request_.prefix + keys[removed_]);
    core_.parts.store.remove_many(
        std::move(batch),
        core_.tracked<std::vector<DeleteFailure>>(
            [self = shared_from_this()](const Result<std::vector<DeleteFailure>>& failures) {
              if (!failures) self->result_ = failures.error();
              if (failures && !failures->empty()) self->result_ = failures->front().error;
              if (self->request_.progress)
                self->request_.progress(self->removed_, self->request_.relative_keys.size());
              self->next();
            }));
  }

  FsCore& core_;
  const RemoveAll request_;
  Done<void> done_;
  size_t removed_ = 0;
  Result<void> result_;
};

}  // namespace

bool is_marker(const std::string& relative_key) {
  return relative_key.empty() || relative_key.ends_with('/');
}

void copy_all(FsCore& core, CopyAll request, Callback<void(CopiedObjects)> done) {
  std::make_shared<Copies>(core, std::move(request), std::move(done))->start();
}

void remove_all(FsCore& core, RemoveAll request, Done<void> done) {
  std::make_shared<Removal>(core, std::move(request), std::move(done))->next();
}

}  // namespace penstock
