// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "app/doctor/finding.h"
#include "app/doctor/probe_calls.h"
#include "app/doctor/probe_objects.h"
#include "penstock/object_store.h"

namespace penstock {

/// How fast requests were over some connections at once.
struct RateMeasured {
  std::string name;  ///< "GET, 8 connections".
  uint64_t bytes = 0;
  std::chrono::duration<double> time{0};
};

struct RateFacts {
  std::chrono::duration<double> latency{0};  ///< The median of a few HEADs; 0: none.
  std::vector<RateMeasured> rates;
  std::string problem;  ///< Why there is no more; empty: nothing is missing.
};

/// What is measured with: one object that can be read, and where new ones go.
struct RateSubject {
  ObjectStore& store;
  ObjectInfo readable;       ///< Without a key: there is none.
  ProbeObjects* objects;     ///< Null: nothing is written.
  uint32_t connections = 8;  ///< Of the measurements of several at once.
};

/// Transfers some 72 MiB, less where the link is slow: each of four measurements takes about a
/// second.
RateFacts measure_rates(const RateSubject& subject, ProbeCalls& calls);
Findings judge(const RateFacts& facts);

}  // namespace penstock
