// SPDX-License-Identifier: Apache-2.0
#include "bench/report.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <random>
#include <stdexcept>

namespace penstock::bench {
namespace {

double cpu_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Arguments::Arguments(int argc, char** argv, int first) {
  for (int i = first; i < argc; i += 2) {
    const std::string name = argv[i];
    if (!name.starts_with("--") || i + 1 >= argc)
      throw std::invalid_argument("not an option with a value: " + name);
    values_[name.substr(2)] = argv[i + 1];
  }
}

std::string Arguments::text(const std::string& name, const std::string& otherwise) const {
  used_[name] = true;
  const auto found = values_.find(name);
  return found == values_.end() ? otherwise : found->second;
}

uint64_t Arguments::number(const std::string& name, uint64_t otherwise) const {
  std::string digits = text(name);
  if (digits.empty()) return otherwise;
  unsigned shift = 0;
  if (digits.back() == 'K') shift = 10;
  if (digits.back() == 'M') shift = 20;
  if (digits.back() == 'G') shift = 30;
  if (shift > 0) digits.pop_back();
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw std::invalid_argument("not a number: --" + name);
  }
  return value << shift;
}

void Arguments::expect_all_used() const {
  for (const auto& [name, value] : values_) {
    if (!used_.contains(name)) throw std::invalid_argument("unknown option --" + name);
  }
}

Report::Report() : begin_(std::chrono::steady_clock::now()), cpu_begin_(cpu_seconds()) {}

void Report::finish(uint64_t bytes, uint64_t operations) {
  const double seconds = seconds_since(begin_);
  const double cpu = cpu_seconds() - cpu_begin_;
  add("seconds", seconds);
  add("cpu_seconds", cpu);
  add("bytes", static_cast<double>(bytes));
  add("operations", static_cast<double>(operations));
  add("mb_per_s", static_cast<double>(bytes) / seconds / 1e6);
  add("operations_per_s", static_cast<double>(operations) / seconds);
  if (bytes > 0)
    add("cpu_s_per_gib", cpu * static_cast<double>(1 << 30) / static_cast<double>(bytes));
}

void Report::add_latencies(std::vector<double> seconds) {
  if (seconds.empty()) return;
  std::sort(seconds.begin(), seconds.end());
  const auto quantile = [&](double share) {
    const auto index = static_cast<size_t>(share * static_cast<double>(seconds.size() - 1));
    return seconds[index] * 1e3;
  };
  add("p50_ms", quantile(0.50));
  add("p99_ms", quantile(0.99));
  add("max_ms", quantile(1.0));
}

void Report::print() const {
  std::printf("{");
  for (size_t i = 0; i < values_.size(); ++i) {
    std::printf("%s\"%s\": %.6f", i == 0 ? "" : ", ", values_[i].first.c_str(), values_[i].second);
  }
  std::printf("}\n");
}

std::vector<uint64_t> file_sizes(uint64_t count, uint64_t least, uint64_t most) {
  // Not a distribution of the library: those may differ between versions.
  std::mt19937_64 random(4);
  std::vector<uint64_t> sizes(count);
  for (uint64_t& size : sizes) size = least + random() % (std::max(least, most) - least + 1);
  return sizes;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace penstock::bench
