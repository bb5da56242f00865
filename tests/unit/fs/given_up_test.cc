// SPDX-License-Identifier: Apache-2.0
// Uploads that a deletion or a rename of the file gives up, and reads that a signal does: what
// programs are told.
#include "unit/fs/write_back_world.h"

namespace penstock::test {
namespace {

constexpr uint64_t mebibyte = 1 << 20;
constexpr uint64_t file_size = 20 * mebibyte;

enum class Wait : uint8_t { file, directory };
enum class Change : uint8_t { deletion, rename_over, rename };

/// A file that is open and promised, and whose upload, which is under way, can still be given up.
struct Uploading : WriteBackWorld {
  Uploading() : WriteBackWorld(std::make_shared<FaultyDisk>(), true) {
    memory.set("n", "new");
    CHECK(lookup(root_inode, "n"));
    const Created made = create(root_inode, "t").value();
    handle = made.opened.handle;
    file = made.entry.attributes.inode;
    store.hold("CreateUpload");
    for (uint64_t at = 0; at < file_size; at += mebibyte)
      REQUIRE(write(handle, at, std::string(mebibyte, 'o')));
  }

  std::shared_ptr<std::optional<Result<void>>> begin(Wait wait) {
    auto answer = std::make_shared<std::optional<Result<void>>>();
    Done<void> done = [answer](Result<void> result) { *answer = std::move(result); };
    wait == Wait::file ? file_system->fsync(handle, std::move(done))
                       : file_system->sync_directory(root_inode, std::move(done));
    scheduler.advance(milliseconds(10));
    return answer;
  }

  std::shared_ptr<std::optional<Result<void>>> begin(Change change) {
    auto answer = std::make_shared<std::optional<Result<void>>>();
    Done<void> done = [answer](Result<void> result) { *answer = std::move(result); };
    switch (change) {
      case Change::deletion:
        file_system->unlink(root_inode, "t", std::move(done));
        break;
      case Change::rename_over:
        file_system->rename(root_inode, "n", root_inode, "t", false, std::move(done));
        break;
      case Change::rename:
        file_system->rename(root_inode, "t", root_inode, "r", false, std::move(done));
        break;
    }
    scheduler.advance(milliseconds(10));
    return answer;
  }

  HandleId handle = 0;
  InodeId file = 0;
};

TEST_CASE(
    "who syncs a file that is deleted or renamed during its upload is told that all is well") {
  const Wait wait = GENERATE(Wait::file, Wait::directory);
  const Change change = GENERATE(Change::deletion, Change::rename_over, Change::rename);
  CAPTURE(wait, change);
  Uploading world;
  const auto synced = world.begin(wait);
  REQUIRE(world.store.held("CreateUpload") == 1);
  REQUIRE_FALSE(*synced);
  const auto changed = world.begin(change);
  world.store.release_all();
  for (int i = 0; i < 100; ++i) world.scheduler.advance(milliseconds(1));
  REQUIRE((*synced && *changed));
  CHECK((*changed)->has_value());
  CAPTURE((*synced)->has_value() ? "success" : to_string((*synced)->code()));
  CHECK((*synced)->has_value());
  if (change == Change::rename) CHECK(world.memory.contents("r") == std::string(file_size, 'o'));
  if (change == Change::rename_over) CHECK(world.memory.contents("t") == "new");
  // Who has it open reads on.
  if (change != Change::rename) CHECK(world.read(world.file) == std::string(mebibyte, 'o'));
  CHECK(world.close(world.handle));
  if (change == Change::deletion) CHECK_FALSE(world.memory.contents("t"));
}

TEST_CASE("a store that gives a request up does not make a program believe that somebody did") {
  const std::string call = GENERATE("close", "fsync", "chmod");
  CAPTURE(call);
  World world;
  const Created made = world.create(root_inode, "f").value();
  const HandleId handle = made.opened.handle;
  const std::string bytes = "bytes";
  REQUIRE(world.run<void>([&](Done<void> done) {
    world.file_system->write(handle, {.offset = 0}, std::as_bytes(std::span(bytes)),
                             std::move(done));
  }));
  if (call == "chmod") {
    REQUIRE(world.run<void>(
        [&](Done<void> done) { world.file_system->flush(handle, {}, std::move(done)); }));
  }
  world.store.add({.operation = call == "chmod" ? "Copy" : "Put",
                   .error = Error(Code::cancelled, "the store is being closed")});
  Code told{};
  if (call == "chmod") {
    told = world
               .run<Attributes>([&](Done<Attributes> done) {
                 world.file_system->setattr(made.entry.attributes.inode, {.mode = 0600},
                                            std::move(done));
               })
               .code();
  } else {
    told = world
               .run<void>([&](Done<void> done) {
                 call == "close" ? world.file_system->flush(handle, {}, std::move(done))
                                 : world.file_system->fsync(handle, std::move(done));
               })
               .code();
  }
  CHECK(told == Code::unavailable);
  CHECK(world.run<void>(
      [&](Done<void> done) { world.file_system->flush(handle, {}, std::move(done)); }));
  CHECK(world.memory.contents("f") == "bytes");
  world.file_system->release(handle);
}

TEST_CASE("a read that is interrupted while the file has changes says so") {
  WriteBackWorld world;
  world.memory.set("f", std::string(2 * mebibyte, 'o'));
  const HandleId handle = world.open(world.inode("f"), {.read = true, .write = true}).value();
  REQUIRE(world.write(handle, 0, "changed"));
  world.store.hold("Get");
  std::stop_source signal;
  std::optional<Result<Slices>> read;
  world.file_system->read(handle, {0, 4096}, signal.get_token(),
                          Done<Slices>([&](Result<Slices> slices) { read = std::move(slices); }));
  world.scheduler.advance(milliseconds(10));
  REQUIRE_FALSE(read);
  signal.request_stop();
  world.store.release_all();
  world.scheduler.advance(milliseconds(10));
  REQUIRE(read);
  CHECK(read->code() == Code::interrupted);
  CHECK(world.close(handle));
}

}  // namespace
}  // namespace penstock::test
