// SPDX-License-Identifier: Apache-2.0
// The power is cut at every moment: what was promised is there.
#include "support/power_loss_disk.h"

#include <fmt/core.h>

#include <map>

#include "support/seed.h"
#include "unit/journal/journal_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
using Loss = PowerLossDisk::Loss;

/// What each file may be found as: one of what it was since the last version that was promised.
class Promises {
 public:
  /// The file is to become like this; nothing: it is to be forgotten. Returns the promise to keep.
  std::pair<uint64_t, size_t> intend(uint64_t file, std::optional<Bytes> bytes) {
    std::vector<std::optional<Bytes>>& versions = versions_[file];
    if (versions.empty()) versions.emplace_back();
    versions.push_back(std::move(bytes));
    return {file, versions.size() - 1};
  }
  void keep(std::pair<uint64_t, size_t> promise) {
    size_t& kept = kept_[promise.first];
    kept = std::max(kept, promise.second);
  }
  /// Compares with what was found, which is what they start from then.
  void check(TestJournal& journal) {
    CHECK(journal.left.damaged.empty());
    std::map<uint64_t, std::optional<Bytes>> found;
    for (const JournalState& state : journal.left.files) {
      CHECK(state.key == fmt::format("p/{}", state.file));
      found[state.file] = content(*journal, state);
    }
    for (const auto& [file, bytes] : found) CHECK(versions_.contains(file));
    for (auto& [file, versions] : versions_) {
      CAPTURE(file, kept_[file], versions.size());
      const auto first = versions.begin() + static_cast<ptrdiff_t>(kept_[file]);
      CHECK(std::find(first, versions.end(), found[file]) != versions.end());
      versions = {found[file]};
      kept_[file] = 0;
    }
  }
  std::vector<uint64_t> files() const {
    std::vector<uint64_t> files;
    for (const auto& [file, versions] : versions_) files.push_back(file);
    return files;
  }

 private:
  std::map<uint64_t, std::vector<std::optional<Bytes>>> versions_;
  std::map<uint64_t, size_t> kept_;
};

/// Uses a journal by chance until it fails or `steps` are done.
class Program {
 public:
  Program(TestJournal& journal, Promises& promises, std::mt19937_64& random)
      : journal_(journal), promises_(promises), random_(random) {}

  void run(uint64_t steps) {
    for (const JournalState& state : journal_.left.files) states_[state.file] = state;
    for (uint64_t i = 0; i < steps; ++i) {
      step();
      // Some wait for others, and share their flush.
      if (random_() % 3 != 0) journal_.scheduler.run();
    }
    journal_.scheduler.run();
  }

 private:
  void step() {
    switch (random_() % 8) {
      case 0:
        return forget();
      case 1:
        journal_->upload_began({.file = 1, .key = "p/1", .upload_id = "u"});
        return;
      case 2:
        journal_->note_failure(1, "no route");
        return;
      default:
        return random_() % 3 == 0 ? edit() : write();
    }
  }

  uint64_t any_file() { return random_() % 6 + 1; }

  void record(JournalState state, Bytes bytes) {
    const auto promise = promises_.intend(state.file, std::move(bytes));
    states_[state.file] = state;
    // Makes logs long enough to be renewed.
    state.metadata["padding"] = std::string(random_() % 200'000, 'x');
    journal_->record(std::move(state), [this, promise](Result<void> result) {
      if (result) promises_.keep(promise);
    });
  }

  void write() {
    const uint64_t file = any_file();
    Bytes bytes = random_bytes(random_() % 20'000 + 1, random_());
    const auto piece = journal_->append(bytes);
    if (!piece) return;
    record(state_of(file, fmt::format("p/{}", file), *piece), std::move(bytes));
  }

  /// Puts new bytes behind those of a file.
  void edit() {
    const auto found = states_.find(any_file());
    if (found == states_.end()) return;
    JournalState state = found->second;
    Bytes bytes = content(*journal_, state);
    const Bytes more = random_bytes(random_() % 3000 + 1, random_());
    const auto piece = journal_->append(more);
    if (!piece) return;
    state.ranges.push_back({.kind = JournalRange::Kind::piece,
                            .offset = state.size,
                            .length = more.size(),
                            .piece = *piece});
    state.size += more.size();
    bytes.insert(bytes.end(), more.begin(), more.end());
    record(std::move(state), std::move(bytes));
  }

  void forget() {
    const uint64_t file = any_file();
    states_.erase(file);
    const auto promise = promises_.intend(file, std::nullopt);
    journal_->forget(file, [this, promise](Result<void> result) {
      if (result) promises_.keep(promise);
    });
  }

  TestJournal& journal_;
  Promises& promises_;
  std::mt19937_64& random_;
  std::map<uint64_t, JournalState> states_;
};

/// One life of a mount on `disk`, after which the power is cut.
std::shared_ptr<PowerLossDisk> live_and_cut(const std::shared_ptr<PowerLossDisk>& disk,
                                            Promises& promises, std::mt19937_64& random,
                                            uint64_t steps, Loss loss) {
  TestJournal journal("/var/journal", disk);
  // Without power it may not even open.
  if (journal.opened) Program(journal, promises, random).run(steps);
  return disk->after_cut(loss, random);
}

/// With AddressSanitizer, which makes each life ten times as long, one cut in so many: what it
/// looks for is memory that is misused, by code that all of them pass.
#if defined(PENSTOCK_SANITIZES_ADDRESS)
constexpr int one_in = 5;
#else
constexpr int one_in = 1;
#endif

TEST_CASE("the power is cut at each change of the disk", "[one-thread]") {
  constexpr uint64_t seed = 4711;
  constexpr uint64_t steps = 60;
  uint64_t changes = 0;
  {
    const auto disk = std::make_shared<PowerLossDisk>();
    Promises promises;
    std::mt19937_64 random(seed);
    live_and_cut(disk, promises, random, steps, Loss::none);
    changes = disk->changes();
  }
  CHECK(changes > steps);
  for (uint64_t at = 0; at <= changes; at += one_in) {
    for (const Loss loss : {Loss::all, Loss::none, Loss::some, Loss::some}) {
      CAPTURE(at, static_cast<int>(loss));
      const auto disk = std::make_shared<PowerLossDisk>();
      disk->power_off_after(at);
      Promises promises;
      std::mt19937_64 random(seed);
      const auto found = live_and_cut(disk, promises, random, steps, loss);
      TestJournal journal("/var/journal", found);
      REQUIRE(journal.opened);
      promises.check(journal);
    }
  }
}

TEST_CASE("the power is cut again and again", "[one-thread]") {
  const uint64_t seed = seed_from("PENSTOCK_JOURNAL_SEED", "journal, power loss");
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  constexpr Loss losses[] = {Loss::all, Loss::none, Loss::some};
  for (int run = 0; run < 40 / one_in; ++run) {
    auto disk = std::make_shared<PowerLossDisk>();
    Promises promises;
    for (int life = 0; life < 8; ++life) {
      CAPTURE(run, life);
      disk->power_off_after(random() % 300);
      disk = live_and_cut(disk, promises, random, random() % 80, losses[random() % 3]);
      // Looks at a copy: what it does when it opens and closes is not what the next life finds.
      TestJournal journal("/var/journal", disk->after_cut(Loss::none, random));
      REQUIRE(journal.opened);
      promises.check(journal);
    }
    {
      TestJournal last("/var/journal", disk);
      REQUIRE(last.opened);
      for (const uint64_t file : promises.files()) REQUIRE(last.forget(file));
      last->upload_ended("u");
      last.scheduler.run();
    }
    CHECK(disk->occupied() == 0);
  }
}

TEST_CASE("full segments are as safe as the one that is being written", "[one-thread]") {
  std::mt19937_64 random(1);
  const auto disk = std::make_shared<PowerLossDisk>();
  std::map<uint64_t, Bytes> promised;
  {
    TestJournal journal("/j", disk);
    constexpr uint64_t piece_size = 15ULL << 20;
    for (uint64_t file = 1; file <= 12; ++file) {
      promised[file] = random_bytes(piece_size, file);
      const auto piece = journal->append(promised[file]);
      REQUIRE(piece);
      bool answered = false;
      journal->record(state_of(file, "p/x", *piece), [&](Result<void> result) {
        CHECK(result);
        answered = true;
      });
      if (file % 6 != 0) continue;
      journal.scheduler.run();
      CHECK(answered);
    }
    CHECK(journal->stats().segments == 3);
    const auto cut = disk->after_cut(Loss::all, random);
    TestJournal again("/j", cut);
    REQUIRE(again.left.files.size() == promised.size());
    for (const JournalState& state : again.left.files)
      CHECK((content(*again, state) == promised[state.file]));
  }
}

}  // namespace
}  // namespace penstock
