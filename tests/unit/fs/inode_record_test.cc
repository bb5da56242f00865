// SPDX-License-Identifier: Apache-2.0
#include "fs/nodes/inode_record.h"

#include <random>
#include <vector>

#include "fs/nodes/name_lock.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"
#include "support/memory_store.h"

namespace penstock {
namespace {

constexpr int64_t second = 1'000'000'000;
constexpr int64_t mounted_at = 7 * second + 5;

struct Names {
  test::ManualScheduler scheduler;
  Gate gate;
  KernelView kernel{scheduler, gate};
  Tree tree{"p/", {}, {.memory = 1ULL << 30}, KeyNames(true), scheduler, kernel};

  InodePtr learn_by_inode(const std::string& name, const ObjectInfo& info) REQUIRES(tree.mutex) {
    return tree.learn_file(tree.root(), name, info, scheduler.now());
  }
  InodePtr known(const std::string& name) {
    const MutexLock lock(tree.mutex);
    return tree.child(*tree.root(), name);
  }
  void fold(const std::string& name) {
    const MutexLock lock(tree.mutex);
    (void)tree.forget(slot(name).id(), 0);
  }
  NameTable::Slot slot(const std::string& name) {
    return tree.root()->directory->children.find(name);
  }
};

void check_same(const Inode& one, const Inode& other) {
  CHECK(one.size == other.size);
  CHECK(one.etag == other.etag);
  CHECK(one.mtime_ns == other.mtime_ns);
  CHECK(one.ctime_ns == other.ctime_ns);
  CHECK(one.stored == other.stored);
  CHECK(one.stored_known == other.stored_known);
  CHECK(one.modified_s == other.modified_s);
  CHECK(one.modified_told == other.modified_told);
  CHECK(one.archive == other.archive);
  CHECK(one.told.at == other.told.at);
  CHECK(one.told.lasts == other.told.lasts);
  CHECK(one.link_target == other.link_target);
  CHECK(one.number == other.number);
  CHECK(one.unseen == other.unseen);
  CHECK(one.references == other.references);
  CHECK(one.shown_as == other.shown_as);
  CHECK(one.cached_pages == other.cached_pages);
}

InodePtr file() {
  auto inode = std::make_shared<Inode>(5, FileType::file);
  inode->name = "f";
  return inode;
}

InodePtr through_a_record(const Inode& inode) {
  const NameRecord::Ptr record = to_record(inode, mounted_at);
  CHECK(record->name() == inode.name);
  CHECK(record->id() == inode.id);
  CHECK(record->type() == inode.type);
  auto result = std::make_shared<Inode>(inode.id, inode.type);
  result->mtime_ns = result->ctime_ns = mounted_at;
  take_record(*result, *record);
  return result;
}

TEST_CASE("an inode comes back from its record as it was") {
  InodePtr inode = file();
  inode->size = 12;
  inode->etag = GENERATE(as<std::string>(), "", "f1", "00112233445566778899aabbccddeeff-2");
  inode->mtime_ns = inode->ctime_ns = 1234 * second + 1;
  inode->modified_s = 1234;
  inode->modified_told = true;
  inode->told = {Scheduler::Time(std::chrono::seconds(3)), std::chrono::seconds(60)};
  inode->archive = Inode::Archive::unknown;
  check_same(*through_a_record(*inode), *inode);
  SECTION("with attributes") {
    inode->stored.mode = 0600;
    inode->stored.other["Content-Type"] = "text/plain";
    inode->stored_known = true;
  }
  SECTION("with attributes that a listing does not count") { inode->stored.device = 5; }
  SECTION("with a time of its own") { inode->mtime_ns += 5; }
  SECTION("changed here") { inode->modified_told = false; }
  SECTION("changed at another second") { inode->modified_s = 1235; }
  SECTION("a symbolic link") { inode->link_target = "there"; }
  SECTION("a link's number") { inode->number = 3; }
  SECTION("not seen by the kernel") { inode->unseen = true; }
  SECTION("the kernel refers to it") {
    inode->references = 3;
    inode->shown_as = FileType::fifo;
    inode->cached_pages = inode->etag;
  }
  SECTION("with nothing to know of its metadata") { inode->stored_known = true; }
  check_same(*through_a_record(*inode), *inode);
}

TEST_CASE("a directory comes back from its record as it was") {
  Inode directory(6, FileType::directory);
  directory.name = "d";
  directory.mtime_ns = directory.ctime_ns = mounted_at;
  directory.directory->oldest_ns = 99;
  SECTION("as listed") {}
  SECTION("with an object") {
    directory.directory->has_marker = true;
    directory.etag = "00112233445566778899aabbccddeeff";
    directory.modified_s = 1234;
    directory.modified_told = true;
  }
  SECTION("with a time") { directory.mtime_ns = 5; }
  SECTION("with attributes") { directory.stored.children_carry = true; }
  REQUIRE(fits_record(directory));
  const InodePtr back = through_a_record(directory);
  check_same(*back, directory);
  CHECK(back->directory->oldest_ns == 99);
  CHECK(back->directory->has_marker == directory.directory->has_marker);
}

TEST_CASE("what somebody uses, or what has more than a record holds, fits none") {
  const InodePtr inode = file();
  REQUIRE(fits_record(*inode));
  SECTION("the kernel may hold pages of another version") { inode->cached_pages = "f9"; }
  SECTION("so often that it cannot be counted") { inode->references = 1ULL << 32; }
  SECTION("open") { inode->handles = 1; }
  SECTION("not stored") { inode->local_only = true; }
  SECTION("being stored") { inode->commits_running = 1; }
  SECTION("attributes wait for a commit") { inode->stored_dirty = true; }
  SECTION("kept") { inode->kept_key = "k"; }
  SECTION("awaited") { inode->attribute_waiters = std::make_unique<std::vector<Done<void>>>(); }
  SECTION("a later try") { inode->retry_planned = true; }
  SECTION("deleted") { inode->binding = Binding::deleted; }
  SECTION("vanished") { inode->binding = Binding::vanished; }
  SECTION("the root") { inode->binding = Binding::root; }
  CHECK_FALSE(fits_record(*inode));
}

TEST_CASE("what is worked on, or is about to lose its name, fits no record") {
  test::ManualScheduler scheduler;
  Gate gate;
  KernelView kernel(scheduler, gate);
  NameLock names("p/", {}, {.memory = 1ULL << 30}, KeyNames(true), scheduler, kernel);
  const InodePtr inode = file();
  NameLock::Leaving leaving = names.leave(inode);
  CHECK_FALSE(fits_record(*inode));
  leaving.end();
  CHECK(fits_record(*inode));
  NameLock::Use use;
  {
    const MutexLock lock(names.tree.mutex);
    use = names.use(inode);
  }
  CHECK_FALSE(fits_record(*inode));
  use.end();
  CHECK(fits_record(*inode));
}

TEST_CASE("a directory of which more is known than that it is there fits no record") {
  Inode inode(6, FileType::directory);
  inode.name = "d";
  DirectoryState& state = *inode.directory;
  REQUIRE(fits_record(inode));
  SECTION("its names") { state.complete = true; }
  SECTION("a name") { state.children.insert(NameRecord::make("n", FileType::file, 8)); }
  SECTION("a name's absence") { state.absent.emplace("n", Scheduler::Time{}); }
  SECTION("a name that was refused") { state.taken.insert("n"); }
  SECTION("made here") { state.made_here = true; }
  SECTION("its files carry attributes") { state.carried = DirectoryState::Carried::some; }
  SECTION("asked for") { state.partial_listings = 1; }
  SECTION("read") { state.tree_walks = 1; }
  SECTION("its object is being written") { state.marker_writing = true; }
  SECTION("its object is owed") { state.marker_owed = true; }
  CHECK_FALSE(fits_record(inode));
}

TEST_CASE("listings tell a record what they tell an inode") {
  Names by_record;
  Names by_inode;
  std::mt19937 random(GENERATE(1U, 2U, 3U, 4U));
  const std::vector<std::string> etags{"00112233445566778899aabbccddeeff", "f1", "f2"};
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    ObjectInfo info{.key = "p/f",
                    .size = random() % 2,
                    .etag = etags[random() % etags.size()],
                    .last_modified_ns = static_cast<int64_t>(1 + random() % 3) * second};
    info.storage_class = random() % 4 == 0   ? "GLACIER"
                         : random() % 4 == 0 ? "INTELLIGENT_TIERING"
                                             : "";
    const bool head = random() % 5 == 0;
    const std::chrono::milliseconds later(random() % 2);
    if (head) info.metadata = random() % 2 == 0 ? Metadata{} : Metadata{{"mode", "33152"}};
    for (Names* names : {&by_record, &by_inode}) {
      const MutexLock lock(names->tree.mutex);
      if (names == &by_inode || head) {
        names->learn_by_inode("f", info);
      } else {
        names->tree.learn_listed_file(names->tree.root(), "f", info, names->scheduler.now());
      }
    }
    for (Names* names : {&by_record, &by_inode}) names->scheduler.advance(later);
    check_same(*by_record.known("f"), *by_inode.known("f"));
    // Sometimes it is a record again, with whatever it has.
    if (random() % 2 == 0) by_record.fold("f");
  }
}

TEST_CASE("a record becomes an inode and a record again, with the same number") {
  Names names;
  const MutexLock lock(names.tree.mutex);
  names.tree.learn_listed_file(names.tree.root(), "f", {.key = "p/f", .size = 3, .etag = "f1"}, {});
  CHECK(names.tree.learn_listed_directory(names.tree.root(), "d", {}) == FileType::directory);
  REQUIRE(names.slot("f").record() != nullptr);
  REQUIRE(names.slot("d").record() != nullptr);
  CHECK(names.tree.size() == 2);
  const uint64_t as_records = names.tree.bytes();
  const InodeId number = names.slot("f").id();
  for (const char* name : {"f", "d"}) {
    const InodeId id = names.slot(name).id();
    {
      const InodePtr inode = names.tree.child(*names.tree.root(), name);
      Tree::give_reference(*inode);
    }
    CHECK(names.slot(name).node() != nullptr);
    CHECK(names.tree.find(id) != nullptr);
    CHECK(names.tree.bytes() > as_records);
    (void)names.tree.forget(id, 1);
    CHECK(names.slot(name).record() != nullptr);
    CHECK(names.tree.find(id) == nullptr);
    CHECK(names.tree.bytes() == as_records);
  }
  CHECK(names.slot("f").id() == number);
  // Somebody's pointer keeps it.
  const InodePtr held = names.tree.child(*names.tree.root(), "f");
  const InodePtr second_pointer = held;
  (void)names.tree.forget(number, 0);
  CHECK(names.slot("f").node() == held.get());
}

}  // namespace
}  // namespace penstock
