// SPDX-License-Identifier: Apache-2.0
// A store may answer a listing with fewer keys than were asked for, or with none, and have more.
#include "unit/fs/shared_world.h"

namespace penstock::test {
namespace {

MemoryStoreOptions short_pages() {
  MemoryStoreOptions options;
  options.page_limit = 1;
  options.empty_first_page = GENERATE(true, false);
  return options;
}

struct ShortWorld {
  explicit ShortWorld() { world.file_system->attach(kernel); }
  ~ShortWorld() { world.scheduler.advance(milliseconds(1)); }

  MemoryStore bucket{short_pages()};
  ToldKernel kernel;
  World world{{.ttl = milliseconds(10'000)}, "p/", {}, &bucket};
};

TEST_CASE("a directory whose first page shows only its own object is not empty") {
  ShortWorld ground;
  ground.bucket.set("p/d/", "");
  ground.bucket.set("p/d/s/", "");
  ground.bucket.set("p/other", "x");
  const Result<void> removed = ground.world.run<void>(
      [&](Done<void> done) { ground.world.file_system->rmdir(root_inode, "d", std::move(done)); });
  CHECK(removed.code() == Code::not_empty);
  CHECK(ground.bucket.keys() == std::vector<std::string>{"p/d/", "p/d/s/", "p/other"});
}

TEST_CASE("a directory that is looked up by itself is one though the first page is empty") {
  ShortWorld ground;
  // So many that the name is asked for by itself.
  for (int i = 0; i < 30; ++i) ground.bucket.set("p/k" + std::to_string(10 + i), "x");
  ground.bucket.set("p/sub/f", "x");
  ground.world.list(root_inode);
  ground.world.scheduler.advance(milliseconds(11'000));
  const Result<Entry> found = ground.world.lookup(root_inode, "sub");
  REQUIRE(found);
  CHECK(found->attributes.type == FileType::directory);
}

}  // namespace
}  // namespace penstock::test
