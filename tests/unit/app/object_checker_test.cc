// SPDX-License-Identifier: Apache-2.0
#include "app/verify/object_checker.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/verify/verify_place.h"
#include "base/mutex.h"
#include "store/forwarding_store.h"
#include "store/s3/base64.h"
#include "store/s3/running_digest.h"
#include "support/catch.h"
#include "support/memory_store.h"

namespace penstock {
namespace {

using Kind = ObjectVerdict::Kind;

std::string raw(ChecksumKind kind, std::string_view bytes) {
  return digest_of(kind, bytes).value();
}

/// What a store tells of its objects, as a test wants it.
class FakeSums final : public ObjectSums {
 public:
  explicit FakeSums(test::MemoryStore& store) : store_(store) {}

  void look(HeadRequest request, Done<ObjectSum> done) override {
    const auto info = store_.info(request.key);
    if (!info) return done(Error(Code::not_found));
    ObjectSum sum = told.contains(request.key) ? told[request.key] : ObjectSum{};
    sum.object = *info;
    sum.object.storage_class = storage_class;
    sum.object.restore = restore;
    if (looked) looked();
    done(std::move(sum));
  }
  void look_at_part(PartSumRequest request, Done<PartSum> done) override {
    if (parts.empty()) return done(Error(Code::not_supported));
    if (store_.info(request.key)->etag != request.if_match) return done(Error(Code::changed));
    done(parts.at(request.number - 1));
  }

  std::map<std::string, ObjectSum> told;
  std::vector<PartSum> parts;
  std::string storage_class;
  std::optional<RestoreState> restore;
  std::function<void()> looked;  ///< After the answer is made.

 private:
  test::MemoryStore& store_;
};

/// Flips a byte of the answers to some of the gets.
class FlippingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  void get(GetRequest request, Done<ObjectInfo> done) override {
    {
      const MutexLock lock(mutex_);
      ranges.push_back(request.range.value_or(ByteRange{}));
      ++gets;
    }
    if (error && gets > gets_before_error) return done(*error);
    if (flips != 0) {
      --flips;
      request.sink = std::make_shared<Flip>(request.sink);
    }
    inner().get(std::move(request), std::move(done));
  }

  int flips = 0;  ///< Negative: all.
  int gets = 0;
  std::vector<ByteRange> ranges;
  std::optional<Error> error;
  int gets_before_error = 0;
  std::optional<Error> head_error;

  void head(HeadRequest request, Done<ObjectInfo> done) override {
    if (head_error) return done(*head_error);
    inner().head(std::move(request), std::move(done));
  }

 private:
  struct Flip final : BodySink {
    explicit Flip(std::shared_ptr<BodySink> to) : to_(std::move(to)) {}
    void started(const ObjectInfo& info) noexcept override { to_->started(info); }
    bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
      std::vector<std::byte> copy(bytes.begin(), bytes.end());
      if (!std::exchange(done_, true)) copy[0] ^= std::byte{1};
      return to_->write(offset, copy);
    }
    const std::shared_ptr<BodySink> to_;
    bool done_ = false;
  };
  Mutex mutex_;
};

struct World {
  test::MemoryStore memory;
  FakeSums sums{memory};
  FlippingStore store{memory};
  uint64_t read = 0;
  ObjectChecker::Settings settings{.requests = 4, .range_size = 1000};

  void put(const std::string& key, const std::string& bytes, ChecksumKind kind) {
    memory.set(key, bytes);
    sums.told[key] = {.kind = kind, .value = raw(kind, bytes)};
  }
  /// With the checksum of the checksums of parts of these sizes.
  void put_in_parts(const std::string& bytes, ChecksumKind kind, std::vector<size_t> sizes,
                    bool tell_parts) {
    memory.set("k", bytes);
    std::string joined;
    size_t at = 0;
    for (const size_t size : sizes) {
      const std::string sum = raw(kind, std::string_view(bytes).substr(at, size));
      sums.parts.push_back({.size = size, .value = tell_parts ? sum : ""});
      joined += sum;
      at += size;
    }
    sums.told["k"] = {
        .kind = kind, .value = raw(kind, joined), .parts = static_cast<uint32_t>(sizes.size())};
  }
  ObjectVerdict check(const std::string& key = "k") {
    ObjectChecker checker(store, sums, settings, [&](uint64_t bytes) { read += bytes; });
    return checker.check(key);
  }
};

std::string text_of(size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text += static_cast<char>(i ^ (i >> 8));
  return text;
}

}  // namespace

TEST_CASE("an object is good whose ranges have the checksum of the whole") {
  World world;
  for (const auto kind : {ChecksumKind::crc32, ChecksumKind::crc32c, ChecksumKind::crc64nvme,
                          ChecksumKind::sha1, ChecksumKind::sha256, ChecksumKind::md5}) {
    for (const size_t size : {0U, 1U, 999U, 1000U, 1001U, 5000U, 70'001U}) {
      INFO(to_string(kind) << " of " << size);
      world.put("k", text_of(size), kind);
      world.store.gets = 0;
      CHECK(world.check().kind == Kind::good);
      // Ranges of 1,000 bytes, one for each that is begun; digests are read in one.
      const size_t ranges = is_crc(kind) ? (size + 999) / 1000 : std::min<size_t>(size, 1);
      CHECK(world.store.gets == static_cast<int>(ranges));
    }
  }
}

TEST_CASE("an object whose bytes differ is read again before that is said") {
  World world;
  world.put("k", text_of(5000), ChecksumKind::crc32c);
  SECTION("and differs again") {
    world.store.flips = -1;
    const ObjectVerdict verdict = world.check();
    CHECK(verdict.kind == Kind::differs);
    CHECK(verdict.checksum == "CRC32C");
    CHECK(verdict.expected == base64_encode(raw(ChecksumKind::crc32c, text_of(5000))));
    CHECK(verdict.found != verdict.expected);
    CHECK(world.read == 10'000);
  }
  SECTION("and was damaged on the way") {
    world.store.flips = 1;
    const ObjectVerdict verdict = world.check();
    CHECK(verdict.kind == Kind::good);
    CHECK(verdict.damaged_once);
    CHECK(world.read == 10'000);
  }
  world.store.flips = -1;
  world.store.gets = 0;
  world.store.gets_before_error = 5;  // ranges: the first reading
  SECTION("and cannot be read again") {
    world.store.error = Error(Code::unavailable, "it burns");
    const ObjectVerdict verdict = world.check();
    CHECK(verdict.kind == Kind::unreadable);
    CHECK(verdict.why.starts_with("differed when it was read first, and could not"));
    CHECK(verdict.why.find("it burns") != std::string::npos);
  }
  SECTION("and is replaced before") {
    world.store.error = Error(Code::changed);
    CHECK(world.check().kind == Kind::changed);
  }
}

TEST_CASE("an ETag is written as the store has it, and may be left alone") {
  World world;
  world.put("k", "other", ChecksumKind::md5);
  world.sums.told["k"].value = raw(ChecksumKind::md5, "123456789");
  world.sums.told["k"].of_etag = true;
  const ObjectVerdict verdict = world.check();
  CHECK(verdict.kind == Kind::differs);
  CHECK(verdict.checksum == "MD5 (ETag)");
  CHECK(verdict.expected == "25f9e794323b453885f5181f1b624d0b");
  world.settings.etags = false;
  world.store.gets = 0;
  CHECK(world.check().kind == Kind::unchecked);
  CHECK(world.store.gets == 0);
}

TEST_CASE("a checksum of checksums is checked part by part") {
  World world;
  const bool told = GENERATE(false, true);
  const auto kind = GENERATE(ChecksumKind::crc32c, ChecksumKind::sha256, ChecksumKind::md5);
  world.put_in_parts(text_of(5000), kind, {2000, 2500, 500}, told);
  CHECK(world.check().kind == Kind::good);
  CHECK(world.store.gets == 3);
  world.memory.set("k", text_of(4999) + "x");
  const ObjectVerdict verdict = world.check();
  CHECK(verdict.kind == Kind::differs);
  CHECK(verdict.part == (told ? 3U : 0U));
  if (told) {
    CHECK(verdict.range == ByteRange{4500, 500});
    CHECK(verdict.found == base64_encode(raw(kind, text_of(4999).substr(4500) + "x")));
  } else {
    CHECK(verdict.expected.ends_with("-3"));
  }
}

TEST_CASE("parts whose sizes are not told, or not those of the object, cannot be checked") {
  World world;
  world.put_in_parts(text_of(5000), ChecksumKind::crc32c, {2000, 2500, 500}, false);
  SECTION("not told") { world.sums.parts.clear(); }
  SECTION("too small") { world.sums.parts[1].size = 2400; }
  SECTION("too large") { world.sums.parts[1].size = 10'000; }
  const ObjectVerdict verdict = world.check();
  CHECK(verdict.kind == Kind::unchecked);
  CHECK_FALSE(verdict.why.empty());
}

TEST_CASE("what cannot be read says why") {
  World world;
  CHECK(world.check("none").kind == Kind::gone);
  world.put("k", "bytes", ChecksumKind::crc32c);
  SECTION("archived") {
    world.sums.storage_class = "GLACIER";
    const ObjectVerdict verdict = world.check();
    CHECK(verdict.kind == Kind::unreadable);
    CHECK(verdict.why.find("penstock restore") != std::string::npos);
    CHECK(world.store.gets == 0);
  }
  SECTION("archived, and asked for") {
    world.sums.storage_class = "GLACIER";
    world.sums.restore = RestoreState{.ongoing = true};
    CHECK(world.check().why == "is archived, and being restored");
    world.sums.restore->ongoing = false;
    CHECK(world.check().kind == Kind::good);
  }
  SECTION("refused") {
    const auto code = GENERATE(Code::access_denied, Code::not_supported);
    world.store.error = Error(code, "no");
    const ObjectVerdict verdict = world.check();
    CHECK(verdict.kind == Kind::unreadable);
    CHECK(verdict.why.find("no") != std::string::npos);
  }
  SECTION("without a checksum") {
    world.sums.told["k"] = {.why_not = "none"};
    const ObjectVerdict verdict = world.check();
    CHECK(verdict.kind == Kind::unchecked);
    CHECK(verdict.why == "none");
    CHECK(world.store.gets == 0);
  }
}

TEST_CASE("an object that is replaced while it is read is begun anew, but not for ever") {
  World world;
  world.put("k", text_of(5000), ChecksumKind::crc32c);
  int looks = 0;
  SECTION("once") {
    world.sums.looked = [&] {
      if (++looks == 1) world.put("k", text_of(3000), ChecksumKind::crc32c);
    };
    CHECK(world.check().kind == Kind::good);
    CHECK(looks == 2);
  }
  SECTION("each time") {
    world.sums.looked = [&] {
      ++looks;
      world.put("k", text_of(3000), ChecksumKind::crc32c);
    };
    CHECK(world.check().kind == Kind::changed);
    CHECK(looks == 3);
  }
  SECTION("by nothing") {
    world.sums.looked = [&] { world.memory.erase("k"); };
    CHECK(world.check().kind == Kind::gone);
  }
}

TEST_CASE("a very large object is read in ranges of which few are kept") {
  World world;
  world.settings.range_size = 1;
  world.put("k", text_of(5000), ChecksumKind::crc64nvme);
  CHECK(world.check().kind == Kind::good);
  CHECK(world.store.gets <= 1024);
  CHECK(world.store.gets > 500);
}

TEST_CASE("all that lies below a prefix is checked, and what has its name") {
  World world;
  std::set<std::string> lines;
  for (int i = 0; i < 2500; ++i)
    world.put("a/" + std::to_string(i), std::to_string(i), ChecksumKind::crc32c);
  world.put("ab", "other", ChecksumKind::crc32c);
  const auto verify = [&](const std::string& prefix) {
    VerifyReport report(1, true);
    const VerifyTarget target{.options = {}, .url = {.prefix = prefix}, .name = "s3://b/" + prefix};
    const auto take = [&] {
      for (const ObjectVerdict& verdict : report.take_unsaid()) lines.insert(verdict_line(verdict));
    };
    lines.clear();
    verify_objects(world.store, world.sums, target, world.settings, report, take);
    take();
    CHECK(report.counts().all_found);
    return report.counts();
  };
  SECTION("of a prefix") {
    world.memory.set("a/77", "damaged");
    world.memory.set("a/\x1b[2J\n", "x");
    const VerifyReport::Counts all = verify("a/");
    CHECK(all.good == 2499);
    CHECK(all.differs == 1);
    CHECK(all.unchecked == 1);
    CHECK(all.objects == 2501);
    CHECK(lines.size() == 2);
    CHECK(lines.contains("unchecked: a/\\x1b[2J\\x0a"));
    CHECK(std::ranges::any_of(
        lines, [](const std::string& line) { return line.starts_with("differs: a/77: CRC32C "); }));
  }
  SECTION("of one object") {
    CHECK(verify("ab/").good == 1);
    CHECK(verify("").good == 2501);
  }
  SECTION("of both") {
    world.put("a", "beside", ChecksumKind::crc32c);
    CHECK(verify("a/").good == 2501);
    world.memory.set("a", "damaged");
    CHECK(verify("a/").differs == 1);
  }
  SECTION("with credentials for what lies below alone") {
    world.store.head_error = Error(Code::access_denied);
    CHECK(verify("a/").status() == 0);
    CHECK(verify("ab/").status() == 2);
    world.store.head_error = Error(Code::unavailable);
    CHECK(verify("a/").status() == 2);
  }
  SECTION("of nothing") {
    CHECK(verify("none/").status() == 2);
    CHECK(lines.contains("unreadable: s3://b/none/: nothing is stored there"));
  }
}

TEST_CASE("the status of a check is that of the worst that was found") {
  VerifyReport report(1, false);
  CHECK(report.counts().status() == 0);
  report.add({.kind = Kind::good, .name = "a"});
  report.add({.kind = Kind::gone, .name = "b"});
  CHECK(report.counts().status() == 0);
  report.add({.kind = Kind::unchecked, .name = "c", .why = "none"});
  CHECK(report.counts().status() == 3);
  report.add({.kind = GENERATE(Kind::changed, Kind::unreadable), .name = "d"});
  CHECK(report.counts().status() == 2);
  report.add({.kind = Kind::differs, .name = "e"});
  CHECK(report.counts().status() == 1);
}

TEST_CASE("more differences than are kept wait until they are said") {
  VerifyReport report(1, false);
  std::atomic<int> added{0};
  std::jthread adds([&] {
    for (int i = 0; i < 3000; ++i) {
      report.add({.kind = Kind::differs, .name = std::to_string(i)});
      ++added;
    }
  });
  size_t said = 0;
  while (said < 3000) {
    const std::vector<ObjectVerdict> verdicts = report.take_unsaid();
    CHECK(verdicts.size() <= 1000);
    said += verdicts.size();
    if (verdicts.empty()) std::this_thread::yield();
  }
  CHECK(report.counts().differs == 3000);
}

}  // namespace penstock
