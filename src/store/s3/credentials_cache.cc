// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_cache.h"

#include <algorithm>
#include <utility>

namespace penstock {

/// One fetch. Ends as cancelled where the scheduler drops it unrun, so that nobody waits for ever.
class CredentialsCache::Run {
 public:
  explicit Run(CredentialsCache& cache) : cache_(&cache) {}
  Run(Run&& other) noexcept : cache_(std::exchange(other.cache_, nullptr)) {}
  Run& operator=(Run&&) = delete;
  ~Run() {
    if (cache_ != nullptr) cache_->fetched(Error(Code::cancelled, "the store is being closed"), "");
  }

  void operator()() {
    CredentialsCache& cache = *std::exchange(cache_, nullptr);
    // Before the files are read: what changes from here on is seen as a change.
    std::string files = cache.source_.files ? cache.source_.files() : "";
    cache.source_.fetch(cache.stop_.get_token(),
                        [&cache, files = std::move(files)](const Result<Credentials>& result) {
                          cache.fetched(result, files);
                        });
  }

 private:
  CredentialsCache* cache_;
};

CredentialsCache::CredentialsCache(Source source, Scheduler& scheduler, std::shared_ptr<Log> log)
    : source_(std::move(source)), scheduler_(scheduler), log_(std::move(log)) {}

CredentialsCache::~CredentialsCache() {
  stop_.request_stop();
  const MutexLock lock(mutex_);
  while (fetching_) idle_.wait(mutex_);
}

bool CredentialsCache::is_good(Clock::time_point now) const {
  return current_ && now < current_->expires;
}

bool CredentialsCache::needs_refresh(Clock::time_point now) const {
  return !is_good(now) || files_changed_ || now >= refresh_at_;
}

void CredentialsCache::look_at_files(Scheduler::Time now) {
  {
    const MutexLock lock(mutex_);
    if (!source_.files || !current_ || files_changed_ || now < looked_at_ + look_every) return;
    looked_at_ = now;
  }
  const std::string files = source_.files();
  const MutexLock lock(mutex_);
  files_changed_ = files != files_;
}

void CredentialsCache::get(Done<Credentials> done) {
  look_at_files(scheduler_.now());
  std::optional<Credentials> kept;
  Done<Credentials> at_once;
  bool begin = false;
  const Clock::time_point now = source_.clock();
  {
    const MutexLock lock(mutex_);
    begin = !fetching_ && needs_refresh(now) && !stop_.stop_requested();
    // Changed files are waited for: the keys in them may have replaced those that we have.
    if (is_good(now) && !files_changed_) {
      kept = current_;
      at_once = std::move(done);
    } else {
      waiting_.push_back(std::move(done));
    }
    if (begin) fetching_ = true;
  }
  if (begin) begin_fetch();
  if (at_once) at_once(*std::move(kept));
}

void CredentialsCache::invalidate(const Credentials& refused) {
  const MutexLock lock(mutex_);
  const bool same = current_ && current_->access_key == refused.access_key &&
                    current_->secret_key == refused.secret_key &&
                    current_->session_token == refused.session_token;
  if (same) current_.reset();
}

void CredentialsCache::begin_fetch() { scheduler_.post(Run(*this)); }

void CredentialsCache::fetched(const Result<Credentials>& result, std::string files) {
  bool kept_old = false;
  std::optional<Credentials> answer;
  const Clock::time_point now = source_.clock();
  const Scheduler::Time looked_at = scheduler_.now();
  {
    const MutexLock lock(mutex_);
    files_changed_ = false;
    files_ = std::move(files);
    looked_at_ = looked_at;
    if (result.has_value()) {
      current_ = *result;
      const auto life = current_->expires - now;
      refresh_at_ = current_->expires == Clock::time_point::max()
                        ? Clock::time_point::max()
                        : current_->expires - std::min<Clock::duration>(refresh_before, life / 4);
    } else if (is_good(now)) {
      kept_old = true;
      refresh_at_ = now + retry_after;
    }
    if (is_good(now)) answer = current_;
  }
  if (kept_old)
    log_->warning("cannot refresh the credentials, going on with the old ones: {}",
                  result.error().describe());
  while (true) {
    std::vector<Done<Credentials>> waiting;
    {
      const MutexLock lock(mutex_);
      waiting.swap(waiting_);
      if (waiting.empty()) {
        fetching_ = false;
        idle_.notify_all();
        return;
      }
    }
    for (auto& done : waiting) {
      if (answer) {
        done(*answer);
      } else if (result.has_value()) {
        done(Error(Code::access_denied, "the credentials that were found have expired"));
      } else {
        done(result.error());
      }
    }
  }
}

}  // namespace penstock
