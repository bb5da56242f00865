// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_removal.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "store/s3/s3_requests.h"
#include "store/s3/s3_responses.h"
#include "store/s3/xml.h"

namespace penstock {
namespace {

/// Single removals of one call that are under way at a time: others wait for connections, too.
constexpr size_t singles_at_once = 32;

/// One batch beside single removals, a few at a time; done when all have ended.
///
///   batch ──answer──────────────────────────> done
///     └──the server does not know it──> singles
class Removal : public std::enable_shared_from_this<Removal> {
 public:
  Removal(S3Session& session, Done<std::vector<DeleteFailure>> done)
      : session_(session), pass_(session.pass()), done_(std::move(done)) {}

  void start(std::vector<std::string> keys) {
    const auto odd = session_.traits().no_batch_removal
                         ? keys.begin()
                         : std::stable_partition(keys.begin(), keys.end(), xml_can_carry);
    batch_.assign(std::make_move_iterator(keys.begin()), std::make_move_iterator(odd));
    keys.erase(keys.begin(), odd);
    {
      const MutexLock lock(mutex_);
      singles_ = std::move(keys);
      batch_open_ = !batch_.empty();
    }
    if (!batch_.empty()) {
      session_.send(remove_many_request(batch_),
                    [self = shared_from_this()](Result<HttpResponse> response) {
                      self->take_batch(std::move(response));
                    });
    }
    pump();
  }

 private:
  void take_batch(Result<HttpResponse> response) {
    Result<std::vector<DeleteFailure>> failures =
        response ? parse_delete_result(*response)
                 : Result<std::vector<DeleteFailure>>(response.error());
    const bool unknown = !failures && does_not_know_it(failures.error());
    {
      const MutexLock lock(mutex_);
      batch_open_ = false;
      if (failures) {
        std::move(failures->begin(), failures->end(), std::back_inserter(failures_));
      } else if (unknown) {
        std::move(batch_.begin(), batch_.end(), std::back_inserter(singles_));
      } else {
        batch_error_ = failures.error();
      }
    }
    pump();
  }

  /// Google says NotImplemented, and said InvalidArgument ("Cannot create buckets using a POST").
  /// What may have had another reason is not remembered.
  bool does_not_know_it(const Error& refusal) {
    if (refusal.code() == Code::invalid_argument) return true;
    if (refusal.code() != Code::not_supported) return false;
    if (!session_.traits().no_batch_removal.exchange(true))
      session_.log().info("the server has no DeleteObjects: objects are removed one by one");
    return true;
  }

  void pump() {
    std::vector<std::string> begin;
    bool finished = false;
    {
      const MutexLock lock(mutex_);
      while (!singles_.empty() && in_flight_ < singles_at_once) {
        begin.push_back(std::move(singles_.back()));
        singles_.pop_back();
        ++in_flight_;
      }
      if (!batch_open_ && in_flight_ == 0) finished = !std::exchange(ended_, true);
    }
    for (std::string& key : begin) remove(std::move(key));
    if (finished) finish();
  }

  void remove(std::string key) {
    S3Request request{.method = HttpMethod::remove, .key = key};
    session_.send(std::move(request), [self = shared_from_this(),
                                       key = std::move(key)](const Result<HttpResponse>& response) {
      const bool gone = response || response.code() == Code::not_found;
      {
        const MutexLock lock(self->mutex_);
        --self->in_flight_;
        if (!gone) self->failures_.push_back({key, response.error()});
      }
      self->pump();
    });
  }

  void finish() {
    std::optional<Error> error;
    std::vector<DeleteFailure> failures;
    {
      const MutexLock lock(mutex_);
      error = std::move(batch_error_);
      failures = std::move(failures_);
    }
    if (error) return done_(*std::move(error));
    done_(std::move(failures));
  }

  S3Session& session_;
  const Gate::Pass pass_;
  Done<std::vector<DeleteFailure>> done_;
  std::vector<std::string> batch_;  ///< Of start, then of the batch's answer.

  Mutex mutex_;
  bool batch_open_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  size_t in_flight_ GUARDED_BY(mutex_) = 0;
  std::vector<std::string> singles_ GUARDED_BY(mutex_);  ///< That are still to be removed.
  std::optional<Error> batch_error_ GUARDED_BY(mutex_);
  std::vector<DeleteFailure> failures_ GUARDED_BY(mutex_);
};

}  // namespace

void remove_keys(S3Session& session, std::vector<std::string> keys,
                 Done<std::vector<DeleteFailure>> done) {
  std::make_shared<Removal>(session, std::move(done))->start(std::move(keys));
}

}  // namespace penstock
