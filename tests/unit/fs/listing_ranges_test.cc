// SPDX-License-Identifier: Apache-2.0
// How a listing is divided among walkers: every name comes, in few rounds and not many requests.
#include "fs/lookups/listing_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <random>
#include <set>

#include "support/catch.h"
#include "support/memory_store.h"

namespace penstock {
namespace {

using test::MemoryStore;

const std::string prefix = "p/";

std::string base36(uint64_t n, size_t digits) {
  std::string text;
  for (; digits > 0; --digits, n /= 36)
    text.insert(0, 1, "0123456789abcdefghijklmnopqrstuvwxyz"[n % 36]);
  return text;
}

/// A directory that is listed: each round all requests under way are answered.
class Folder {
 public:
  explicit Folder(const std::vector<std::string>& names, uint32_t page = 100) : page_(page) {
    for (const std::string& name : names) store.set(prefix + name, "x");
  }

  /// Lists all of it. `before_answer` may change it.
  void list(const std::function<void()>& before_answer = [] {}) {
    std::mt19937 dice(7);
    std::deque<ListingRanges::Request> under_way;
    const auto ask = [&] {
      for (ListingRanges::Request& request : ranges.next()) {
        ++requests;
        CHECK(request.start_after.find('/') == std::string::npos);
        CHECK(
            (request.walker == 0 || !request.start_after.empty() || !request.continuation.empty()));
        under_way.push_back(std::move(request));
      }
    };
    for (ask(); !ranges.done(); ++rounds) {
      REQUIRE(!under_way.empty());
      most_under_way = std::max(most_under_way, under_way.size());
      std::shuffle(under_way.begin(), under_way.end(), dice);
      for (size_t left = under_way.size(); left > 0 && !ranges.done(); --left) {
        const ListingRanges::Request request = std::move(under_way.front());
        under_way.pop_front();
        before_answer();
        answer(request);
        ask();
      }
    }
  }

  MemoryStore store;
  ListingRanges ranges{true};
  std::set<std::string> found;
  uint32_t requests = 0;
  uint32_t rounds = 0;
  size_t most_under_way = 0;

 private:
  void answer(const ListingRanges::Request& request) {
    ListRequest asked{.prefix = prefix, .by_directory = true, .max_keys = page_};
    asked.continuation = request.continuation;
    if (!request.start_after.empty()) asked.start_after = prefix + request.start_after;
    store.list(std::move(asked), [&](Result<ListPage> page) {
      REQUIRE(page);
      for (const ObjectInfo& object : page->objects) found.insert(object.key.substr(prefix.size()));
      for (const std::string& common : page->common_prefixes)
        found.insert(common.substr(prefix.size()));
      ranges.take(request.walker, *page, prefix.size());
    });
  }

  const uint32_t page_;
};

std::vector<std::string> numbered(const char* format, int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(fmt::format(fmt::runtime(format), i));
  return names;
}

std::vector<std::string> made(int count, const std::function<std::string(uint64_t)>& name) {
  std::mt19937_64 dice(11);
  std::set<std::string> names;
  while (names.size() < static_cast<size_t>(count)) names.insert(name(dice()));
  return {names.begin(), names.end()};
}

/// Everything is found, in a fraction of the rounds that one walker takes, with few requests more.
void check(const std::vector<std::string>& names, uint32_t most_rounds, uint32_t most_requests) {
  Folder folder(names);
  folder.list();
  const std::set<std::string> wanted(names.begin(), names.end());
  CHECK(folder.found.size() == wanted.size());
  CHECK(folder.found == wanted);
  CHECK(folder.most_under_way <= ListingRanges::most_walkers);
  INFO(names.front() << " to " << names.back() << ": " << folder.rounds << " rounds, "
                     << folder.requests);
  CHECK(folder.rounds <= most_rounds);
  CHECK(folder.requests <= most_requests);
}

TEST_CASE("a hundred pages are listed in a tenth of the rounds, whatever the names are like") {
  SECTION("numbers of equal length") { check(numbered("f{:06}", 10'000), 12, 150); }
  SECTION("numbers as they are") { check(numbered("image_{}.jpeg", 10'000), 14, 160); }
  SECTION("hashes") {
    check(made(10'000, [](uint64_t n) { return fmt::format("{:016x}{:016x}", n, ~n); }), 12, 150);
  }
  SECTION("identifiers") {
    check(made(10'000, [](uint64_t n) { return base36(n, 10); }), 12, 150);
  }
  SECTION("numbers with a hash behind") {
    check(made(10'000,
               [](uint64_t n) {
                 return fmt::format("part-{:05}-{:08x}-c000.parquet", n % 100'000, n >> 40);
               }),
          14, 160);
  }
  SECTION("times") {
    check(made(10'000,
               [](uint64_t n) {
                 return fmt::format("2026-{:02}-{:02}T{:02}:{:02}:{:02}.log", n % 12 + 1,
                                    n / 16 % 28 + 1, n / 512 % 24, n / 16384 % 60,
                                    n / 1'000'000 % 60);
               }),
          16, 170);
  }
  SECTION("words") {
    const std::vector<std::string> parts{"an", "ber", "co", "der", "el", "fi", "gra", "hu", "in",
                                         "lo", "mo",  "ne", "or",  "pa", "re", "sti", "tu", "wo"};
    check(made(10'000,
               [&](uint64_t n) {
                 std::string word;
                 for (int i = 0; i < 5; ++i, n /= 18) word += parts[n % 18];
                 return word;
               }),
          20, 210);
  }
  SECTION("letters of two bytes") {
    check(made(10'000,
               [](uint64_t n) {
                 std::string name;
                 for (int i = 0; i < 6; ++i, n /= 32) {
                   name += "\xD0";
                   name += static_cast<char>(0x90 + n % 32);
                 }
                 return name;
               }),
          16, 170);
  }
  SECTION("directories alone") {
    std::vector<std::string> keys = numbered("d{:05}", 10'000);
    Folder folder({});
    for (const std::string& key : keys) folder.store.set(prefix + key + "/in", "x");
    folder.list();
    CHECK(folder.found.size() == 10'000);
    CHECK(folder.rounds <= 12);
  }
}

TEST_CASE("one dense cluster among few names is divided again and again") {
  std::vector<std::string> names = numbered("a{:04}", 100);
  for (int i = 0; i < 10'000; ++i) names.push_back(fmt::format("m-5-{:06}", i));
  for (int i = 0; i < 100; ++i) names.push_back(fmt::format("z{:04}", i * 97));
  check(names, 20, 200);
}

TEST_CASE("names of several kinds, most of them alike for long, are all found") {
  std::vector<std::string> names = numbered("README-{}", 3);
  for (int i = 0; i < 3000; ++i) names.push_back(std::string(180, 'x') + fmt::format("{:05}", i));
  for (int i = 0; i < 300; ++i) names.push_back(std::string(i % 100 + 1, 'y'));
  for (int i = 0; i < 300; ++i) names.push_back(fmt::format("\xF0\x9F\x98\x80{}", i));
  for (int i = 0; i < 200; ++i) names.push_back(fmt::format("{}\x01{}", i, i));
  for (int i = 0; i < 200; ++i) names.push_back(fmt::format("{}\xC3{}", i, i));  // not UTF-8
  Folder folder(names);
  folder.list();
  CHECK(folder.found == std::set<std::string>(names.begin(), names.end()));
}

TEST_CASE("a small directory costs the pages that it has and a guess for each at most") {
  for (int count = 0; count <= 600; count += 50) {
    Folder folder(numbered("n{:03}", count));
    folder.list();
    const auto pages = static_cast<uint32_t>(std::max(1, (count + 99) / 100));
    CHECK(folder.found.size() == static_cast<size_t>(count));
    CHECK(folder.requests <= (pages == 1 ? 1 : 2 * pages));
    CHECK(folder.rounds <= pages);
  }
}

TEST_CASE("names and directories beside each other come once, wherever walkers begin") {
  std::vector<std::string> keys;
  for (int i = 0; i < 1500; ++i) {
    const std::string name = fmt::format("k{:04}", i);
    keys.insert(keys.end(), {name, name + "-x", name + "/in", name + "/on", name + "0"});
  }
  std::set<std::string> wanted;
  for (const std::string& key : keys)
    wanted.insert(key.substr(0, key.find('/') + 1 == 0 ? key.size() : key.find('/') + 1));
  Folder folder(keys, 37);
  folder.list();
  CHECK(folder.found == wanted);
}

TEST_CASE("what exists throughout is found in a directory that grows and shrinks meanwhile") {
  const std::vector<std::string> stay = numbered("s{:05}", 3000);
  Folder folder(stay);
  std::mt19937 dice(3);
  folder.list([&] {
    for (int i = 0; i < 40; ++i) {
      const std::string name = fmt::format("{}s{:05}-x", prefix, dice() % 4000);
      if (dice() % 2 == 0)
        folder.store.set(name, "x");
      else
        folder.store.erase(name);
    }
  });
  for (const std::string& name : stay) CHECK(folder.found.contains(name));
}

TEST_CASE("a store without order, or whose first page has none, is listed by one walker") {
  ListPage page;
  for (const char* name : {"p/b", "p/a", "p/c"}) page.objects.push_back({.key = name});
  page.continuation = "more";
  for (const bool ordered : {false, true}) {
    ListingRanges ranges(ordered);
    CHECK(ranges.next().size() == 1);
    for (int i = 0; i < 5; ++i) {
      ranges.take(0, page, prefix.size());
      const auto requests = ranges.next();
      REQUIRE(requests.size() == 1);
      CHECK(requests.front().continuation == "more");
      if (!ordered)
        std::sort(page.objects.begin(), page.objects.end(),
                  [](const auto& a, const auto& b) { return a.key < b.key; });
    }
    page.continuation.clear();
    ranges.take(0, page, prefix.size());
    CHECK(ranges.done());
    page.continuation = "more";
    std::swap(page.objects[0], page.objects[1]);
  }
}

}  // namespace
}  // namespace penstock
