// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_renames.h"

#include <fmt/core.h>

#include <utility>

#include "store/s3/s3_operations.h"
#include "store/s3/s3_removal.h"
#include "store/s3/s3_requests.h"
#include "store/s3/s3_responses.h"

namespace penstock {
namespace {

Error not_renamed(const std::string& key, const std::string& why) {
  return Error(Code::not_supported, Error::Detail{.message = why, .key = key});
}

}  // namespace

/// put an object ─> rename it ─> look at what has the other key ─> remove both
class S3Renames::Trial : public std::enable_shared_from_this<Trial> {
 public:
  explicit Trial(S3Renames& owner)
      : owner_(owner),
        session_(owner.session_),
        pass_(session_.pass()),
        rename_{.source = owner.trial_prefix_ + "-from", .target = owner.trial_prefix_ + "-to"} {}

  void start() {
    auto put = put_request({.key = rename_.source, .body = Body::of("?")});
    if (!put) return failed(put.error());
    session_.send(std::move(*put), [self = shared_from_this()](const Result<HttpResponse>& answer) {
      if (!answer) return self->failed(answer.error());
      self->rename_.source_if_match = unquote_etag(answer->headers.find("etag"));
      self->rename();
    });
  }

 private:
  void rename() {
    session_.send(rename_request(rename_),
                  [self = shared_from_this()](const Result<HttpResponse>& answer) {
                    if (!answer) return self->failed(answer.error());
                    self->look();
                  });
  }

  void look() {
    head_object(session_, {.key = rename_.target},
                [self = shared_from_this()](const Result<ObjectInfo>& found) {
                  if (!found && found.code() != Code::not_found) return self->failed(found.error());
                  if (!found || found->size == 0)
                    return self->end(State::refused, "the server does not know RenameObject");
                  if (found->etag != self->rename_.source_if_match)
                    return self->end(State::refused, "a renamed object gets another ETag");
                  self->end(State::works, {});
                });
  }

  void failed(const Error& error) {
    end(is_retryable(error.code()) ? State::unknown : State::refused, error.describe());
  }

  void end(State outcome, const std::string& why) {
    remove_keys(
        session_, {rename_.source, rename_.target},
        [self = shared_from_this(), outcome, why](const Result<std::vector<DeleteFailure>>&) {
          // What stays is removed with what dead mounts have left.
          self->owner_.tried(outcome, why);
        });
  }

  S3Renames& owner_;
  S3Session& session_;
  const Gate::Pass pass_;
  RenameRequest rename_;
};

S3Renames::S3Renames(S3Session& session, std::string trial_prefix, std::shared_ptr<Log> log)
    : session_(session),
      trial_prefix_(std::move(trial_prefix)),
      log_(std::move(log)),
      possible_(!trial_prefix_.empty()),
      state_(trial_prefix_.empty() ? State::refused : State::unknown) {}

void S3Renames::rename(RenameRequest request, Done<ObjectInfo> done) {
  // S3 renames no key that ends so.
  if (!possible_ || request.source.ends_with('/') || request.target.ends_with('/'))
    return done(not_renamed(request.source, "the store does not rename it"));
  bool begins = false;
  {
    MutexLock lock(mutex_);
    if (state_ == State::works || state_ == State::refused) {
      const bool works = state_ == State::works;
      lock.unlock();
      if (works) return send(std::move(request), std::move(done));
      return done(not_renamed(request.source, "the store does not rename it"));
    }
    begins = std::exchange(state_, State::trying) != State::trying;
    waiters_.push_back({std::move(request), std::move(done)});
  }
  if (begins) std::make_shared<Trial>(*this)->start();
}

void S3Renames::tried(State outcome, const std::string& why) {
  std::vector<Waiter> waiters;
  {
    const MutexLock lock(mutex_);
    state_ = outcome;
    waiters.swap(waiters_);
  }
  if (outcome == State::refused) refuse(why);
  if (outcome == State::unknown) log_->debug("whether the server renames is not known: {}", why);
  for (Waiter& waiter : waiters) {
    if (outcome == State::works) {
      send(std::move(waiter.request), std::move(waiter.done));
    } else {
      waiter.done(not_renamed(waiter.request.source, why));
    }
  }
}

void S3Renames::refuse(const std::string& why) {
  if (!possible_.exchange(false)) return;
  log_->info("renames copy and delete: {}", why);
}

void S3Renames::send(RenameRequest request, Done<ObjectInfo> done) {
  S3Request s3 = rename_request(request);
  session_.send(std::move(s3),
                [this, pass = session_.pass(), request = std::move(request),
                 done = std::move(done)](const Result<HttpResponse>& answer) mutable {
                  if (answer)
                    return done(ObjectInfo{.key = request.target, .etag = request.source_if_match});
                  const Error& error = answer.error();
                  switch (error.code()) {
                    case Code::not_supported:
                      refuse(error.describe());
                      return done(error);
                    case Code::invalid_argument:
                    case Code::access_denied:
                    case Code::too_large:
                      // This object's own matter: whether it can be copied shows when that is
                      // tried.
                      return done(error.with_code(Code::not_supported));
                    case Code::changed:
                    case Code::already_exists:
                    case Code::not_found:
                      return explain(request, error, std::move(done));
                    default:
                      return done(error);
                  }
                });
}

void S3Renames::explain(const RenameRequest& request, const Error& refusal, Done<ObjectInfo> done) {
  const Precondition& condition = request.condition;
  const bool gone = refusal.code() == Code::not_found;
  const Code of_source = gone ? Code::not_found : Code::changed;
  // S3 says the same where an object to be replaced is not there.
  const bool doubtful = !condition.if_match.empty() || (condition.if_none_match && !gone);
  if (!doubtful) return done(refusal.with_code(of_source));
  check_condition(session_, request.target, condition,
                  [refusal, of_source, done = std::move(done)](const Result<void>& holds) mutable {
                    done(holds ? refusal.with_code(of_source) : holds.error());
                  });
}

}  // namespace penstock
