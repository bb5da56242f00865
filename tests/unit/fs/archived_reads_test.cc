// SPDX-License-Identifier: Apache-2.0
#include "fs/files/archived_reads.h"

#include "data/upload_registry.h"
#include "unit/fs/world.h"

namespace penstock::test {
namespace {

using Code::archived;
using Code::being_restored;
using OnArchived = ArchiveOptions::OnArchived;

/// A store whose one object is archived, until a test says something else.
class Vault final : public MemoryStore {
 public:
  void head(HeadRequest request, Done<ObjectInfo> done) override {
    ++heads;
    done(ObjectInfo{.key = request.key,
                    .storage_class = "GLACIER",
                    .restore = restore_state,
                    .metadata = Metadata()});
  }
  void restore(RestoreRequest request, Done<RestoreAnswer> done) override {
    asked.push_back(request);
    if (refusal) return done(Error(*refusal));
    restore_state = RestoreState{.ongoing = true};
    done(RestoreAnswer::begun);
  }

  int heads = 0;
  std::vector<RestoreRequest> asked;
  std::optional<RestoreState> restore_state;
  std::optional<Code> refusal;
};

struct Fixture {
  explicit Fixture(OnArchived mode) {
    core = std::make_shared<FsCore>(
        FileSystemParts{.store = vault,
                        .reads = *world.reads,
                        .writes = *world.writes,
                        .copier = world.copier,
                        .scheduler = world.scheduler,
                        .notifier = world.scheduler,
                        .log = world.log,
                        .archive = {.on_archived = mode, .wish = {.days = 3}}},
        "", MountOptions(), MetadataOptions());
    {
      const MutexLock lock(core->tree.mutex);
      inode = core->tree.add_child(core->tree.find(root_inode), "cold", FileType::file);
    }
    reads.emplace(*core);
  }
  ~Fixture() {
    reads->end();
    core->alive.reset();
    core->gate.wait();
  }

  /// Adds a read; what it is answered goes to `answers` at that place.
  void met(std::stop_token cancel = {}) {
    const size_t place = answers.size();
    answers.emplace_back();
    reads->met(inode, cancel, [this, place](const Result<void>& answer) {
      answers[place] = answer ? std::optional<Code>() : answer.code();
      ++answered;
    });
  }

  World world;
  Vault vault;
  std::shared_ptr<FsCore> core;
  InodePtr inode;
  std::optional<ArchivedReads> reads;
  std::vector<std::optional<Code>> answers;
  size_t answered = 0;
};

TEST_CASE("a read of an archived object fails, or fails after it asked once") {
  Fixture plain(OnArchived::error);
  plain.met();
  CHECK(plain.answers[0] == archived);
  plain.vault.restore_state = RestoreState{.ongoing = true};
  plain.met();
  CHECK(plain.answers[1] == being_restored);
  CHECK(plain.vault.asked.empty());
  plain.vault.restore_state = RestoreState{};
  plain.met();
  CHECK_FALSE(plain.answers[2]);
  CHECK(plain.inode->archive == Inode::Archive::no);

  Fixture asking(OnArchived::restore);
  asking.met();
  asking.met();
  CHECK(asking.answers == std::vector<std::optional<Code>>(2, being_restored));
  REQUIRE(asking.vault.asked.size() == 1);
  CHECK(asking.vault.asked[0].days == 3);
}

TEST_CASE("reads that wait share one question, which is asked ever more rarely") {
  Fixture fixture(OnArchived::wait);
  for (int i = 0; i < 100; ++i) fixture.met();
  CHECK(fixture.vault.heads == 1);
  CHECK(fixture.vault.asked.size() == 1);
  fixture.world.scheduler.advance(milliseconds(500));
  CHECK(fixture.vault.heads == 2);
  fixture.world.scheduler.advance(milliseconds(1000));
  CHECK(fixture.vault.heads == 3);
  fixture.world.scheduler.advance(std::chrono::hours(1));
  CHECK(fixture.vault.heads < 75);
  CHECK(fixture.vault.heads > 60);
  CHECK(fixture.vault.asked.size() == 1);
  CHECK(fixture.answered == 0);
  fixture.vault.restore_state = RestoreState{};
  fixture.world.scheduler.advance(std::chrono::minutes(1));
  CHECK(fixture.answered == 100);
  CHECK(std::ranges::count(fixture.answers, std::optional<Code>()) == 100);
  const int heads = fixture.vault.heads;
  fixture.world.scheduler.advance(std::chrono::hours(1));
  CHECK(fixture.vault.heads == heads);
}

TEST_CASE("an interrupt ends one wait, and with the last one nobody asks on") {
  Fixture fixture(OnArchived::wait);
  std::stop_source first;
  std::stop_source second;
  fixture.met(first.get_token());
  fixture.met(second.get_token());
  first.request_stop();
  CHECK(fixture.answered == 1);
  CHECK(fixture.answers[0] == Code::interrupted);
  fixture.world.scheduler.advance(std::chrono::minutes(1));
  const int heads = fixture.vault.heads;
  CHECK(heads > 5);
  second.request_stop();
  CHECK(fixture.answers[1] == Code::interrupted);
  fixture.world.scheduler.advance(std::chrono::hours(1));
  CHECK(fixture.vault.heads == heads);
  fixture.met(first.get_token());
  CHECK(fixture.answers[2] == Code::interrupted);
}

TEST_CASE("what a store refuses for good ends the waits, what passes does not") {
  Fixture fixture(OnArchived::wait);
  fixture.vault.refusal = Code::throttled;
  fixture.met();
  fixture.world.scheduler.advance(std::chrono::minutes(1));
  CHECK(fixture.answered == 0);
  CHECK(fixture.vault.asked.size() > 1);
  fixture.vault.refusal = Code::access_denied;
  fixture.world.scheduler.advance(std::chrono::minutes(1));
  CHECK(fixture.answers[0] == Code::access_denied);
}

TEST_CASE("a bounded number of reads waits, and the end answers them all") {
  Fixture fixture(OnArchived::wait);
  for (int i = 0; i < 5000; ++i) fixture.met();
  CHECK(fixture.answered == 5000 - 4096);
  CHECK(fixture.answers.back() == being_restored);
  fixture.reads->end();
  CHECK(fixture.answered == 5000);
  CHECK(fixture.answers[0] == Code::cancelled);
  fixture.met();
  CHECK(fixture.answers.back() == Code::cancelled);
}

}  // namespace
}  // namespace penstock::test
