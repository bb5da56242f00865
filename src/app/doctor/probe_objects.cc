// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/probe_objects.h"

#include <fmt/format.h>

#include <random>

namespace penstock {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds settle_limit = 5s;
constexpr std::chrono::milliseconds removal_limit = 5s;

std::string random_base(const std::string& prefix) {
  std::random_device random;
  return fmt::format("{}.penstock/trials/doctor-{:08x}{:08x}-", prefix, random(), random());
}

}  // namespace

ProbeObjects::ProbeObjects(ObjectStore& store, const std::string& prefix)
    : store_(store), base_(random_base(prefix)) {}

std::string ProbeObjects::key(const std::string& name) {
  std::string key = base_ + name;
  keys_.insert(key);
  return key;
}

void ProbeObjects::begun(const std::string& key, const std::string& upload_id) {
  uploads_.emplace(upload_id, key);
}

void ProbeObjects::failed(const std::string& key, const Error& error) {
  const bool answered = error.detail().http_status != 0 && !is_retryable(error.code());
  if (answered) keys_.erase(key);
}

std::vector<std::string> ProbeObjects::remove_all(ProbeCalls& calls) {
  if (keys_.empty() && uploads_.empty()) return {};
  // A PUT that is still on its way would come after its removal.
  const bool settled = calls.settle(settle_limit);
  ProbeCalls last(removal_limit, {});
  std::vector<std::string> left;
  for (const auto& upload : uploads_) {
    const std::string& id = upload.first;
    const std::string& key = upload.second;
    const Result<void> aborted =
        last.wait<void>([&](Done<void> done) { store_.abort_upload(key, id, std::move(done)); });
    if (!aborted) left.push_back(fmt::format("an unfinished upload of {}", key));
  }
  for (const std::string& key : keys_) {
    const Result<void> removed =
        last.wait<void>([&](Done<void> done) { store_.remove(key, std::move(done)); });
    if (!settled || !removed) left.push_back(key);
  }
  keys_.clear();
  uploads_.clear();
  return left;
}

}  // namespace penstock
