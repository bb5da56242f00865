// SPDX-License-Identifier: Apache-2.0
#include "data/copy/object_copier.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace penstock {
namespace {

/// One multipart copy: create → parts, a few at a time → complete, or abort.
class MultipartCopy : public std::enable_shared_from_this<MultipartCopy> {
 public:
  MultipartCopy(ObjectStore& store, UploadRegistry& uploads, CopyLimits limits, CopyObject request,
                Done<ObjectInfo> done)
      : store_(store),
        uploads_(uploads),
        in_flight_limit_(limits.parts_in_flight),
        request_(std::move(request)),
        done_(std::move(done)) {
    const StoreLimits store_limits = store.limits();
    part_size_ = std::max({limits.part_size, store_limits.min_part_size,
                           (request_.size + store_limits.max_parts - 1) / store_limits.max_parts});
    part_count_ = static_cast<uint32_t>((request_.size + part_size_ - 1) / part_size_);
    parts_.resize(part_count_);
  }

  void start() {
    ++begun_;
    store_.create_upload(
        {.key = request_.target, .metadata = *request_.metadata, .tags_of = request_.source},
        [self = shared_from_this()](Result<std::string> id) {
          if (!id) return self->done_(id.error());
          self->upload_id_ = *id;
          self->uploads_.added(self->request_.target, *id);
          self->pump();
        });
  }

 private:
  void pump() {
    std::vector<uint32_t> begin;
    bool finished = false;
    {
      const MutexLock lock(mutex_);
      while (!error_ && in_flight_ < in_flight_limit_ && next_ < part_count_) {
        begin.push_back(next_++);
        ++in_flight_;
      }
      // The one that finds nothing left ends the copy; parts that are begun here are still in
      // flight.
      finished =
          in_flight_ == 0 && (error_ || next_ == part_count_) && !std::exchange(ended_, true);
    }
    for (const uint32_t index : begin) copy_part(index);
    if (finished) end();
  }

  void copy_part(uint32_t index) {
    const uint64_t offset = index * part_size_;
    UploadPartCopy part{.key = request_.target,
                        .upload_id = upload_id_,
                        .number = index + 1,
                        .source = request_.source,
                        .source_if_match = request_.etag,
                        .source_range = {offset, std::min(part_size_, request_.size - offset)}};
    store_.upload_part_copy(std::move(part),
                            [self = shared_from_this(), index](Result<CompletedPart> copied) {
                              {
                                const MutexLock lock(self->mutex_);
                                --self->in_flight_;
                                if (copied) {
                                  self->parts_[index] = *copied;
                                } else if (!self->error_) {
                                  self->error_ = copied.error();
                                }
                              }
                              self->pump();
                            });
  }

  void end() {
    std::optional<Error> error;
    CompleteUpload complete{.key = request_.target,
                            .upload_id = upload_id_,
                            .condition = request_.condition,
                            .can_begin_again = begun_ < most_begun};
    {
      const MutexLock lock(mutex_);
      error = error_;
      complete.parts = parts_;
    }
    if (error) return abort(*error);
    store_.complete_upload(std::move(complete),
                           [self = shared_from_this()](Result<ObjectInfo> info) {
                             const bool gone = !info && info.code() == Code::not_found;
                             if (gone && self->begun_ < most_begun) return self->begin_again();
                             if (!info) return self->abort(info.error());
                             self->uploads_.ended(self->request_.target, self->upload_id_);
                             info->size = self->request_.size;
                             self->done_(std::move(info));
                           });
  }

  /// The upload is gone: the store lost it, or another write was in the way of its end.
  void begin_again() {
    uploads_.ended(request_.target, upload_id_);
    {
      const MutexLock lock(mutex_);
      next_ = 0;
      ended_ = false;
    }
    start();
  }

  void abort(Error error) {
    store_.abort_upload(
        request_.target, upload_id_,
        [self = shared_from_this(), error = std::move(error)](const Result<void>& aborted) {
          // What could not be aborted stays in the registry: the next mount tries again.
          if (aborted) self->uploads_.ended(self->request_.target, self->upload_id_);
          self->done_(error);
        });
  }

  ObjectStore& store_;
  UploadRegistry& uploads_;
  const uint32_t in_flight_limit_;
  CopyObject request_;
  Done<ObjectInfo> done_;
  static constexpr uint32_t most_begun = 3;
  uint32_t begun_ = 0;  ///< How often the upload was.
  uint64_t part_size_ = 0;
  uint32_t part_count_ = 0;
  std::string upload_id_;

  Mutex mutex_;
  uint32_t next_ GUARDED_BY(mutex_) = 0;
  uint32_t in_flight_ GUARDED_BY(mutex_) = 0;
  bool ended_ GUARDED_BY(mutex_) = false;
  std::optional<Error> error_ GUARDED_BY(mutex_);
  std::vector<CompletedPart> parts_ GUARDED_BY(mutex_);
};

/// A store that copies no parts, and not so much at once: its bytes have to take the way through
/// this machine, which is what copying the file does.
Error too_large_to_copy(const Error& refusal) {
  Error::Detail detail = refusal.detail();
  detail.message =
      "the store cannot copy an object of this size (copy the file and remove the old one): " +
      detail.message;
  return Error(Code::not_supported, std::move(detail));
}

}  // namespace

void ObjectCopier::copy(CopyObject request, Done<ObjectInfo> done) {
  const StoreLimits store = store_.limits();
  const bool in_parts =
      store.part_copies && request.size > std::min(limits_.parallel_above, store.max_put_size);
  // A multipart copy does not take the source's metadata along.
  const bool ask = !request.metadata && (in_parts || request.describe != nullptr);
  if (!ask) return copy_described(std::move(request), in_parts, std::move(done));
  HeadRequest head{.key = request.source, .cancel = {}};
  store_.head(std::move(head), [this, in_parts, request = std::move(request),
                                done = std::move(done)](Result<ObjectInfo> info) mutable {
    if (!info) return done(info.error());
    if (tell_apart(info->etag, request.etag))
      return done(Error(Code::changed, "the source was replaced"));
    request.metadata =
        request.describe != nullptr ? request.describe(*info) : info->metadata.value_or(Metadata{});
    copy_described(std::move(request), in_parts, std::move(done));
  });
}

void ObjectCopier::copy_described(CopyObject request, bool in_parts, Done<ObjectInfo> done) {
  if (in_parts) {
    auto copied = [this, request, done = std::move(done)](Result<ObjectInfo> info) mutable {
      if (info || info.code() != Code::not_supported) return done(std::move(info));
      copy_described(std::move(request), false, std::move(done));
    };
    std::make_shared<MultipartCopy>(store_, uploads_, limits_, std::move(request),
                                    std::move(copied))
        ->start();
    return;
  }
  const uint64_t size = request.size;
  store_.copy({.source = std::move(request.source),
               .target = std::move(request.target),
               .source_if_match = std::move(request.etag),
               .metadata = std::move(request.metadata),
               .condition = std::move(request.condition)},
              [size, limit = store_.limits().max_put_size,
               done = std::move(done)](Result<ObjectInfo> info) mutable {
                const bool refused = !info && (info.code() == Code::invalid_argument ||
                                               info.code() == Code::too_large);
                if (refused && size > limit) return done(too_large_to_copy(info.error()));
                if (info) info->size = size;
                done(std::move(info));
              });
}

}  // namespace penstock
