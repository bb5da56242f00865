// SPDX-License-Identifier: Apache-2.0
#include "app/metrics/exposition.h"

#include <prometheus/text_serializer.h>

#include <sstream>

namespace penstock {

std::vector<prometheus::MetricFamily> Exposition::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  families.reserve(metric_table().size());
  for (const MetricRow& row : metric_table()) {
    prometheus::MetricFamily& family = families.emplace_back();
    family.name = row.name;
    family.help = row.help;
    family.type = row.type;
    MetricSamples samples(family);
    row.read(source_, samples);
  }
  return families;
}

std::string Exposition::text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, Collect());
  return out.str();
}

}  // namespace penstock
