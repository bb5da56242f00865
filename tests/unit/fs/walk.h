// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unit/fs/world.h"

namespace penstock::test {

/// One opendir and its readdirs.
class Walk {
 public:
  Walk(World& world, InodeId directory, bool plus = false)
      : world_(world),
        plus_(plus),
        handle_(world
                    .run<HandleId>([&](Done<HandleId> done) {
                      world.file_system->open_directory(directory, std::move(done));
                    })
                    .value()) {}
  ~Walk() { world_.file_system->release_directory(handle_); }

  /// Asks for the next names; answered() when they have come.
  void ask(size_t most = 1000) {
    answer_ = std::make_shared<Answer>();
    world_.file_system->read_directory(
        {.handle = handle_, .cookie = cookie_, .plus = plus_, .max_entries = most},
        [answer = answer_](Result<std::vector<DirectoryEntry>> entries) {
          *answer = std::move(entries);
        });
    world_.scheduler.run();
  }
  bool answered() const { return answer_->has_value(); }
  const Result<std::vector<DirectoryEntry>>& answer() const { return **answer_; }
  /// How many names it was; 0 at the end.
  size_t take() {
    world_.scheduler.run();
    REQUIRE(answered());
    REQUIRE(answer());
    for (const DirectoryEntry& entry : *answer()) {
      cookie_ = entry.next_cookie;
      if (entry.name != "." && entry.name != "..") ++names[entry.name];
      if (entry.referenced) world_.file_system->forget(entry.attributes.inode, 1);
    }
    return answer()->size();
  }
  /// The rest.
  void finish() {
    do ask();
    while (take() > 0);
  }

  std::map<std::string, int> names;  ///< How often each came.

 private:
  World& world_;
  const bool plus_;
  const HandleId handle_;
  uint64_t cookie_ = 0;
  /// Also of who asks, and is answered when the walk has gone.
  using Answer = std::optional<Result<std::vector<DirectoryEntry>>>;
  std::shared_ptr<Answer> answer_ = std::make_shared<Answer>();
};

inline bool all_once(const std::map<std::string, int>& names) {
  return std::all_of(names.begin(), names.end(), [](const auto& name) { return name.second == 1; });
}

}  // namespace penstock::test
