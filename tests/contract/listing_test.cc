// SPDX-License-Identifier: Apache-2.0
// Listings: byte order, pages, delimiter, prefixes and starting points, each against what S3 would
// give.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "contract/session.h"

namespace penstock::test {
namespace {

struct Names {
  std::vector<std::string> objects;
  std::vector<std::string> common_prefixes;
  bool operator==(const Names&) const = default;
};

// The listing that S3 defines, the slow and obvious way.
Names expected(const std::vector<std::string>& keys, const ListRequest& request) {
  std::set<std::string> objects;
  std::set<std::string> prefixes;
  for (const auto& key : keys) {
    if (!key.starts_with(request.prefix) || key <= request.start_after) continue;
    const size_t slash =
        request.by_directory ? key.find('/', request.prefix.size()) : std::string::npos;
    if (slash == std::string::npos) {
      objects.insert(key);
    } else if (key.substr(0, slash + 1) > request.start_after) {
      prefixes.insert(key.substr(0, slash + 1));
    }
  }
  return {{objects.begin(), objects.end()}, {prefixes.begin(), prefixes.end()}};
}

Names listed(Session& store, const ListRequest& request) {
  ListPage page = store.list_all(request);
  Names names;
  for (auto& object : page.objects) names.objects.push_back(std::move(object.key));
  names.common_prefixes = std::move(page.common_prefixes);
  return names;
}

void check_listing(Session& store, const std::vector<std::string>& keys,
                   const ListRequest& request) {
  INFO("prefix '" << request.prefix << "' by_directory " << request.by_directory << " start_after '"
                  << request.start_after << "' max_keys " << request.max_keys);
  const Names wanted = expected(keys, request);
  const Names got = listed(store, request);
  CHECK(got.objects == wanted.objects);
  CHECK(got.common_prefixes == wanted.common_prefixes);
}

// Names around "/" (0x2f) in byte order, where the order of a folder's names is not that of the
// keys below them.
std::vector<std::string> tricky_keys(const Session& store) {
  std::vector<std::string> keys = {"B",        "a b",      "a+c",      "a-b-/x",
                                   "a-b/1",    "a-b/2",    "a.txt",    "a/1",
                                   "a/2/deep", "a/2/deeq", "a/2-x",    "a/20",
                                   "a/b/c/d",  "a0/x",     "aa",       "b/only/one",
                                   "c/x",      "c/y",      "\xC3\xA9", "z/\xF0\x9F\x98\x80",
                                   "z~"};
  if (store.can("object beside folder")) keys.insert(keys.end(), {"a-b", "a0"});
  return keys;
}

}  // namespace

TEST_CASE("keys are listed in byte order, with sizes and ETags") {
  on_every_store([](Session& store) {
    std::vector<std::string> keys = tricky_keys(store);
    std::reverse(keys.begin(), keys.end());
    store.put_all(keys);
    const ObjectInfo put = ok(store.put("a.txt", "some bytes"));
    const ListPage page = ok(store.list({}));
    CHECK(page.continuation.empty());
    std::sort(keys.begin(), keys.end());
    REQUIRE(page.objects.size() == keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      CHECK(page.objects[i].key == keys[i]);
      if (page.objects[i].key != "a.txt") continue;
      CHECK(page.objects[i].size == put.size);
      CHECK(page.objects[i].etag == put.etag);
      CHECK(page.objects[i].last_modified_ns > 0);
    }
  });
}

TEST_CASE("pages of every size, cut anywhere, make the same listing") {
  on_every_store([](Session& store) {
    const std::vector<std::string> keys = tricky_keys(store);
    store.put_all(keys);
    for (const bool by_directory : {false, true}) {
      for (const std::string prefix : {"", "a", "a/", "a/2", "a-"}) {
        for (const uint32_t max_keys : {1U, 2U, 3U, 7U, 1000U}) {
          check_listing(store, keys,
                        {.prefix = prefix, .by_directory = by_directory, .max_keys = max_keys});
        }
      }
    }
  });
}

TEST_CASE("prefixes need not end at a slash") {
  on_every_store([](Session& store) {
    const std::vector<std::string> keys = tricky_keys(store);
    store.put_all(keys);
    for (const bool by_directory : {false, true}) {
      for (const std::string prefix :
           {"a", "a/", "a/2", "a/2/", "a/2/d", "a/2/deep", "a/2/deep/", "a-b", "c/x", "c",
            "nothing", "nothing/at/all", "z/\xF0\x9F\x98\x80", "b/only/", "\xC3\xA9"}) {
        check_listing(store, keys, {.prefix = prefix, .by_directory = by_directory});
      }
    }
  });
}

TEST_CASE("a listing starts behind any key") {
  on_every_store([](Session& store) {
    const std::vector<std::string> keys = tricky_keys(store);
    store.put_all(keys);
    for (const std::string after :
         {"a b", "a", "a-", "a-b", "a-b/1", "a-b0", "a/2", "a/2/deep", "a0", "zzz", "\x01"}) {
      check_listing(store, keys, {.start_after = after});
      check_listing(store, keys, {.start_after = after, .max_keys = 2});
      check_listing(store, keys, {.prefix = "a", .start_after = after});
    }
    // With a delimiter S3 does not say what a starting point inside a common prefix means.
    for (const std::string after : {"a b", "a-b", "a.txt", "aa", "a0", "zzz"}) {
      check_listing(store, keys, {.by_directory = true, .start_after = after});
    }
  });
}

// Large directories are listed from several places at once: from names that need not exist.
TEST_CASE("a directory is listed from behind any component, and page by page from there") {
  on_every_store([](Session& store) {
    std::vector<std::string> keys;
    for (const std::string& key : tricky_keys(store)) keys.push_back("p/" + key);
    for (int i = 0; i < 40; ++i)
      keys.push_back(fmt::format("p/n{:02}{}", i, i % 3 == 0 ? "/x" : ""));
    store.put_all(keys);
    for (const std::string after : {"",         "a",        "a ",
                                    "a+",       "a-",       "a-b",
                                    "a-b-",     "a.txt",    "a0",
                                    "b",        "c",        "m~",
                                    "n",        "n0",       "n00",
                                    "n05",      "n155",     "n39",
                                    "n4",       "n&<",      "n%41",
                                    "o",        "z",        "z\xC3\xA9",
                                    "\xC3\xA9", "\xD0\xB6", "\xF0\x9F\x98\x80"}) {
      for (const uint32_t max_keys : {1000U, 7U}) {
        check_listing(store, keys,
                      {.prefix = "p/",
                       .by_directory = true,
                       .start_after = "p/" + after,
                       .max_keys = max_keys});
      }
    }
  });
}

TEST_CASE("a listing sees what was done before it") {
  on_every_store([](Session& store) {
    ok(store.put("d/a", ""));
    ok(store.put("d/c", ""));
    CHECK(store.keys() == std::vector<std::string>{"d/a", "d/c"});
    const ListPage first = ok(store.list({.prefix = "d/", .max_keys = 1}));
    ok(store.put("d/b", ""));
    ok(store.remove("d/c"));
    const ListPage second =
        ok(store.list({.prefix = "d/", .continuation = first.continuation, .max_keys = 1}));
    REQUIRE(second.objects.size() == 1);
    CHECK(second.objects[0].key == "d/b");
    ok(store.remove("d/a"));
    ok(store.remove("d/b"));
    CHECK(store.keys().empty());
    CHECK(ok(store.list({.by_directory = true})).common_prefixes.empty());
  });
}

TEST_CASE("2,500 keys come in pages of 1,000 and less") {
  on_every_store([](Session& store) {
    std::vector<std::string> keys;
    for (int i = 0; i < 1000; ++i) keys.push_back(fmt::format("many/a-{:04}", i));
    for (int i = 0; i < 1000; ++i) keys.push_back(fmt::format("many/a/{:04}", i));
    for (int i = 0; i < 500; ++i) keys.push_back(fmt::format("many/{:03}/x", i));
    store.put_all(keys);
    const ListPage page = ok(store.list({.prefix = "many/"}));
    CHECK(page.objects.size() == 1000);
    CHECK(!page.continuation.empty());
    check_listing(store, keys, {.prefix = "many/"});
    check_listing(store, keys, {.prefix = "many/", .max_keys = 333});
    check_listing(store, keys, {.prefix = "many/", .by_directory = true, .max_keys = 400});
    check_listing(store, keys, {.prefix = "many/a", .by_directory = true});
  });
}

TEST_CASE("pages of no keys or too many are refused") {
  on_every_store([](Session& store) {
    CHECK(outcome(store.list({.max_keys = 0})) == "invalid_argument");
    CHECK(outcome(store.list({.max_keys = 1001})) == "invalid_argument");
  });
}

}  // namespace penstock::test
