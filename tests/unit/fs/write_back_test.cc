// SPDX-License-Identifier: Apache-2.0
// What a mount with --write-back has acknowledged is in the journal or in the bucket.
#include <cerrno>

#include "unit/fs/write_back_world.h"

namespace penstock::test {
namespace {

using Files = std::map<std::string, std::string>;

/// Makes a file and closes it: it is promised.
InodeId promise_file(WriteBackWorld& world, const std::string& name, const std::string& bytes) {
  const Created made = world.create(root_inode, name).value();
  CHECK(world.write(made.opened.handle, 0, bytes));
  CHECK(world.close(made.opened.handle));
  return made.entry.attributes.inode;
}

/// Uploads fail, and are tried again, until the faults are cleared.
void refuse_puts(WriteBackWorld& world) {
  world.store.add({.operation = "Put", .key = "", .times = UINT64_MAX});
}

Result<Attributes> chmod(WriteBackWorld& world, InodeId inode, uint32_t mode) {
  return world.run<Attributes>([&](Done<Attributes> done) {
    world.file_system->setattr(inode, {.mode = mode}, std::move(done));
  });
}

TEST_CASE("a chmod of an open file keeps what was written before the last upload has ended") {
  WriteBackWorld world;
  world.store.hold("Put");
  const InodeId file = promise_file(world, "f", std::string(30, 'a'));
  REQUIRE(world.store.held("Put") == 1);
  const HandleId handle = world.open(file, {.read = true, .write = true}).value();
  CHECK(world.write(handle, 10, "NEW"));
  CHECK(chmod(world, file, 0600));
  CHECK(world.write(handle, 20, "OLD"));
  world.store.release_all();
  world.scheduler.advance(milliseconds(10));
  std::string expected(30, 'a');
  expected.replace(10, 3, "NEW").replace(20, 3, "OLD");
  CHECK(world.read(file) == expected);
  CHECK(world.close(handle));
  world.scheduler.advance(milliseconds(10));
  CHECK(world.read(file) == expected);
  CHECK(world.memory.contents("f") == expected);
  CHECK(world.journal->stats().files == 0);
}

TEST_CASE("who opens an empty file anew stores it, though another client has removed it") {
  WriteBackWorld world;
  world.memory.set("f", "");
  const InodeId file = world.inode("f");
  const HandleId before = world.open(file, {.read = true, .write = true}).value();
  world.memory.erase("f");
  CHECK(world.close(world.open(file, {.write = true, .truncate = true}).value()));
  world.scheduler.advance(milliseconds(10));
  CHECK(world.memory.contents("f") == "");
  CHECK(world.close(before));
}

TEST_CASE("a file that was never closed takes the place of a promised one in the journal late") {
  WriteBackWorld world;
  refuse_puts(world);
  promise_file(world, "f", "old");
  const Created made = world.create(root_inode, "f.new").value();
  CHECK(world.write(made.opened.handle, 0, "new and longer"));
  CHECK(world.rename("f.new", "f"));
  // The close of what had the name was acknowledged.
  CHECK(world.after_power_loss() == Files{{"f", "old"}});
  CHECK(world.close(made.opened.handle));
  CHECK(world.after_power_loss() == Files{{"f", "new and longer"}});
  world.store.clear_faults();
  world.scheduler.advance(std::chrono::minutes(1));
  CHECK(world.memory.contents("f") == "new and longer");
  CHECK(world.memory.keys() == std::vector<std::string>{"f"});
  CHECK(world.journal->stats().files == 0);
}

TEST_CASE("a file that was never closed and is deleted takes what it replaced along") {
  WriteBackWorld world;
  refuse_puts(world);
  promise_file(world, "f", "old");
  const Created made = world.create(root_inode, "f.new").value();
  CHECK(world.write(made.opened.handle, 0, "new"));
  CHECK(world.rename("f.new", "f"));
  CHECK(world.run<void>(
      [&](Done<void> done) { world.file_system->unlink(root_inode, "f", std::move(done)); }));
  CHECK(world.after_power_loss().empty());
  world.file_system->release(made.opened.handle);
  world.store.clear_faults();
  world.scheduler.advance(std::chrono::minutes(1));
  CHECK(world.memory.keys().empty());
  CHECK(world.journal->stats().files == 0);
}

TEST_CASE("what a file that was never closed has replaced stays promised through another rename") {
  WriteBackWorld world;
  refuse_puts(world);
  promise_file(world, "f", "old");
  const Created first = world.create(root_inode, "f.1").value();
  CHECK(world.write(first.opened.handle, 0, "first"));
  CHECK(world.rename("f.1", "f"));
  const Created second = world.create(root_inode, "f.2").value();
  CHECK(world.write(second.opened.handle, 0, "second"));
  CHECK(world.rename("f.2", "f"));
  CHECK(world.after_power_loss() == Files{{"f", "old"}});
  CHECK(world.close(second.opened.handle));
  CHECK(world.after_power_loss() == Files{{"f", "second"}});
  world.file_system->release(first.opened.handle);
  world.store.clear_faults();
  world.scheduler.advance(std::chrono::minutes(1));
  CHECK(world.memory.contents("f") == "second");
  CHECK(world.journal->stats().files == 0);
}

TEST_CASE("what is promised during an upload that is refused for good is uploaded all the same") {
  WriteBackWorld world;
  world.memory.set("f", "what was there");
  const InodeId file = world.inode("f");
  const HandleId edit = world.open(file, {.read = true, .write = true}).value();
  CHECK(world.write(edit, 0, "WHAT"));
  world.store.hold("Put");
  CHECK(world.close(edit));
  world.scheduler.advance(milliseconds(10));
  REQUIRE(world.store.held("Put") == 1);
  // The edit belongs to bytes that somebody else replaces now; what is written next to none.
  world.memory.set("f", "somebody else's");
  const HandleId rewrite = world.open(file, {.write = true, .truncate = true}).value();
  CHECK(world.write(rewrite, 0, "all new"));
  CHECK(world.close(rewrite));
  world.store.release_all();
  world.scheduler.advance(std::chrono::minutes(5));
  CHECK(world.memory.contents("f") == "somebody else's");
  bool stored = false;
  for (const std::string& key : world.memory.keys())
    stored |= world.memory.contents(key) == "all new";
  CHECK(stored);
  CHECK(world.journal->stats().files == 0);
}

TEST_CASE("who has open what was stored beside somebody else's object cannot write into theirs") {
  WriteBackWorld world;
  world.memory.set("d/f", "what was there");
  const InodeId directory = world.inode("d");
  const Result<Entry> found = world.run<Entry>(
      [&](Done<Entry> done) { world.file_system->lookup(directory, "f", std::move(done)); });
  REQUIRE(found);
  const HandleId handle =
      world.open(found->attributes.inode, {.write = true, .truncate = true}).value();
  CHECK(world.write(handle, 0, "written here"));
  world.memory.set("d/f", "somebody else's");
  // What is in the folder is stored first.
  CHECK(world.rename("d", "e"));
  CHECK(world.write(handle, 8, "more").code() == Code::changed);
  CHECK(world.close(handle));
  world.scheduler.advance(std::chrono::minutes(1));
  std::multiset<std::string> stored;
  for (const std::string& key : world.memory.keys())
    if (key.starts_with("e/f")) stored.insert(*world.memory.contents(key));
  CHECK(world.memory.contents("e/f") == "somebody else's");
  CHECK(stored == std::multiset<std::string>{"somebody else's", "written here"});
  CHECK(world.journal->stats().files == 0);
  world.file_system->forget(found->attributes.inode, 1);
}

TEST_CASE("who has opened what is stored beside somebody else's object reads it to the end") {
  WriteBackWorld world;
  world.store.hold("Put");
  const InodeId file = promise_file(world, "f", "written here");
  REQUIRE(world.store.held("Put") == 1);
  const HandleId handle = world.open(file, {.read = true}).value();
  world.memory.set("f", "somebody else's");
  SECTION("one that has read before") { CHECK(world.read_open(handle) == "written here"); }
  SECTION("one that has not") {}
  world.store.release_all();
  world.scheduler.advance(std::chrono::minutes(1));
  REQUIRE(world.memory.keys().size() == 2);
  CHECK(world.read_open(handle) == "written here");
  world.file_system->release(handle);
  CHECK(world.read(world.inode("f")) == "somebody else's");
}

TEST_CASE("what the journal had no room for at close is stored when there is room again") {
  Failing full(DiskCall::pwrite);
  WriteBackWorld world(full.disk);
  const std::string bytes(100'000, 'x');  // so much goes to the disk when it is written
  const Created made = world.create(root_inode, "f").value();
  CHECK(world.write(made.opened.handle, 0, bytes));
  full.error = ENOSPC;
  std::optional<Result<void>> closed;
  world.file_system->flush(made.opened.handle, {},
                           [&](Result<void> result) { closed = std::move(result); });
  world.scheduler.advance(std::chrono::minutes(2));
  REQUIRE(closed);
  CHECK(closed->code() == Code::no_space);
  world.file_system->release(made.opened.handle);
  world.scheduler.advance(std::chrono::minutes(1));
  CHECK(world.memory.keys().empty());
  full.error = 0;
  world.scheduler.advance(std::chrono::minutes(1));
  CHECK(world.memory.contents("f") == bytes);
  CHECK(world.journal->stats().files == 0);
}

TEST_CASE("a promise that the disk has not kept is told to close and to fsync, and not uploaded") {
  // The log's write; the flush of the data that the log speaks of; the log's own.
  const auto [which, spared] =
      GENERATE(std::pair{DiskCall::pwrite, 0}, std::pair{DiskCall::fdatasync, 0},
               std::pair{DiskCall::fdatasync, 1});
  const bool by_close = GENERATE(true, false);
  CAPTURE(which, spared, by_close);
  const auto disk = std::make_shared<FaultyDisk>();
  int calls = 0;
  WriteBackWorld world(disk);
  const Created made = world.create(root_inode, "f").value();
  const HandleId handle = made.opened.handle;
  const auto store = [&] {
    return world.run<void>([&](Done<void> done) {
      by_close ? world.file_system->flush(handle, {}, std::move(done))
               : world.file_system->fsync(handle, std::move(done));
    });
  };
  CHECK(world.write(handle, 0, std::string(100'000, 'x')));  // on the disk at once
  disk->decide([&, kind = which, well = spared](DiskCall call, uint64_t) {
    return call == kind && ++calls > well ? -EIO : 0;
  });
  CHECK(store().code() == Code::unavailable);
  CHECK(calls == spared + 1);
  // Who asks again is not told that it is safe now, either.
  CHECK_FALSE(store());
  world.scheduler.advance(std::chrono::minutes(5));
  CHECK(world.memory.count("Put") == 0);
  CHECK(world.memory.keys().empty());
  CHECK(world.after_power_loss().empty());
  world.file_system->release(handle);
}

TEST_CASE("after a flush that failed what was promised before is uploaded, and nothing later") {
  Failing bad(DiskCall::fdatasync);
  WriteBackWorld world(bad.disk);
  refuse_puts(world);
  const InodeId file = promise_file(world, "f", "kept");
  const HandleId handle = world.open(file, {.read = true, .write = true}).value();
  CHECK(world.write(handle, 0, "LOST"));
  bad.error = EIO;
  CHECK_FALSE(world.close(handle));
  // A disk that is well again does not say what became of what it was to flush.
  bad.error = 0;
  const Created other = world.create(root_inode, "g").value();
  CHECK_FALSE((world.write(other.opened.handle, 0, "other") && world.close(other.opened.handle)));
  CHECK(world.after_power_loss() == Files{{"f", "kept"}});
  world.store.clear_faults();
  world.scheduler.advance(std::chrono::minutes(5));
  CHECK(world.memory.contents("f") == "kept");
  CHECK(world.memory.keys() == std::vector<std::string>{"f"});
}

TEST_CASE("a file takes the place of an unsaved one while the directory above gets another name") {
  WriteBackWorld world;
  world.memory.set("d/b", "new");
  world.memory.set("e/a", "old");
  const InodeId from = world.lookup(root_inode, "d")->attributes.inode;
  const InodeId to = world.lookup(root_inode, "e")->attributes.inode;
  const InodeId replaced = world.lookup(to, "a")->attributes.inode;
  const HandleId handle = world.open(replaced, {.write = true}).value();
  CHECK(world.write(handle, 0, "edit"));
  // What the handle goes on with is copied aside; the directory's rename begins meanwhile, and has
  // the unsaved file below it stored.
  world.store.hold("Copy");
  std::optional<Result<void>> file;
  std::optional<Result<void>> directory;
  world.file_system->rename(from, "b", to, "a", false,
                            Done<void>([&](Result<void> result) { file = std::move(result); }));
  world.scheduler.advance(milliseconds(10));
  world.file_system->rename(
      root_inode, "e", root_inode, "d2", false,
      Done<void>([&](Result<void> result) { directory = std::move(result); }));
  world.scheduler.advance(milliseconds(10));
  CHECK_FALSE(file);
  world.store.release_all();
  world.scheduler.advance(milliseconds(1000));
  REQUIRE((file && directory));
  CHECK(*file);
  CHECK(*directory);
  CHECK(world.memory.contents("d2/a") == "new");
  CHECK(world.close(handle));
}

TEST_CASE("who opens a promised file while another takes its place reads one of the two") {
  WriteBackWorld world;
  world.memory.set("n", "new");
  CHECK(world.lookup(root_inode, "n"));
  world.store.hold("Put");
  const InodeId replaced = promise_file(world, "t", "old");
  // The upload of what is to be replaced ends first; then the copy takes its time.
  const auto renamed = world.begin_rename("n", "t");
  world.store.hold("Copy");
  CHECK(world.store.release_one("Put"));
  world.scheduler.advance(milliseconds(10));
  REQUIRE(world.store.held("Copy") == 1);
  std::optional<Result<Opened>> opened;
  world.file_system->open(replaced, {.read = true},
                          Done<Opened>([&](Result<Opened> result) { opened = std::move(result); }));
  world.scheduler.advance(milliseconds(10));
  world.store.release_all();
  world.scheduler.advance(milliseconds(100));
  REQUIRE((*renamed && opened));
  CHECK(**renamed);
  // The kernel looks the name up once more where it is told that the file has changed.
  if (*opened) {
    CHECK(world.read(replaced) == "old");
    world.file_system->release((*opened)->handle);
  } else {
    CHECK(opened->code() == Code::changed);
    CHECK(world.read(world.lookup(root_inode, "t")->attributes.inode) == "new");
  }
}

TEST_CASE("what is written while a rename over the open file fails is stored under its name") {
  WriteBackWorld world;
  world.memory.set("n", "new");
  world.memory.set("t", "0123456789");
  CHECK(world.lookup(root_inode, "n"));
  const InodeId file = world.inode("t");
  const HandleId handle = world.open(file, {.read = true, .write = true}).value();
  // The copy for the open handle is made; what is to be renamed is gone by then.
  world.store.hold("Copy");
  const auto renamed = world.begin_rename("n", "t");
  world.scheduler.advance(milliseconds(10));
  CHECK(world.store.release_one("Copy"));
  world.scheduler.advance(milliseconds(10));
  REQUIRE(world.store.held("Copy") == 1);
  std::optional<Result<void>> written;
  const std::string bytes = "NEW";
  world.file_system->write(handle, {.offset = 3}, std::as_bytes(std::span(bytes)),
                           Done<void>([&](Result<void> result) { written = std::move(result); }));
  world.scheduler.advance(milliseconds(10));
  CHECK_FALSE(written);
  world.memory.erase("n");
  world.store.release_all();
  world.scheduler.advance(milliseconds(10));
  REQUIRE((*renamed && written));
  CHECK_FALSE(**renamed);
  CHECK(*written);
  CHECK(world.close(handle));
  world.scheduler.advance(milliseconds(1000));
  CHECK(world.memory.keys() == std::vector<std::string>{"t"});
  CHECK(world.memory.contents("t") == "012NEW6789");
}

TEST_CASE("what is written while the deletion of the open file fails is stored under its name") {
  WriteBackWorld world;
  world.memory.set("t", "0123456789");
  const InodeId file = world.inode("t");
  const HandleId handle = world.open(file, {.read = true, .write = true}).value();
  world.store.hold("Remove");
  world.store.add({.operation = "Remove", .error = Error(Code::access_denied)});
  std::optional<Result<void>> removed;
  world.file_system->unlink(root_inode, "t",
                            Done<void>([&](Result<void> result) { removed = std::move(result); }));
  world.scheduler.advance(milliseconds(10));
  std::optional<Result<void>> written;
  const std::string bytes = "NEW";
  world.file_system->write(handle, {.offset = 3}, std::as_bytes(std::span(bytes)),
                           Done<void>([&](Result<void> result) { written = std::move(result); }));
  world.scheduler.advance(milliseconds(10));
  CHECK_FALSE(written);
  world.store.release_all();
  world.scheduler.advance(milliseconds(10));
  REQUIRE((removed && written));
  CHECK_FALSE(*removed);
  CHECK(*written);
  CHECK(world.close(handle));
  world.scheduler.advance(milliseconds(1000));
  CHECK(world.memory.keys() == std::vector<std::string>{"t"});
  CHECK(world.memory.contents("t") == "012NEW6789");
}

TEST_CASE("a link to a file whose place is taken while it is uploaded finds it gone") {
  WriteBackWorld world;
  world.memory.set("n", "new");
  CHECK(world.lookup(root_inode, "n"));
  const Created made = world.create(root_inode, "t").value();
  const InodeId file = made.entry.attributes.inode;
  world.store.hold("CreateUpload");
  constexpr uint64_t mebibyte = 1 << 20;
  for (uint64_t at = 0; at < 20 * mebibyte; at += mebibyte)
    REQUIRE(world.write(made.opened.handle, at, std::string(mebibyte, 'o')));
  CHECK(world.close(made.opened.handle));
  REQUIRE(world.store.held("CreateUpload") == 1);
  std::optional<Result<Entry>> linked;
  world.file_system->link(file, root_inode, "l",
                          Done<Entry>([&](Result<Entry> result) { linked = std::move(result); }));
  world.scheduler.advance(milliseconds(10));
  const auto renamed = world.begin_rename("n", "t");
  world.scheduler.advance(milliseconds(10));
  CHECK_FALSE(linked);
  world.store.release_all();
  for (int i = 0; i < 100; ++i) world.scheduler.advance(milliseconds(1));
  REQUIRE(*renamed);
  CHECK(**renamed);
  REQUIRE(linked);
  REQUIRE_FALSE(*linked);
  CHECK(linked->code() == Code::not_found);
  CHECK(world.memory.contents("t") == "new");
}

TEST_CASE("what was uploaded is believed as of its request, however late its answer is") {
  WriteBackWorld world;
  const Created made = world.create(root_inode, "f").value();
  world.store.hold("Put");
  CHECK(world.write_and_close(made.opened.handle, "bytes"));
  world.scheduler.advance(milliseconds(950));
  REQUIRE(world.store.held("Put") == 1);
  world.store.release_all();
  for (int i = 0; i < 20; ++i) world.scheduler.advance(milliseconds(1));
  CHECK(world.memory.contents("f") == "bytes");
  // By another client.
  world.memory.erase("f");
  world.scheduler.advance(milliseconds(50));
  CHECK(world.lookup(root_inode, "f").code() == Code::not_found);
}

TEST_CASE("a new file replaces what another node has put in place of one that is written here") {
  WriteBackWorld world;
  world.memory.set("t", "old");
  const HandleId edit = world.open(world.inode("t"), {.write = true}).value();
  REQUIRE(world.write(edit, 0, "OLD"));
  const bool there = GENERATE(true, false);
  CAPTURE(there);
  if (there) world.memory.set("t", "theirs");
  if (!there) world.memory.erase("t");
  // For longer than a name is believed.
  world.scheduler.advance(milliseconds(11'000));
  // The upload of a temporary name waits for the name to change.
  const Created made = world.create(root_inode, "t.tmp").value();
  REQUIRE(world.write_and_close(made.opened.handle, "new"));
  CHECK(world.rename("t.tmp", "t"));
  for (int i = 0; i < 100; ++i) world.scheduler.advance(milliseconds(1));
  CHECK(world.memory.keys() == std::vector<std::string>{"t"});
  CHECK(world.memory.contents("t") == "new");
  (void)world.close(edit);
}

TEST_CASE(
    "a new file takes the place of one that is written here though the store is out of reach") {
  WriteBackWorld world;
  world.memory.set("t", "old");
  const HandleId edit = world.open(world.inode("t"), {.write = true}).value();
  REQUIRE(world.write(edit, 0, "OLD"));
  world.scheduler.advance(milliseconds(11'000));
  const Created made = world.create(root_inode, "t.tmp").value();
  REQUIRE(world.write_and_close(made.opened.handle, "new"));
  world.store.add({.operation = "", .key = "", .times = UINT64_MAX});
  CHECK(world.rename("t.tmp", "t"));
  world.store.clear_faults();
  world.scheduler.advance(milliseconds(60'000));
  CHECK(world.memory.keys() == std::vector<std::string>{"t"});
  CHECK(world.memory.contents("t") == "new");
  (void)world.close(edit);
}

TEST_CASE("who has a file open goes on where it is replaced before its upload is known here") {
  const auto disk = std::make_shared<FaultyDisk>();
  WriteBackWorld world(disk);
  ReplacedFile file(world);
  world.store.hold("Put");
  REQUIRE(world.flush(file.writing));
  REQUIRE(world.store.held("Put") == 1);
  // The upload has ended, and the journal is being told of that: nobody knows of it yet. Meanwhile
  // the handles get their copy, and the other file perhaps the name.
  const bool gone = GENERATE(false, true);
  CAPTURE(gone);
  bool begun = false;
  disk->decide([&](DiskCall call, uint64_t) {
    if (call != DiskCall::fdatasync || std::exchange(begun, true)) return 0;
    world.store.hold("Copy");
    file.begin();
    world.scheduler.run();
    world.store.release_one("Copy");
    world.scheduler.run();
    if (gone) world.store.release_one("Copy");
    world.scheduler.run();
    return 0;
  });
  world.store.release_all();
  world.run_milliseconds(10);
  world.store.release_all();
  world.run_milliseconds(10);
  file.end();
}

TEST_CASE("who has a file open goes on where it is replaced while its attributes are saved") {
  WriteBackWorld world;
  world.memory.set("n", "new");
  world.memory.set("t", "0123456789");
  REQUIRE(world.lookup(root_inode, "n"));
  const InodeId file = world.inode("t");
  const HandleId handle = world.open(file, {.read = true, .write = true}).value();
  world.store.hold("Copy");
  std::optional<Result<Attributes>> changed;
  world.file_system->setattr(file, {.mode = 0600}, Done<Attributes>([&](Result<Attributes> result) {
                               changed = std::move(result);
                             }));
  world.scheduler.advance(milliseconds(1));
  REQUIRE(world.store.held("Copy") == 1);
  REQUIRE(world.write(handle, 3, "NEW"));
  const auto replaced = world.begin_rename("n", "t");
  world.scheduler.advance(milliseconds(1));
  // Whatever has the store do the one copy before the other.
  const bool last_first = GENERATE(false, true);
  CAPTURE(last_first);
  if (last_first) world.store.release_last("Copy");
  world.scheduler.advance(milliseconds(1));
  world.store.release_all();
  for (int i = 0; i < 10; ++i) world.scheduler.advance(milliseconds(1));
  REQUIRE((changed && *replaced));
  CHECK(*changed);
  CHECK(**replaced);
  CHECK(world.memory.contents("t") == "new");
  CHECK(world.write(handle, 0, "X"));
  CHECK(world.read_open(handle) == "X12NEW6789");
  CHECK(world.close(handle));
}

}  // namespace
}  // namespace penstock::test
