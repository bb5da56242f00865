// SPDX-License-Identifier: Apache-2.0
#include "frontend/directory_answer.h"

#include <map>

#include "support/catch.h"

namespace penstock {
namespace {

std::vector<DirectoryEntry> entries(uint64_t count) {
  std::vector<DirectoryEntry> result;
  for (uint64_t i = 0; i < count; ++i) {
    DirectoryEntry entry{.name = "name" + std::to_string(i), .next_cookie = i + 1};
    entry.attributes.inode = 100 + i;
    entry.referenced = i > 0;  // the first is as "." is
    result.push_back(entry);
  }
  return result;
}

TEST_CASE("what does not fit into the answer gives its references back") {
  OpenModes modes;
  std::map<InodeId, int> forgotten;
  const DirectoryAnswer answer(entries(10), 160 * 4, true, modes,
                               [&](InodeId inode) { ++forgotten[inode]; });
  CHECK(answer.bytes().size() == 160 * 4);
  CHECK(forgotten.size() == 6);
  CHECK_FALSE(forgotten.contains(103));
  for (InodeId inode = 104; inode < 110; ++inode) CHECK(forgotten[inode] == 1);
}

TEST_CASE("an answer that the kernel did not get gives all references back") {
  OpenModes modes;
  std::map<InodeId, int> forgotten;
  DirectoryAnswer answer(entries(10), 160 * 4, true, modes,
                         [&](InodeId inode) { ++forgotten[inode]; });
  answer.take_back();
  CHECK(forgotten.size() == 9);
  for (const auto& [inode, times] : forgotten) CHECK(times == 1);
  CHECK_FALSE(forgotten.contains(100));
}

}  // namespace
}  // namespace penstock
