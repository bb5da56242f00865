// SPDX-License-Identifier: Apache-2.0
#include "app/warm/warmer.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "app/warm/manifest.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock {
namespace {

using test::mib;

/// Files in memory, and a cache that behaves as a test wants it to.
class FakePlace final : public WarmPlace {
 public:
  struct File {
    uint64_t size = 0;
    CacheShare share{.limit = 1ULL << 40, .free = 1ULL << 40};
    int dropped = 0;      ///< So many times it is read and not kept.
    int looks_until = 0;  ///< So many looks it waits for the disk.
    std::string error;
    std::vector<ByteRange> reads;
  };

  void list(const WarmVisitor& visit, const WarmFailure& failed) override {
    if (files.empty()) failed("nothing", "is there");
    for (const auto& [name, file] : files) {
      if (!visit({.name = name, .size = file.size, .etag = {}})) return;
    }
  }
  Result<CacheShare> share(const WarmFile& wanted) override {
    std::this_thread::sleep_for(share_takes);
    const MutexLock lock(mutex_);
    ++looks;
    if (no_cache) return Error(Code::not_supported);
    File& file = files.at(wanted.name);
    if (file.share.coming != 0 && file.looks_until-- <= 0) {
      file.share.present = file.share.coming;
      file.share.coming = 0;
    }
    return file.share;
  }
  Result<void> read(const WarmFile& wanted, ByteRange range, std::span<std::byte>,
                    const WarmStep& step) override {
    {
      const MutexLock lock(mutex_);
      most_at_once = std::max(most_at_once, ++reading_);
    }
    // On a busy machine the others take their time to come.
    for (int tries = 0; tries == 0 || (tries < 500 && read_at_once() < readers_come); ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const MutexLock lock(mutex_);
    --reading_;
    File& file = files.at(wanted.name);
    file.reads.push_back(range);
    if (!file.error.empty()) return Error(Code::unavailable, file.error);
    may_wait = step(range.length);
    // The last piece decides about the file.
    if (range.end() == file.size && --file.dropped < 0) {
      if (file.looks_until > 0) {
        file.share.coming = file.size;
      } else {
        file.share.present = file.size;
      }
    }
    return {};
  }

  WarmReport::Counts warm(uint32_t readers = 8) {
    WarmReport report;
    Warmer(*this, report, readers, [] {}).run();
    summary = report.summary();
    room = report.room_text();
    return report.counts();
  }

  std::map<std::string, File> files;
  bool no_cache = false;
  std::chrono::milliseconds share_takes{0};
  int looks = 0;
  int most_at_once = 0;
  int readers_come = 0;   ///< A read lasts until so many have begun, five seconds at most.
  uint64_t may_wait = 0;  ///< As the last step said.
  std::string summary;
  std::string room;

 private:
  int read_at_once() {
    const MutexLock lock(mutex_);
    return most_at_once;
  }

  Mutex mutex_;
  int reading_ = 0;
};

TEST_CASE("a large file is read in pieces by several readers") {
  FakePlace place;
  place.files["f"].size = 300 * mib + 1;
  // The listing has ended by then: the other readers must wait for pieces all the same.
  place.share_takes = std::chrono::milliseconds(30);
  place.readers_come = 5;
  const WarmReport::Counts counts = place.warm();
  std::vector<ByteRange> reads = place.files["f"].reads;
  std::ranges::sort(reads, {}, &ByteRange::offset);
  uint64_t at = 0;
  for (const ByteRange& range : reads) {
    CHECK(range.offset == at);
    at = range.end();
  }
  CHECK(at == 300 * mib + 1);
  CHECK(reads.size() == 5);
  CHECK(place.most_at_once == 5);
  CHECK(place.may_wait == 128 * mib);
  CHECK(counts.read_files == 1);
  CHECK(counts.read_bytes == 300 * mib + 1);
  CHECK(counts.all_found);
}

TEST_CASE("no more readers than were asked for") {
  FakePlace place;
  for (int i = 0; i < 50; ++i) place.files[std::to_string(i)].size = 10;
  place.readers_come = 3;
  CHECK(place.warm(3).read_files == 50);
  CHECK(place.may_wait == 0);
  CHECK(place.most_at_once == 3);
}

TEST_CASE("what is there already is not read") {
  FakePlace place;
  place.files["there"] = {.size = 10, .share = {.present = 10, .limit = 100, .free = 100}};
  place.files["empty"] = {};
  place.files["half"] = {.size = 10, .share = {.present = 5, .limit = 100, .free = 100}};
  const WarmReport::Counts counts = place.warm();
  CHECK(counts.already_files == 2);
  CHECK(counts.read_files == 1);
  CHECK(place.files["there"].reads.empty());
  CHECK(place.files["half"].reads.size() == 1);
  CHECK(place.summary.find("; 2 files, 10B were there already") != std::string::npos);
}

TEST_CASE("what the cache did not keep is read again, but not for ever") {
  FakePlace place;
  place.files["once"] = {.size = 10, .dropped = 1};
  place.files["twice"] = {.size = 10, .dropped = 2};
  place.files["never"] = {.size = 10, .dropped = 1000};
  place.files["good"] = {.size = 10};
  const WarmReport::Counts counts = place.warm();
  CHECK(place.files["once"].reads.size() == 2);
  CHECK(place.files["twice"].reads.size() == 3);
  CHECK(place.files["good"].reads.size() == 1);
  CHECK(place.files["never"].reads.size() == 5);
  CHECK(counts.not_kept == 1);
  // Bytes that are read again are no progress.
  CHECK(counts.read_bytes == 40);
  CHECK(place.summary.find("penstock: not kept: never\n") != std::string::npos);
}

TEST_CASE("what waits for the disk is waited for, not read again") {
  FakePlace place;
  place.files["slow"] = {.size = 10, .looks_until = 15};
  CHECK(place.warm().not_kept == 0);
  CHECK(place.files["slow"].reads.size() == 1);
  CHECK(place.files["slow"].share.present == 10);
}

TEST_CASE("where the files are more than the cache keeps, nothing is read twice") {
  FakePlace place;
  for (const char* name : {"a", "b", "c"})
    place.files[name] = {.size = 10, .share = {.limit = 25, .free = 100}, .dropped = 1000};
  CHECK(place.warm().not_kept == 3);
  for (const auto& [name, file] : place.files) CHECK(file.reads.size() == 1);
}

TEST_CASE("a cache that cannot be used is not taken for one that is filled") {
  FakePlace place;
  place.files["f"] = {.size = 10, .share = {}};
  CHECK(place.warm().failed == 1);
  CHECK(place.files["f"].reads.empty());
  CHECK(place.summary.find("f: the cache takes nothing of it: ") != std::string::npos);
}

TEST_CASE("where nothing can be kept nothing is read, and why is said") {
  FakePlace place;
  place.files["there"] = {.size = 10,
                          .share = {.present = 10, .limit = 100, .kept = 10, .min_free = 20}};
  for (int i = 0; i < 5000; ++i) {
    place.files[std::to_string(i)] = {
        .size = 10, .share = {.limit = 4096, .kept = 1024, .free = 2048, .min_free = 3072}};
  }
  const WarmReport::Counts counts = place.warm();
  CHECK(counts.no_room);
  CHECK(counts.read_files == 0);
  for (const auto& [name, file] : place.files) CHECK(file.reads.empty());
  CHECK(place.looks < 100);
  CHECK(place.room ==
        "0B (2.0KiB of its disk are free, 3.0KiB shall stay so by --cache-min-free, "
        "and 1.0KiB are kept)");
}

TEST_CASE("what the disk has no room for counts as more than is kept") {
  FakePlace place;
  for (const char* name : {"a", "b", "c"}) {
    place.files[name] = {.size = 10,
                         .share = {.limit = 100, .kept = 15, .free = 20, .min_free = 10},
                         .dropped = 1000};
  }
  CHECK(place.warm().limit == 25);
  for (const auto& [name, file] : place.files) CHECK(file.reads.size() == 1);
  CHECK(place.summary.find("3 files could not be kept; the cache has room for 25B (") !=
        std::string::npos);
}

TEST_CASE("failures are named once each, and twenty at most") {
  FakePlace place;
  for (int i = 0; i < 25; ++i)
    place.files[std::to_string(i)] = {.size = 130 * mib, .error = "broken"};
  place.files["good"].size = 1;
  const WarmReport::Counts counts = place.warm();
  CHECK(counts.failed == 25);
  CHECK(counts.read_files == 1);
  size_t named = 0;
  for (size_t at = 0; (at = place.summary.find(": broken\n", at)) != std::string::npos; ++at)
    ++named;
  CHECK(named == 20);
  CHECK(place.summary.find("… and 5 more\n") != std::string::npos);
}

TEST_CASE("of a file that fails no more is read") {
  FakePlace place;
  place.files["f"] = {.size = 300 * mib, .error = "broken"};
  CHECK(place.warm(1).failed == 1);
  CHECK(place.files["f"].reads.size() == 1);
}

TEST_CASE("without a cache nothing is read") {
  FakePlace place;
  place.no_cache = true;
  for (int i = 0; i < 5000; ++i) place.files[std::to_string(i)].size = 10;
  CHECK(place.warm().no_cache);
  for (const auto& [name, file] : place.files) CHECK(file.reads.empty());
  CHECK(place.looks < 100);
}

TEST_CASE("progress says what is known so far") {
  WarmReport report;
  report.found(5 * mib);
  report.found(5 * mib);
  report.read(5 * mib);
  report.read_file();
  CHECK(report.progress().starts_with("1 of 2 files so far, 5.0MiB of 10MiB, "));
  CHECK(report.progress().find("left") == std::string::npos);
  report.found_all();
  CHECK(report.progress().starts_with("1 of 2 files, "));
  CHECK(report.progress().ends_with(" left"));
  CHECK_FALSE(report.exceeds_limit());
  CHECK(report.learn_room({.limit = 9 * mib, .free = 9 * mib}));
  CHECK(report.exceeds_limit());
  CHECK_FALSE(report.exceeds_limit());
}

TEST_CASE("a manifest has names, comments and blank lines") {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "penstock-manifest";
  std::ofstream(path) << "# one\n\na\r\n b\n#c\nd";
  std::vector<std::string> names;
  CHECK(read_manifest(path, [&](const std::string& name) {
    names.push_back(name);
    return true;
  }));
  CHECK(names == std::vector<std::string>{"a", " b", "d"});
  std::filesystem::remove(path);
  CHECK_FALSE(read_manifest(path, [](const std::string&) { return true; }));
}

TEST_CASE("names of a manifest lie below its base") {
  CHECK(*place_below("/mnt/d", "a/b") == "/mnt/d/a/b");
  CHECK(*place_below("/mnt/d", "./a//b") == "/mnt/d/a/b");
  CHECK(*place_below("/mnt/d", "/mnt/d/a") == "/mnt/d/a");
  CHECK(*place_below("/", "a") == "/a");
  for (const char* name : {"../x", "/mnt/dd/a", "a/../../d2", "/etc", "/etc/d/x", "."})
    CHECK_FALSE(place_below("/mnt/d", name));
}

TEST_CASE("a spool gives back what it was given") {
  FileSpool spool;
  CHECK(spool.add({.name = "a\nb", .size = 7, .etag = "e"}));
  CHECK(spool.add({.name = "c", .size = UINT64_MAX, .etag = ""}));
  CHECK(spool.size() == 2);
  std::vector<std::string> seen;
  CHECK(spool.for_each([&](const WarmFile& file) {
    seen.push_back(file.name + "|" + file.etag + "|" + std::to_string(file.size));
    return true;
  }));
  CHECK(seen == std::vector<std::string>{"a\nb|e|7", "c||18446744073709551615"});
}

}  // namespace
}  // namespace penstock
