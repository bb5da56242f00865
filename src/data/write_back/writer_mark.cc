// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/writer_mark.h"

#include <fmt/core.h>

#include <random>

namespace penstock {
namespace {

const std::string doom = "penstock-deleting";

}  // namespace

void mark_doomed(Metadata& metadata) { metadata.insert_or_assign(doom, std::string(1, '1')); }

bool doomed(JournalState& state) { return state.metadata.erase(doom) != 0; }

std::string new_mark() {
  std::random_device random;
  std::string mark;
  for (int i = 0; i < 4; ++i) mark += fmt::format("{:08x}", random() & 0xffffffffU);
  return mark;
}

std::string mark_of(const Metadata& metadata) {
  const auto found = metadata.find(std::string(writer_mark));
  return found == metadata.end() ? new_mark() : found->second;
}

}  // namespace penstock
