// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/pending_metadata.h"

#include "base/writer_mark.h"

namespace penstock {
namespace {

const std::string doom = "penstock-deleting";

}  // namespace

void mark_doomed(Metadata& metadata) { metadata.insert_or_assign(doom, std::string(1, '1')); }

bool doomed(JournalState& state) { return state.metadata.erase(doom) != 0; }

std::string mark_of(const Metadata& metadata) {
  const auto found = metadata.find(std::string(writer_mark));
  return found == metadata.end() ? new_mark() : found->second;
}

}  // namespace penstock
