// SPDX-License-Identifier: Apache-2.0
#include "app/metrics/metric_reading.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <span>
#include <utility>

#include "base/quantile.h"

namespace penstock {
namespace {

/// Takes what is read off the front of a line.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  std::string_view until_any_of(std::string_view ends) {
    const size_t end = std::min(rest_.find_first_of(ends), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return word;
  }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// What stands between quotes, of which the first is taken already.
  std::optional<std::string> quoted() {
    std::string text;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return text;
      if (c == '\\') {
        if (rest_.empty()) break;
        c = rest_.front() == 'n' ? '\n' : rest_.front();
        rest_.remove_prefix(1);
      }
      text += c;
    }
    return std::nullopt;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

bool read_labels(LineReader& line, MetricSample& sample) {
  while (!line.take('}')) {
    const std::string name(line.until_any_of("="));
    if (!line.take('=') || !line.take('"')) return false;
    std::optional<std::string> value = line.quoted();
    if (!value) return false;
    sample.labels.emplace_back(name, *std::move(value));
    line.take(',');
  }
  return true;
}

std::optional<double> number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<MetricSample> read_sample(std::string_view text) {
  LineReader line(text);
  MetricSample sample;
  sample.name = line.until_any_of("{ ");
  if (line.take('{') && !read_labels(line, sample)) return std::nullopt;
  if (sample.name.empty() || !line.take(' ')) return std::nullopt;
  const std::optional<double> value = number(line.rest());
  if (!value) return std::nullopt;
  sample.value = *value;
  return sample;
}

bool is_counted(std::string_view name) {
  return name.ends_with("_total") || name.ends_with("_bucket") || name.ends_with("_sum") ||
         name.ends_with("_count");
}

bool has_labels(const MetricSample& sample, MetricReading::Labels labels) {
  return std::ranges::all_of(labels, [&](const auto& wanted) {
    return std::ranges::any_of(sample.labels, [&](const auto& label) {
      return label.first == wanted.first && label.second == wanted.second;
    });
  });
}

}  // namespace

std::optional<MetricReading> MetricReading::parse(std::string_view text) {
  MetricReading reading;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    std::optional<MetricSample> sample = read_sample(line);
    if (!sample) return std::nullopt;
    reading.samples_.push_back(*std::move(sample));
  }
  if (reading.samples_.empty()) return std::nullopt;
  return reading;
}

double MetricReading::sum(std::string_view name, Labels labels) const {
  double all = 0;
  for (const MetricSample& sample : samples_) {
    if (sample.name == name && has_labels(sample, labels)) all += sample.value;
  }
  return all;
}

MetricReading MetricReading::since(const MetricReading& earlier) const {
  using Key = std::pair<std::string_view, std::span<const std::pair<std::string, std::string>>>;
  const auto less = [](const Key& one, const Key& other) {
    if (one.first != other.first) return one.first < other.first;
    return std::ranges::lexicographical_compare(one.second, other.second);
  };
  std::map<Key, double, decltype(less)> before(less);
  for (const MetricSample& sample : earlier.samples_)
    before.emplace(Key(sample.name, sample.labels), sample.value);
  MetricReading passed;
  for (const MetricSample& sample : samples_) {
    if (!is_counted(sample.name)) continue;
    const auto found = before.find(Key(sample.name, sample.labels));
    MetricSample& grown = passed.samples_.emplace_back(sample);
    if (found != before.end()) grown.value = std::max(0.0, sample.value - found->second);
  }
  return passed;
}

bool MetricReading::has(std::string_view name) const {
  return std::ranges::any_of(samples_, [&](const auto& sample) { return sample.name == name; });
}

std::vector<std::string> MetricReading::values(std::string_view name,
                                               std::string_view label) const {
  std::vector<std::string> values;
  for (const MetricSample& sample : samples_) {
    if (sample.name != name) continue;
    for (const auto& [known, value] : sample.labels) {
      if (known == label && std::ranges::find(values, value) == values.end())
        values.push_back(value);
    }
  }
  return values;
}

std::optional<double> MetricReading::quantile(std::string_view name, double share,
                                              Labels labels) const {
  const std::string bucket = std::string(name) + "_bucket";
  std::map<double, double> up_to;  // by the upper bound
  for (const MetricSample& sample : samples_) {
    if (sample.name != bucket || !has_labels(sample, labels)) continue;
    for (const auto& [label, value] : sample.labels) {
      const std::optional<double> bound = label == "le" ? number(value) : std::nullopt;
      if (bound) up_to[*bound] += sample.value;
    }
  }
  const std::vector<std::pair<double, double>> counts(up_to.begin(), up_to.end());
  return penstock::quantile(counts, share);
}

}  // namespace penstock
