// SPDX-License-Identifier: Apache-2.0
#include "store/range_checks.h"

#include <algorithm>
#include <stop_token>
#include <utility>

#include "store/s3/checksum.h"

namespace penstock {

bool CheckedVersion::begin(uint64_t length) {
  const MutexLock lock(mutex_);
  begun_ += length;
  if (state_ != State::unasked || begun_ < RangeChecks::worth_asking) return false;
  state_ = State::asking;
  return true;
}

bool CheckedVersion::hopeless() const {
  const MutexLock lock(mutex_);
  return state_ == State::hopeless;
}

std::optional<ChecksumKind> CheckedVersion::kind() const {
  const MutexLock lock(mutex_);
  return state_ == State::known ? std::optional(range_crc_kinds[kind_]) : std::nullopt;
}

void CheckedVersion::learn(const Result<ObjectSum>& sum, const ETag& etag) {
  std::vector<Waiting> waiting;
  std::vector<Verdict> verdicts;
  {
    const MutexLock lock(mutex_);
    const bool silent = !sum && (is_retryable(sum.code()) || sum.code() == Code::cancelled);
    state_ = silent ? State::unasked : State::hopeless;
    begun_ = 0;
    if (sum && sum->object.etag == etag && sum->kind && sum->parts == 0) {
      const auto kind = std::find(range_crc_kinds.begin(), range_crc_kinds.end(), *sum->kind);
      if (kind != range_crc_kinds.end()) {
        state_ = State::known;
        kind_ = static_cast<size_t>(kind - range_crc_kinds.begin());
        value_ = crc_of_bytes(sum->value);
      }
    }
    if (state_ == State::hopeless) chains_.clear();
    waiting = std::exchange(waiting_, {});
    for (const Waiting& one : waiting) verdicts.push_back(judge(one.whole));
  }
  for (size_t i = 0; i < waiting.size(); ++i) waiting[i].told(verdicts[i]);
}

CheckedVersion::Verdict CheckedVersion::judge(const RangeCrcs& whole) {
  if (state_ == State::asking) return Verdict::later;
  if (state_ != State::known) return Verdict::open;
  if (whole[kind_] == value_) return Verdict::right;
  // Which of them was wrong nobody knows.
  chains_.clear();
  return Verdict::wrong;
}

CheckedVersion::Finding CheckedVersion::add(ByteRange range, const RangeCrcs& crcs) {
  const MutexLock lock(mutex_);
  if (state_ == State::hopeless) return {};
  const std::optional<RangeCrcs> whole = chains_.add(range, crcs);
  if (!whole) return {};
  return {.verdict = judge(*whole), .whole = *whole};
}

void CheckedVersion::when_known(const RangeCrcs& whole, Callback<void(Verdict)> told) {
  Verdict verdict = Verdict::open;
  {
    const MutexLock lock(mutex_);
    verdict = judge(whole);
    if (verdict == Verdict::later) {
      waiting_.push_back({.whole = whole, .told = std::move(told)});
      return;
    }
  }
  told(verdict);
}

std::shared_ptr<CheckedVersion> RangeChecks::begin(const std::string& key, const ObjectInfo& object,
                                                   uint64_t length) {
  if (object.size <= smallest || object.etag.empty()) return nullptr;
  std::shared_ptr<CheckedVersion> version;
  {
    const MutexLock lock(mutex_);
    std::shared_ptr<CheckedVersion>& known = versions_.add(key + '\0' + object.etag, nullptr);
    if (known == nullptr) known = std::make_shared<CheckedVersion>(object.size);
    version = known;
  }
  if (version->begin(length)) ask(key, object.etag, version);
  return version->hopeless() ? nullptr : version;
}

void RangeChecks::ask(const std::string& key, const ETag& etag,
                      std::shared_ptr<CheckedVersion> version) {
  // The last bytes of a stream may wait for the answer: a store that hangs must not hold them.
  const auto stop = std::make_shared<std::stop_source>();
  scheduler_.post_after(patience, [weak = std::weak_ptr(stop)] {
    if (const auto asking = weak.lock()) asking->request_stop();
  });
  sums_.look({.key = key, .cancel = stop->get_token()},
             [stop, etag, version = std::move(version)](const Result<ObjectSum>& sum) {
               version->learn(sum, etag);
             });
}

}  // namespace penstock
