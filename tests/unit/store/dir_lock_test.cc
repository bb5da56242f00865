// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>

#include "base/worker_pool.h"
#include "store/dir/dir_store.h"
#include "support/await.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock::test {
namespace {

TEST_CASE("a process that was stopped with a lock of a folder's store fails others, not for ever") {
  const TempDir dir;
  WorkerPool pool("dir", 2);
  DirStore store(dir.path(), pool, Log::none(), {.sync = false});
  const auto remove = [&] {
    return await<void>([&](auto done) { store.remove("key", std::move(done)); });
  };
  REQUIRE(remove());
  std::vector<int> held;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path() + "/.penstock/locks")) {
    held.push_back(open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(flock(held.back(), LOCK_EX | LOCK_NB) == 0);
  }
  REQUIRE_FALSE(held.empty());
  CHECK(is_retryable(remove().code()));
  for (const int file : held) close(file);
  CHECK(remove());
}

}  // namespace
}  // namespace penstock::test
