// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/pending_changes.h"

#include "unit/data/write_back/core_fixture.h"

namespace penstock::test {
namespace {

using ChangeKind = Change::Kind;

/// The changes of one file, without the file around them.
struct ChangesFixture : CoreFixture, LockedFile, PendingChanges::Listener {
  virtual ~ChangesFixture() = default;
  std::shared_ptr<void> keep() override { return {std::shared_ptr<void>(), this}; }
  void changing(uint64_t offset, uint64_t end) override { changed.emplace_back(offset, end); }
  void stored(ByteRange range) override { pieces.emplace_back(range.offset, range.end()); }
  bool given_up() const override { return closed; }

  Pending<uint64_t> begin_change(const Change& change) {
    return begin<uint64_t>([&](Done<uint64_t> done) { changes.change(change, std::move(done)); });
  }
  Result<uint64_t> change(const Change& change) {
    const Pending<uint64_t> pending = begin_change(change);
    REQUIRE(pending->has_value());
    return **pending;
  }
  Result<uint64_t> write(uint64_t offset, std::string_view bytes) {
    return change({.offset = offset, .data = std::as_bytes(std::span(bytes))});
  }
  Result<uint64_t> append(std::string_view bytes) {
    return change({.kind = ChangeKind::append, .data = std::as_bytes(std::span(bytes))});
  }
  Result<void> flush() {
    Result<void> result;
    changes.flushed([&](const Result<void>& flushed, Deferred&) { result = flushed; });
    return result;
  }
  std::string bytes() {
    std::string all(contents.map().size(), '\0');
    for (const JournalRange& range : contents.map().ranges()) {
      if (range.kind != JournalRange::Kind::piece) continue;
      const auto into = std::as_writable_bytes(std::span(all)).subspan(range.offset, range.length);
      REQUIRE(journal->read(*range.piece, range.skip, into));
    }
    return all;
  }

  using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;
  Ranges changed;
  Ranges pieces;
  bool closed = false;
  PendingContents contents{0, true};
  RoomWait room{*core};
  PendingChanges changes{*core, *this, contents, room, *this};
};

TEST_CASE("small writes in order go to the journal as one piece, when somebody has to see them") {
  ChangesFixture fixture;
  CHECK(fixture.write(0, "one ").value() == 0);
  CHECK(fixture.append("two ").value() == 4);
  CHECK(fixture.write(8, "three").value() == 8);
  CHECK(fixture.pieces.empty());
  CHECK(fixture.contents.size() == 13);
  CHECK(fixture.flush());
  CHECK(fixture.pieces == ChangesFixture::Ranges{{0, 13}});
  CHECK(fixture.changed == ChangesFixture::Ranges{{0, 13}});
  CHECK(fixture.bytes() == "one two three");
}

TEST_CASE("a truncation of an empty file to nothing is a change, and no other to its size is") {
  ChangesFixture fixture;
  fixture.contents.promise();
  CHECK(fixture.change({.kind = ChangeKind::extend, .offset = 0}));
  CHECK_FALSE(fixture.contents.changed());
  CHECK(fixture.change({.kind = ChangeKind::truncate, .offset = 0}));
  CHECK(fixture.contents.changed());
  CHECK(fixture.write(0, "bytes"));
  CHECK(fixture.flush());
  fixture.contents.promise();
  CHECK(fixture.change({.kind = ChangeKind::truncate, .offset = 5}));
  CHECK_FALSE(fixture.contents.changed());
}

TEST_CASE("a write elsewhere, and a large one, send what was collected before them") {
  ChangesFixture fixture;
  CHECK(fixture.write(0, "begin"));
  CHECK(fixture.write(100, "elsewhere"));
  CHECK(fixture.pieces == ChangesFixture::Ranges{{0, 5}});
  const std::string large = pattern(WriteTail::direct_size);
  CHECK(fixture.write(1000, large));
  CHECK(fixture.pieces == ChangesFixture::Ranges{{0, 5}, {100, 109}, {1000, 1000 + large.size()}});
  CHECK(fixture.bytes().substr(1000) == large);
}

TEST_CASE("holes are told before they are made, and only where bytes are") {
  ChangesFixture fixture;
  CHECK(fixture.write(0, "0123456789"));
  CHECK(fixture.change({.kind = ChangeKind::punch, .offset = 2, .length = 3}));
  CHECK(fixture.changed == ChangesFixture::Ranges{{0, 10}, {2, 5}});
  CHECK(fixture.change({.kind = ChangeKind::punch, .offset = 2, .length = 3}));
  CHECK(fixture.change({.kind = ChangeKind::punch, .offset = 20, .length = 3}));
  CHECK(fixture.changed.size() == 2);
  CHECK(fixture.contents.size() == 10);
  SECTION("also behind the end, which makes the file grow") {
    CHECK(fixture.change({.kind = ChangeKind::zero, .offset = 8, .length = 7}));
    CHECK(fixture.contents.size() == 15);
    CHECK(fixture.changed.back() == std::pair<uint64_t, uint64_t>(8, 10));
    CHECK(fixture.contents.seek(5, true, true) == 8);
  }
  SECTION("and by a size: all behind the smaller one changes") {
    CHECK(fixture.change({.kind = ChangeKind::truncate, .offset = 4}));
    CHECK(fixture.changed.back() == std::pair<uint64_t, uint64_t>(4, UINT64_MAX));
    CHECK(fixture.contents.size() == 4);
    CHECK(fixture.change({.kind = ChangeKind::extend, .offset = 2}));
    CHECK(fixture.contents.size() == 4);
    CHECK(fixture.change({.kind = ChangeKind::extend, .offset = 6}));
    CHECK(fixture.bytes() == std::string("01\0\0\0\0", 6));
  }
}

TEST_CASE("a file takes no bytes beyond what an object may have, and none once it is given up") {
  ChangesFixture fixture;
  const uint64_t limit = fixture.store.limits().max_object_size;
  CHECK(fixture.change({.kind = ChangeKind::truncate, .offset = limit + 1}).code() ==
        Code::too_large);
  CHECK(fixture.write(limit, "x").code() == Code::too_large);
  fixture.closed = true;
  CHECK(fixture.write(0, "x").code() == Code::cancelled);
}

TEST_CASE("changes that find no room wait for it in order, and keep their bytes") {
  ChangesFixture fixture;
  fixture.full(true);
  std::string large = pattern(WriteTail::direct_size);
  const auto first =
      fixture.begin_change({.kind = ChangeKind::append, .data = std::as_bytes(std::span(large))});
  std::string later = "small";
  const auto second =
      fixture.begin_change({.kind = ChangeKind::append, .data = std::as_bytes(std::span(later))});
  later = "other";
  large.assign(large.size(), 0);
  fixture.scheduler.advance(3 * RoomWait::interval);
  CHECK_FALSE(first->has_value());
  CHECK_FALSE(second->has_value());
  fixture.full(false);
  fixture.scheduler.advance(RoomWait::interval);
  REQUIRE((first->has_value() && second->has_value()));
  CHECK((*first)->value() == 0);
  CHECK((*second)->value() == WriteTail::direct_size);
  CHECK(fixture.flush());
  CHECK(fixture.bytes() == pattern(WriteTail::direct_size) + "small");
}

TEST_CASE("a change that waits in vain for room is refused, and what comes after it at once") {
  ChangesFixture fixture;
  fixture.full(true);
  const std::string large = pattern(WriteTail::direct_size);
  const auto waiting = fixture.begin_change({.data = std::as_bytes(std::span(large))});
  fixture.scheduler.advance(FullDisk::clearing + RoomWait::interval);
  REQUIRE(waiting->has_value());
  CHECK((*waiting)->code() == Code::no_space);
  CHECK(fixture.write(0, large).code() == Code::no_space);
  CHECK(fixture.changed.empty());
  // What is collected stays so while the disk does not take it.
  CHECK(fixture.write(0, "small"));
  CHECK(fixture.flush().code() == Code::no_space);
  fixture.full(false);
  CHECK(fixture.flush());
  CHECK(fixture.bytes() == "small");
}

}  // namespace
}  // namespace penstock::test
