// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/rate_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "app/doctor/probe_sink.h"
#include "app/human_text.h"

namespace penstock {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;

constexpr int latency_tries = 5;
constexpr uint64_t first_size = 256ULL << 10;
/// Of one request; eight of half of it at once.
constexpr uint64_t largest_size = 8ULL << 20;
/// A request of this long says enough; a larger one would take too long on this link.
constexpr duration<double> long_enough{0.5};

Body body_of(uint64_t size) {
  const auto owner = std::make_shared<std::vector<std::byte>>(size, std::byte{0x5a});
  return {.pieces = {std::span<const std::byte>(*owner)}, .owner = owner};
}

/// Several calls at once, of which the first failure counts.
class Together {
 public:
  Together(uint32_t calls, Done<void> done) : left_(calls), done_(std::move(done)) {}
  static Done<ObjectInfo> one_of(const std::shared_ptr<Together>& all) {
    return [all](const Result<ObjectInfo>& result) { all->ended(result); };
  }

 private:
  void ended(const Result<ObjectInfo>& result) {
    if (!result) {
      const MutexLock lock(mutex_);
      if (!failure_) failure_ = result.error();
    }
    if (left_.fetch_sub(1) != 1) return;
    std::optional<Error> failure;
    {
      const MutexLock lock(mutex_);
      failure = failure_;
    }
    if (failure) return done_(*failure);
    done_({});
  }

  std::atomic<uint32_t> left_;
  Done<void> done_;
  Mutex mutex_;
  std::optional<Error> failure_ GUARDED_BY(mutex_);
};

class Measurement {
 public:
  Measurement(const RateSubject& subject, ProbeCalls& calls) : subject_(subject), calls_(calls) {}

  RateFacts run() {
    const bool done = (subject_.objects == nullptr || write()) && read() && latency();
    if (!done && facts_.problem.empty()) facts_.problem = "the store failed";
    return std::move(facts_);
  }

 private:
  using Starter = std::function<void(uint32_t number, Done<ObjectInfo> done)>;

  /// `count` calls at once, of `size` bytes each. Nothing where one failed.
  std::optional<duration<double>> time_of(uint32_t count, const Starter& start) {
    const Clock::time_point begin = Clock::now();
    const Result<void> ended = calls_.wait<void>([&](Done<void> done) {
      const auto all = std::make_shared<Together>(count, std::move(done));
      for (uint32_t i = 0; i < count; ++i) start(i, Together::one_of(all));
    });
    if (ended) return Clock::now() - begin;
    facts_.problem = ended.error().message();
    return std::nullopt;
  }
  void add(const char* verb, uint32_t count, uint64_t size, duration<double> time) {
    facts_.rates.push_back({.name = fmt::format("{}, {}", verb, counted(count, "connection")),
                            .bytes = size * count,
                            .time = time});
  }

  /// One call, larger and larger until it takes long enough; then several.
  bool measure(const char* verb, uint64_t most, const std::function<Starter(uint64_t)>& starter) {
    uint64_t size = std::min(first_size, most);
    std::optional<duration<double>> time;
    while (true) {
      time = time_of(1, starter(size));
      if (!time) return false;
      if (*time >= long_enough || size == most) break;
      size = std::min(size * 4, most);
    }
    add(verb, 1, size, *time);
    const uint64_t each = std::max(size / 2, uint64_t{1});
    time = time_of(subject_.connections, starter(each));
    if (!time) return false;
    add(verb, subject_.connections, each, *time);
    return true;
  }

  bool write() {
    return measure("PUT", largest_size, [this](uint64_t size) -> Starter {
      return [this, body = body_of(size)](uint32_t number, Done<ObjectInfo> done) {
        const std::string key = subject_.objects->key(fmt::format("rate-{}", number));
        if (number == 0) written_ = key;
        subject_.store.put({.key = key, .body = body, .metadata = {}, .condition = {}},
                           std::move(done));
      };
    });
  }

  bool read() {
    const std::string key = written_.empty() ? subject_.readable.key : written_;
    const uint64_t size = written_.empty() ? subject_.readable.size
                                           : facts_.rates.back().bytes / subject_.connections;
    if (key.empty() || size == 0) {
      facts_.problem = "there is no object to read";
      return false;
    }
    return measure("GET", std::min(size, largest_size), [this, key](uint64_t length) -> Starter {
      return [this, key, length](uint32_t /*number*/, Done<ObjectInfo> done) {
        subject_.store.get({.key = key,
                            .range = ByteRange{.offset = 0, .length = length},
                            .if_match = {},
                            .sink = std::make_shared<ProbeSink>(),
                            .cancel = calls_.stop(),
                            .awaited = {}},
                           std::move(done));
      };
    });
  }

  bool latency() {
    const std::string key = written_.empty() ? subject_.readable.key : written_;
    std::vector<duration<double>> times;
    for (int i = 0; i < latency_tries; ++i) {
      const auto time = time_of(1, [&](uint32_t, Done<ObjectInfo> done) {
        subject_.store.head({.key = key, .cancel = calls_.stop()}, std::move(done));
      });
      if (!time) return false;
      times.push_back(*time);
    }
    std::ranges::sort(times);
    facts_.latency = times[times.size() / 2];
    return true;
  }

  const RateSubject& subject_;
  ProbeCalls& calls_;
  RateFacts facts_;
  std::string written_;  ///< The first of the last PUTs.
};

}  // namespace

RateFacts measure_rates(const RateSubject& subject, ProbeCalls& calls) {
  return Measurement(subject, calls).run();
}

Findings judge(const RateFacts& facts) {
  Findings findings;
  for (const RateMeasured& rate : facts.rates) {
    const double per_second = static_cast<double>(rate.bytes) / std::max(rate.time.count(), 1e-9);
    findings.push_back(Finding::ok(
        rate.name, fmt::format("{}/s ({} in {})", human_size(static_cast<uint64_t>(per_second)),
                               human_size(rate.bytes), human_latency(rate.time))));
  }
  if (facts.latency.count() > 0) {
    findings.push_back(Finding::ok(
        "latency",
        fmt::format("{} for a HEAD (median of {})", human_latency(facts.latency), latency_tries)));
  }
  if (!facts.problem.empty()) {
    findings.push_back(Finding::note("rates", "not all were measured: " + facts.problem,
                                     "put that right and ask again; --no-rates leaves them out"));
  }
  return findings;
}

}  // namespace penstock
