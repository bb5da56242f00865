// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/metrics.h"

namespace penstock {

/// The kinds of requests that an ObjectStore takes, and that of LifecycleRules.
enum class StoreRequest : uint8_t {
  get,
  head,
  list,
  put,
  copy,
  rename,
  restore,
  remove,
  remove_many,
  create_upload,
  upload_part,
  upload_part_copy,
  complete_upload,
  abort_upload,
  list_parts,
  list_uploads,
  lifecycle,  ///< Of the bucket itself: its rules are read or written.
};
constexpr size_t store_request_kinds = static_cast<size_t>(StoreRequest::lifecycle) + 1;

/// For messages and metrics: as the enumerator is written.
const char* name_of(StoreRequest kind);

/// What became of the requests of one kind; each try counts.
struct RequestMetrics {
  Count begun;
  Count ended;
  Count failed;     ///< Of those that ended; not by "no such object" and the like.
  Count throttled;  ///< Of those that failed: the store asked to slow down.
  Count corrupt;    ///< Of those that failed: with other bytes than their checksum's, or absurd.
  Count retried;    ///< Tries after the first one.
  Count hedged;     ///< Of those begun: beside one whose answer was slow to begin.
  Count bytes;      ///< Of bodies: received by get, sent by put and upload_part that succeeded.
  LatencyHistogram first_byte;  ///< get only: until the store says which version it has.
  LatencyHistogram whole;       ///< Until the request was answered as a whole, or had failed.
};

/// Of one store since it was opened. Thread-safe.
class StoreMetrics {
 public:
  RequestMetrics& of(StoreRequest kind) noexcept { return kinds_[static_cast<size_t>(kind)]; }
  const RequestMetrics& of(StoreRequest kind) const noexcept {
    return kinds_[static_cast<size_t>(kind)];
  }

 private:
  std::array<RequestMetrics, store_request_kinds> kinds_;
};

/// How busy the way to a store is at one moment.
struct StoreLoad {
  uint64_t throttle_limit = 0;      ///< Requests at a time that it takes for now; 0: any number.
  uint64_t throttled_waiting = 0;   ///< Requests that wait until it takes more.
  uint64_t connection_waiting = 0;  ///< Requests that wait for a connection.
  uint64_t connections = 0;         ///< That are open.
  uint64_t connections_opened = 0;  ///< Since the store was opened.
};

}  // namespace penstock
