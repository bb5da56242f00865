// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace penstock::bench {

/// "--name value" pairs of a command line. Throws std::invalid_argument on anything else.
class Arguments {
 public:
  Arguments(int argc, char** argv, int first);

  std::string text(const std::string& name, const std::string& otherwise = {}) const;
  /// A number, with K, M or G for powers of 1,024.
  uint64_t number(const std::string& name, uint64_t otherwise) const;
  /// Throws if an option was given that no one has asked for.
  void expect_all_used() const;

 private:
  std::map<std::string, std::string> values_;
  mutable std::map<std::string, bool> used_;
};

/// What a run measured, printed as one line of JSON.
class Report {
 public:
  Report();
  void add(const std::string& name, double value) { values_.emplace_back(name, value); }
  /// Elapsed and CPU time since construction, with rates for `bytes` and `operations`.
  void finish(uint64_t bytes, uint64_t operations);
  /// p50, p99 and largest of `seconds`, in milliseconds.
  void add_latencies(std::vector<double> seconds);
  void print() const;

 private:
  std::chrono::steady_clock::time_point begin_;
  double cpu_begin_;
  std::vector<std::pair<std::string, double>> values_;
};

/// Sizes of `count` files, even between `least` and `most`; the same ones every time.
std::vector<uint64_t> file_sizes(uint64_t count, uint64_t least, uint64_t most);

double seconds_since(std::chrono::steady_clock::time_point begin);

}  // namespace penstock::bench
