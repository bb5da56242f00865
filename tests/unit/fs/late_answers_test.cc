// SPDX-License-Identifier: Apache-2.0
// A thread stands still between the end of a commit and the note of it, while others go on.
#include <utility>
#include <vector>

#include "unit/fs/write_back_world.h"

namespace penstock::test {
namespace {

/// Commits that have ended, and whose answers wait until a test gives them.
struct LateAnswers {
  void give() {
    for (Callback<void()>& answer : std::exchange(waiting, {})) answer();
  }
  bool late = false;
  std::vector<Callback<void()>> waiting;
};

class LateWriter final : public FileWriter {
 public:
  LateWriter(LateAnswers& answers, std::shared_ptr<FileWriter> inner)
      : answers_(answers), inner_(std::move(inner)) {}

  void commit(Done<ObjectInfo> done) override {
    inner_->commit([this, done = std::move(done)](Result<ObjectInfo> result) mutable {
      if (!answers_.late) return done(std::move(result));
      answers_.waiting.emplace_back([done = std::move(done), result = std::move(result)]() mutable {
        done(std::move(result));
      });
    });
  }

  void change(const Change& change, Done<uint64_t> done) override {
    inner_->change(change, std::move(done));
  }
  void copy_parts(uint64_t offset, CopySource source, Done<uint64_t> done) override {
    inner_->copy_parts(offset, std::move(source), std::move(done));
  }
  uint64_t until_part(uint64_t offset) const override { return inner_->until_part(offset); }
  void read(ByteRange range, std::stop_token cancel, Done<Slices> done) override {
    inner_->read(range, std::move(cancel), std::move(done));
  }
  std::optional<uint64_t> seek(uint64_t offset, bool hole) override {
    return inner_->seek(offset, hole);
  }
  void expect_reads() override { inner_->expect_reads(); }
  uint64_t size() const override { return inner_->size(); }
  void persist(NextObject request, Done<bool> done) override {
    inner_->persist(std::move(request), std::move(done));
  }
  void persist_name(NextObject request, Done<void> done) override {
    inner_->persist_name(std::move(request), std::move(done));
  }
  void abandon(Callback<void()> done) override { inner_->abandon(std::move(done)); }
  bool dirty() const override { return inner_->dirty(); }
  uint64_t owed() const override { return inner_->owed(); }
  std::optional<ObjectInfo> base() const override { return inner_->base(); }
  void base_moved(const std::string& key, const ETag& etag) override {
    inner_->base_moved(key, etag);
  }
  bool rename(const NewName& name, FileDurability* replaced, Deferred& after) override {
    return inner_->rename(name, replaced, after);
  }
  Inheritance bequeath() override { return inner_->bequeath(); }
  void hold(Done<Held> done) override { inner_->hold(std::move(done)); }
  void release() override { inner_->release(); }
  void doom(Done<void> done) override { inner_->doom(std::move(done)); }
  void disclaim(Done<void> done) override { inner_->disclaim(std::move(done)); }

 private:
  LateAnswers& answers_;
  const std::shared_ptr<FileWriter> inner_;
};

struct LateEngine final : WriteEngine {
  LateEngine(LateAnswers& the_answers, WriteEngine& the_inner)
      : answers(the_answers), inner(the_inner) {}
  std::shared_ptr<FileWriter> open(NewName name, std::optional<WriteBase> base,
                                   Metadata initial) override {
    return std::make_shared<LateWriter>(
        answers, inner.open(std::move(name), std::move(base), std::move(initial)));
  }
  LateAnswers& answers;
  WriteEngine& inner;
};

TEST_CASE("what a commit answers too late is not taken for the copy that the handles go on with") {
  LateAnswers answers;
  WriteBackWorld world;
  LateEngine engine(answers, *world.write_back);
  world.make_with(engine);
  ReplacedFile file(world);
  answers.late = true;
  REQUIRE(world.flush(file.writing));
  world.run_milliseconds(10);
  REQUIRE(world.memory.contents("t") == "012NEW6789");
  REQUIRE_FALSE(answers.waiting.empty());
  // The other file has the name by then, or has not.
  const bool gone = GENERATE(false, true);
  CAPTURE(gone);
  world.store.hold("Copy");
  file.begin();
  world.run_milliseconds(1);
  REQUIRE(world.store.release_one("Copy"));
  world.run_milliseconds(1);
  if (gone) world.store.release_all();
  world.run_milliseconds(1);
  answers.late = false;
  answers.give();
  world.store.release_all();
  world.run_milliseconds(10);
  file.end();
  world.end();
}

}  // namespace
}  // namespace penstock::test
