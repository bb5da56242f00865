// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/scheduler.h"
#include "store/s3/credentials.h"

namespace penstock {

/// Keeps credentials while they are good and fetches new ones in time, one fetch for all who wait.
///
/// They are fetched anew when they were refused, when the files that they may come from have
/// changed (looked at once a second at most), and before they expire: 5 minutes, or a quarter of
/// their life if that is less. Until they do expire, the old ones are given meanwhile (but for
/// files that have changed, whose fetch is waited for), and still when the fetch fails, which is
/// then tried again after 10 s. Thread-safe.
class CredentialsCache final : public CredentialsProvider {
 public:
  using Clock = std::chrono::system_clock;
  struct Source {
    /// Gets the credentials; called on the scheduler's thread, never while it is at work. Should
    /// end early when stopped.
    std::function<void(std::stop_token, Done<Credentials>)> fetch;
    /// Differs when the files have changed. May block on the disk; called on threads that ask for
    /// credentials.
    std::function<std::string()> files;
    std::function<Clock::time_point()> clock = [] { return Clock::now(); };
  };

  static constexpr std::chrono::minutes refresh_before{5};
  static constexpr std::chrono::seconds look_every{1};
  static constexpr std::chrono::seconds retry_after{
      10};  ///< After a refresh that failed while the old ones still do.

  /// `scheduler` must outlive it.
  CredentialsCache(Source source, Scheduler& scheduler, std::shared_ptr<Log> log);
  /// Stops a fetch at work and waits for its end; who waits gets cancelled.
  ~CredentialsCache() override;

  void get(Done<Credentials> done) override EXCLUDES(mutex_);
  void invalidate(const Credentials& refused) override EXCLUDES(mutex_);

 private:
  class Run;

  bool is_good(Clock::time_point now) const REQUIRES(mutex_);
  bool needs_refresh(Clock::time_point now) const REQUIRES(mutex_);
  void look_at_files(Scheduler::Time now) EXCLUDES(mutex_);
  void begin_fetch() EXCLUDES(mutex_);
  void fetched(const Result<Credentials>& result, std::string files) EXCLUDES(mutex_);

  const Source source_;
  Scheduler& scheduler_;
  const std::shared_ptr<Log> log_;
  std::stop_source stop_;

  Mutex mutex_;
  CondVar idle_;
  bool fetching_ GUARDED_BY(mutex_) = false;
  std::optional<Credentials> current_ GUARDED_BY(mutex_);
  Clock::time_point refresh_at_ GUARDED_BY(mutex_) = Clock::time_point::max();
  std::string files_ GUARDED_BY(mutex_);  ///< As they were before the last fetch.
  bool files_changed_ GUARDED_BY(mutex_) = false;
  Scheduler::Time looked_at_ GUARDED_BY(mutex_);
  std::vector<Done<Credentials>> waiting_ GUARDED_BY(mutex_);
};

}  // namespace penstock
