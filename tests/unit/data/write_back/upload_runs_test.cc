// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/upload_runs.h"

#include "unit/data/write_back/core_fixture.h"

namespace penstock::test {
namespace {

/// The runs of one new file under a lock, without the file around them.
struct RunsFixture : CoreFixture, LockedFile {
  virtual ~RunsFixture() { CoreFixture::run(); }

  std::shared_ptr<void> keep() override { return {std::shared_ptr<void>(), this}; }
  /// Calls them as the file does.
  template <typename Work>
  void in(Work&& work) {
    LockedFile::run(std::forward<Work>(work));
  }
  void run_all() { CoreFixture::run(); }

  void write(uint64_t offset, std::string_view bytes) {
    const auto stored_bytes = piece(bytes);
    in([&](Deferred&) {
      runs.changing(offset, offset + bytes.size());
      contents.store(offset, stored_bytes);
      runs.stored({offset, bytes.size()});
    });
  }
  /// Promises what there is, durably.
  void promise(Metadata metadata = {}) {
    CHECK(finish<void>([&](Done<void> done) {
      in([&](Deferred&) {
        if (contents.changed()) {
          promises.promise(contents, object.marked(std::move(metadata)));
        } else {
          promises.describe(contents, object.marked(std::move(metadata)));
        }
        records.record(std::move(done));
      });
    }));
  }
  Pending<ObjectInfo> commit() {
    auto pending = begin<ObjectInfo>([&](Done<ObjectInfo> done) {
      in([&](Deferred& after) { runs.commit(std::move(done), after); });
    });
    run_all();
    return pending;
  }
  Pending<bool> hold() {
    auto pending = begin<bool>(
        [&](Done<bool> done) { in([&](Deferred& after) { runs.hold(std::move(done), after); }); });
    run_all();
    return pending;
  }
  void release() {
    in([&](Deferred& after) { runs.release(after); });
    run_all();
  }

  const uint64_t number = journal->new_file();
  PendingObject object{"k", std::nullopt};
  PendingContents contents{0, true};
  Promises promises;
  PromiseRecords records{*core, *this, number, promises, object, runs};
  UploadRuns runs{{.core = *core,
                   .file = *this,
                   .object = object,
                   .contents = contents,
                   .promises = promises,
                   .records = records,
                   .uploads = std::make_shared<JournalUploads>(*journal, number, std::nullopt)},
                  {},
                  std::nullopt,
                  false};
};

TEST_CASE("a promise is uploaded when somebody waits for it, and the journal forgets it then") {
  RunsFixture fixture;
  CHECK(fixture.commit()->value().code() == Code::invalid_argument);
  fixture.write(0, "bytes");
  fixture.promise({{"mode", "1"}});
  CHECK(fixture.memory.count("Put") == 0);
  const auto committed = fixture.commit();
  REQUIRE(committed->has_value());
  CHECK((*committed)->value().key == "k");
  CHECK(fixture.stored("k") == "bytes");
  CHECK_FALSE(fixture.promises.owes());
  CHECK(fixture.object.base()->etag == fixture.memory.info("k")->etag);
  CHECK(fixture.left_behind().files.empty());
  // Nothing is owed: the last result is the answer.
  CHECK(fixture.commit()->value().value().etag == fixture.object.base()->etag);
  CHECK(fixture.memory.count("Put") == 1);
}

TEST_CASE("other metadata alone are a copy of the object onto itself") {
  RunsFixture fixture;
  fixture.write(0, "bytes");
  fixture.promise({{"mode", "1"}});
  CHECK(fixture.commit()->value());
  fixture.promise({{"mode", "2"}});
  CHECK(fixture.commit()->value());
  CHECK(fixture.memory.count("Put") == 1);
  CHECK(fixture.memory.info("k")->metadata->at("mode") == "2");
}

TEST_CASE("no run begins while the name is about to go, and one under way ends before that") {
  RunsFixture fixture;
  fixture.write(0, pattern(3 * part));
  fixture.promise();
  SECTION("held before") {
    CHECK(fixture.hold()->value().value() == false);
    const auto committed = fixture.commit();
    CHECK_FALSE(committed->has_value());
    CHECK(fixture.memory.count("CompleteUpload") == 0);
    fixture.release();
    REQUIRE(committed->has_value());
    CHECK(*committed);
  }
  SECTION("held during it") {
    fixture.store.hold("CompleteUpload");
    const auto committed = fixture.commit();
    const auto held = fixture.hold();
    fixture.store.release_all();
    fixture.run_all();
    REQUIRE((held->has_value() && committed->has_value()));
    CHECK(held->value().value());  // an object may be there
    CHECK_FALSE(fixture.runs.running());
  }
  SECTION("held when it has ended and is not answered yet") {
    RunsFixture::Pending<bool> held;
    bool known = false;
    fixture.disk->decide([&](DiskCall call, uint64_t) {
      // The journal is told.
      if (call == DiskCall::fdatasync && held == nullptr) held = fixture.hold();
      return 0;
    });
    fixture.in([&](Deferred& after) {
      fixture.runs.commit(Done<ObjectInfo>([&](const Result<ObjectInfo>&) {
                            REQUIRE(held != nullptr);
                            CHECK_FALSE(held->has_value());
                            known = true;
                          }),
                          after);
    });
    fixture.run_all();
    CHECK(known);
    REQUIRE(held->has_value());
    CHECK(held->value().value());
  }
}

TEST_CASE("a run does not begin under a name that is not promised yet") {
  RunsFixture fixture;
  fixture.write(0, "bytes");
  fixture.promise();
  const auto committed = fixture.begin<ObjectInfo>([&](Done<ObjectInfo> done) {
    fixture.in([&](Deferred& after) { fixture.runs.commit(std::move(done), after); });
  });
  // The run waits for its turn when the name changes.
  CHECK_FALSE(fixture.runs.sent());
  fixture.object.rename("new");
  fixture.in([&](Deferred&) { fixture.runs.renamed(); });
  fixture.run_all();
  CHECK_FALSE(committed->has_value());
  CHECK_FALSE(fixture.runs.running());
  fixture.in([&](Deferred& after) { fixture.runs.name_promised(after); });
  fixture.run_all();
  REQUIRE(committed->has_value());
  CHECK(fixture.stored("new") == "bytes");
  CHECK_FALSE(fixture.memory.info("k"));
}

TEST_CASE("a failure is answered, and leaves a later promise to a run of its own") {
  RunsFixture fixture;
  fixture.write(0, "first");
  fixture.promise();
  fixture.store.add({.operation = "Put", .key = {}, .times = 1});
  fixture.store.hold("Put");
  const auto first = fixture.commit();
  fixture.write(0, "later");
  fixture.promise();
  const auto second = fixture.commit();
  fixture.store.release_all();
  fixture.run_all();
  REQUIRE((first->has_value() && second->has_value()));
  CHECK((*first)->code() == Code::unavailable);
  CHECK(*second);
  CHECK(fixture.stored("k") == "later");
}

TEST_CASE("who waits for the end of a run hears of it whatever became of it") {
  RunsFixture fixture;
  fixture.write(0, "bytes");
  fixture.promise();
  fixture.store.hold("Put");
  const auto committed = fixture.commit();
  bool ended = false;
  fixture.in([&](Deferred&) {
    CHECK(fixture.runs.running());
    CHECK(fixture.runs.sent());
    fixture.runs.when_ended([&] { ended = true; });
  });
  CHECK_FALSE(ended);
  fixture.store.add({.operation = "Put", .key = {}, .times = 1});
  fixture.store.release_all();
  fixture.run_all();
  CHECK(ended);
}

TEST_CASE("an object of somebody else stays where it is, and ours goes beside it") {
  RunsFixture fixture;
  fixture.memory.set("k", "theirs");
  fixture.write(0, "ours and longer");
  fixture.promise();
  const auto committed = fixture.commit();
  REQUIRE(committed->has_value());
  const std::string key = (*committed)->value().key;
  CHECK(key.starts_with("k.conflict-"));
  CHECK(fixture.object.key() == key);
  CHECK(fixture.stored("k") == "theirs");
  CHECK(fixture.stored(key) == "ours and longer");
}

TEST_CASE("an object beside somebody else's is known to be ours when the store refuses it again") {
  RunsFixture fixture;
  fixture.memory.set("k", "theirs");
  fixture.write(0, "ours and longer");
  fixture.promise();
  // The object beside is made, and the answer lost: the second try meets the first one's object.
  fixture.store.add({.operation = "Put",
                     .nth = 2,
                     .error = Error(Code::already_exists),
                     .when = StoreFault::When::after});
  const auto committed = fixture.commit();
  REQUIRE(committed->has_value());
  REQUIRE(*committed);
  const std::string key = (*committed)->value().key;
  CHECK(key.starts_with("k.conflict-"));
  CHECK(fixture.object.key() == key);
  CHECK(fixture.memory.keys() == std::vector<std::string>{"k", key});
  CHECK(fixture.stored(key) == "ours and longer");
}

TEST_CASE("bytes that change under a run are not left to a later mount in its parts") {
  RunsFixture fixture;
  fixture.write(0, pattern(4 * part));
  fixture.promise();
  fixture.store.hold("CompleteUpload");
  const auto committed = fixture.commit();
  const auto owner = [&] {
    const auto owners = fixture.upload_owners();
    REQUIRE(owners.size() == 1);
    return owners.begin()->second;
  };
  CHECK(owner() == fixture.number);
  fixture.write(4 * part, "behind it");
  CHECK(owner() == fixture.number);
  fixture.write(10, "inside");
  CHECK(owner() == 0);
  fixture.store.release_all();
  fixture.run_all();
  CHECK(*committed);
}

TEST_CASE("a file that is given up answers who waits, and takes no changes") {
  RunsFixture fixture;
  fixture.write(0, "bytes");
  fixture.promise();
  fixture.hold();
  const auto committed = fixture.commit();
  fixture.in([&](Deferred&) { fixture.runs.close(); });
  CHECK(fixture.runs.given_up());
  CHECK_FALSE(committed->has_value());
  fixture.run_all();
  REQUIRE(committed->has_value());
  CHECK((*committed)->code() == Code::cancelled);
  CHECK(fixture.promises.owes());
}

}  // namespace
}  // namespace penstock::test
