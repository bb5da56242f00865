// SPDX-License-Identifier: Apache-2.0
// Who may work on a name, and who waits: by tokens alone, without a store.
#include "fs/nodes/name_lock.h"

#include <optional>
#include <string>

#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

/// The root, a directory in it, and a file in that.
struct Places {
  test::ManualScheduler scheduler;
  Gate gate;
  KernelView kernel{scheduler, gate};
  NameLock names{"p/", {}, {.memory = 1ULL << 30}, KeyNames(true), scheduler, kernel};
  InodePtr directory = add(nullptr, "d", FileType::directory);
  InodePtr file = add(directory, "f", FileType::file);

  InodePtr add(const InodePtr& parent, const std::string& name, FileType type) {
    const MutexLock lock(names.tree.mutex);
    return names.tree.add_child(parent == nullptr ? names.tree.root() : parent, name, type);
  }
  NameLock::Use use(const InodePtr& inode) {
    const MutexLock lock(names.tree.mutex);
    return names.use(inode);
  }
};

}  // namespace

TEST_CASE("a name that leaves waits for the uses of it, and of what lies below") {
  Places at;
  NameLock::Use of_file = at.use(at.file);
  NameLock::Use of_directory = at.use(at.directory);
  const NameLock::Leaving leaving = at.names.leave(at.directory);
  bool quiet = false;
  at.names.when_quiet(at.directory, [&] { quiet = true; });
  of_directory.end();
  CHECK_FALSE(quiet);
  of_file.end();
  CHECK(quiet);
}

TEST_CASE("a name that leaves does not wait for what lies beside or above it") {
  Places at;
  const InodePtr other = at.add(at.directory, "g", FileType::file);
  const NameLock::Use above = at.use(at.directory);
  const NameLock::Use beside = at.use(other);
  const NameLock::Leaving leaving = at.names.leave(at.file);
  bool quiet = false;
  at.names.when_quiet(at.file, [&] { quiet = true; });
  CHECK(quiet);
}

TEST_CASE("whoever comes for a name below one that leaves waits until that has ended") {
  Places at;
  NameLock::Leaving leaving = at.names.leave(at.directory);
  CHECK(at.names.is_leaving(at.directory));
  CHECK(at.names.is_leaving(at.file));
  int began = 0;
  at.names.when_name_settled(at.file, [&] { ++began; });
  at.names.when_name_settled(at.directory, [&] { ++began; });
  CHECK(began == 0);
  leaving.end();
  CHECK(began == 2);
  CHECK_FALSE(at.names.is_leaving(at.file));
}

TEST_CASE("a name that two changes make leave is settled with the second one's end") {
  Places at;
  std::optional<NameLock::Leaving> first = at.names.leave(at.file);
  NameLock::Leaving second = at.names.leave(at.directory);
  bool began = false;
  at.names.when_name_settled(at.file, [&] { began = true; });
  first.reset();  // by its end of life alone
  CHECK_FALSE(began);
  second.end();
  CHECK(began);
}

TEST_CASE("a token that is moved, or ended twice, counts once") {
  Places at;
  NameLock::Use one = at.use(at.file);
  NameLock::Use same = std::move(one);
  one.end();  // NOLINT(bugprone-use-after-move): ends nothing
  NameLock::Use other = at.use(at.file);
  same.end();
  same.end();
  bool quiet = false;
  at.names.when_quiet(at.file, [&] { quiet = true; });
  CHECK_FALSE(quiet);
  other = NameLock::Use();  // what is assigned over has ended
  CHECK(quiet);
}

TEST_CASE("who waits for a name may make it leave again, and others wait on") {
  Places at;
  NameLock::Leaving leaving = at.names.leave(at.file);
  NameLock::Leaving again;
  bool began = false;
  at.names.when_name_settled(at.file, [&] { again = at.names.leave(at.file); });
  at.names.when_name_settled(at.file, [&] { began = true; });
  leaving.end();
  CHECK_FALSE(began);
  again.end();
  CHECK(began);
}

}  // namespace penstock
