// SPDX-License-Identifier: Apache-2.0
#include "store/retrying_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "store/resuming_get.h"
#include "store/verified_write.h"

namespace penstock {
namespace {

/// Repeats only the keys that failed for reasons that pass.
class RemoveMany final : public SimpleCall<std::vector<DeleteFailure>> {
 public:
  using Failures = std::vector<DeleteFailure>;
  using Keys = std::vector<std::string>;

  RemoveMany(const std::shared_ptr<RetryShared>& shared, const std::shared_ptr<Keys>& keys,
             Done<Failures> done)
      : SimpleCall(
            shared,
            {.operation = StoreRequest::remove_many, .key = keys->empty() ? "" : keys->front()},
            shared->policy.write_limit, {},
            [keys](ObjectStore& store, const std::stop_token&, Done<Failures> then) {
              store.remove_many(*keys, std::move(then));
            },
            std::move(done)),
        keys_(keys) {}

 protected:
  void ended(Result<Failures> result) override {
    if (!result.has_value()) return SimpleCall::ended(std::move(result));
    Keys again;
    for (DeleteFailure& failure : *result) {
      if (is_retryable(failure.error.code())) {
        again.push_back(failure.key);
        last_ = failure.error;
      } else {
        final_.push_back(std::move(failure));
      }
    }
    if (again.empty()) return succeed(std::move(final_));
    *keys_ = std::move(again);
    partly_done_ = true;
    failed(Error(*last_));  // a copy: the next try changes last_
  }
  void deliver(Error error) override {
    if (!partly_done_) return SimpleCall::deliver(std::move(error));
    for (const std::string& key : *keys_) final_.push_back({key, error});
    done(std::move(final_));
  }

 private:
  const std::shared_ptr<Keys> keys_;  ///< Still to be removed.
  Failures final_;
  std::optional<Error> last_;
  bool partly_done_ = false;
};

}  // namespace

RetryingStore::RetryingStore(ObjectStore& inner, Scheduler& scheduler, RetryPolicy policy,
                             uint64_t seed, std::shared_ptr<Log> log,
                             std::shared_ptr<StoreMetrics> metrics)
    : shared_(std::make_shared<RetryShared>(inner, scheduler, policy, seed, std::move(log),
                                            std::move(metrics))) {}

RetryingStore::~RetryingStore() { shared_->stop_and_wait(); }

StoreLoad RetryingStore::load() const {
  const double limit = shared_->throttle->limit();
  return {.throttle_limit = limit < Throttle::no_limit ? static_cast<uint64_t>(limit) : 0,
          .throttled_waiting = shared_->throttle->waiting()};
}

template <typename T>
void RetryingStore::write(CallSubject subject, typename SimpleCall<T>::Send send, Done<T> done) {
  std::make_shared<SimpleCall<T>>(shared_, std::move(subject), shared_->policy.write_limit,
                                  std::stop_token(), std::move(send), std::move(done))
      ->start();
}

template <typename T>
void RetryingStore::read(CallSubject subject, const std::stop_token& cancel,
                         typename SimpleCall<T>::Send send, Done<T> done) {
  std::make_shared<SimpleCall<T>>(shared_, std::move(subject), shared_->policy.read_limit, cancel,
                                  std::move(send), std::move(done))
      ->start();
}

void RetryingStore::get(GetRequest request, Done<ObjectInfo> done) {
  std::make_shared<ResumingGet>(shared_, std::move(request), std::move(done))->start();
}

void RetryingStore::head(HeadRequest request, Done<ObjectInfo> done) {
  const std::stop_token cancel = request.cancel;
  CallSubject subject{.operation = StoreRequest::head, .key = request.key};
  read<ObjectInfo>(
      std::move(subject), cancel,
      [request = std::move(request)](ObjectStore& store, std::stop_token token,
                                     Done<ObjectInfo> then) {
        HeadRequest copy = request;
        copy.cancel = std::move(token);
        store.head(std::move(copy), std::move(then));
      },
      std::move(done));
}

void RetryingStore::put(PutRequest request, Done<ObjectInfo> done) {
  std::make_shared<VerifiedPut>(shared_, std::move(request), std::move(done))->start();
}

void RetryingStore::list(ListRequest request, Done<ListPage> done) {
  const std::stop_token cancel = request.cancel;
  const bool limited = request.patience.count() > 0;
  const std::chrono::milliseconds limit =
      std::max(request.patience, shared_->policy.least_patience);
  // A server that refuses at once is soon believed; one that hangs gets the whole time.
  const std::chrono::milliseconds patience = limited ? limit / 3 : shared_->policy.read_limit;
  CallSubject subject{.operation = StoreRequest::list, .key = request.prefix};
  const auto call = std::make_shared<SimpleCall<ListPage>>(
      shared_, std::move(subject), patience, cancel,
      [request = std::move(request)](ObjectStore& store, std::stop_token token,
                                     Done<ListPage> then) {
        ListRequest copy = request;
        copy.cancel = std::move(token);
        store.list(std::move(copy), std::move(then));
      },
      std::move(done));
  if (limited) call->end_tries_after(limit);
  call->start();
}

void RetryingStore::remove(std::string key, Done<void> done) {
  CallSubject subject{.operation = StoreRequest::remove, .key = key};
  write<void>(
      std::move(subject),
      [key = std::move(key)](ObjectStore& store, const std::stop_token&, Done<void> then) {
        store.remove(key, std::move(then));
      },
      std::move(done));
}

void RetryingStore::remove_many(std::vector<std::string> keys,
                                Done<std::vector<DeleteFailure>> done) {
  const auto left = std::make_shared<std::vector<std::string>>(std::move(keys));
  std::make_shared<RemoveMany>(shared_, left, std::move(done))->start();
}

void RetryingStore::copy(CopyRequest request, Done<ObjectInfo> done) {
  std::make_shared<VerifiedCopy>(shared_, std::move(request), std::move(done))->start();
}

void RetryingStore::rename(RenameRequest request, Done<ObjectInfo> done) {
  std::make_shared<VerifiedRename>(shared_, std::move(request), std::move(done))->start();
}

void RetryingStore::restore(RestoreRequest request, Done<RestoreAnswer> done) {
  CallSubject subject{.operation = StoreRequest::restore, .key = request.key};
  write<RestoreAnswer>(
      std::move(subject),
      [request = std::move(request)](ObjectStore& store, const std::stop_token&,
                                     Done<RestoreAnswer> then) {
        store.restore(request, std::move(then));
      },
      std::move(done));
}

void RetryingStore::create_upload(CreateUpload request, Done<std::string> done) {
  std::make_shared<VerifiedCreate>(shared_, std::move(request), std::move(done))->start();
}

void RetryingStore::upload_part(UploadPart request, Done<CompletedPart> done) {
  CallSubject subject{
      .operation = StoreRequest::upload_part, .key = request.key, .body = request.body.size()};
  write<CompletedPart>(
      std::move(subject),
      [request = std::move(request)](ObjectStore& store, const std::stop_token&,
                                     Done<CompletedPart> then) {
        store.upload_part(request, std::move(then));
      },
      std::move(done));
}

void RetryingStore::upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) {
  CallSubject subject{.operation = StoreRequest::upload_part_copy, .key = request.key};
  write<CompletedPart>(
      std::move(subject),
      [request = std::move(request)](ObjectStore& store, const std::stop_token&,
                                     Done<CompletedPart> then) {
        store.upload_part_copy(request, std::move(then));
      },
      std::move(done));
}

void RetryingStore::complete_upload(CompleteUpload request, Done<ObjectInfo> done) {
  std::make_shared<VerifiedComplete>(shared_, std::move(request), std::move(done))->start();
}

void RetryingStore::abort_upload(std::string key, std::string upload_id, Done<void> done) {
  shared_->upload_marks.forget(upload_id);
  CallSubject subject{.operation = StoreRequest::abort_upload, .key = key};
  write<void>(
      std::move(subject),
      [key = std::move(key), upload_id = std::move(upload_id)](
          ObjectStore& store, const std::stop_token&, Done<void> then) {
        store.abort_upload(key, upload_id, std::move(then));
      },
      std::move(done));
}

void RetryingStore::list_parts(std::string key, std::string upload_id,
                               Done<std::vector<CompletedPart>> done) {
  CallSubject subject{.operation = StoreRequest::list_parts, .key = key};
  read<std::vector<CompletedPart>>(
      std::move(subject), {},
      [key = std::move(key), upload_id = std::move(upload_id)](
          ObjectStore& store, const std::stop_token&, Done<std::vector<CompletedPart>> then) {
        store.list_parts(key, upload_id, std::move(then));
      },
      std::move(done));
}

void RetryingStore::list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) {
  CallSubject subject{.operation = StoreRequest::list_uploads, .key = prefix};
  read<std::vector<UploadInfo>>(
      std::move(subject), {},
      [prefix = std::move(prefix)](ObjectStore& store, const std::stop_token&,
                                   Done<std::vector<UploadInfo>> then) {
        store.list_uploads(prefix, std::move(then));
      },
      std::move(done));
}

}  // namespace penstock
