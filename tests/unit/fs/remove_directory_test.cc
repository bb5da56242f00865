// SPDX-License-Identifier: Apache-2.0
#include "unit/fs/shared_world.h"

namespace penstock::test {
namespace {

TEST_CASE("a directory that the store does not remove is there, and is removed by the next try") {
  SharedWorld world;
  const InodeId directory = world.mkdir(root_inode, "d").value().attributes.inode;
  world.store.add({.operation = "Remove", .key = "d/", .error = Error(Code::access_denied)});
  CHECK(world.rmdir(root_inode, "d").code() == Code::access_denied);
  CHECK(world.memory.contents("d/"));
  // What was about to go waits for nothing any more.
  CHECK(world.lookup(root_inode, "d"));
  CHECK(world.list(root_inode) == std::set<std::string>{"d"});
  const Result<Created> made = world.create(directory, "f");
  REQUIRE(made);
  CHECK(world.write_and_close(made->opened.handle, "bytes"));
  CHECK(world.rmdir(root_inode, "d").code() == Code::not_empty);
  CHECK(world.memory.contents("d/f") == "bytes");
  CHECK(world.unlink(directory, "f"));
  CHECK(world.rmdir(root_inode, "d"));
  CHECK(world.memory.keys().empty());
  CHECK(world.lookup(root_inode, "d").code() == Code::not_found);
}

}  // namespace
}  // namespace penstock::test
