// SPDX-License-Identifier: Apache-2.0
// Keys that are hard to carry: each must be stored, found, listed, copied and removed under exactly
// its bytes.
#include <string>
#include <vector>

#include "contract/session.h"

namespace penstock::test {
namespace {

std::string long_key(size_t size) {
  std::string key;
  while (key.size() < size) key.append(key.size() % 200 == 199 ? "/" : "k");
  if (key.back() == '/') key.back() = 'k';
  return key;
}

/// Keys of one kind: a store that has trouble with one of them has it with each.
struct OddKeys {
  std::string kind;
  std::vector<std::string> keys;
};

const std::vector<OddKeys>& odd_keys() {
  static const std::vector<OddKeys> kinds = {
      {"plain", {"folder/file.txt"}},
      {"long", {long_key(1024), std::string(1024, 'c'), "a/" + std::string(256, 'c') + "/b"}},
      {"utf-8", {"päth/日本語/файл", "smile \xF0\x9F\x98\x80.png"}},
      {"plus and percent", {"a+b %2F%20 c%"}},
      {"spaces", {" leading  and trailing ", "folder /x"}},
      {"signs",
       {"it's \"quoted\" <b>&amp;</b>", "a?b#c&d=e;f:g@h", "*[x]{}|\\^`~$!(),'",
        "a?versionId=b+c"}},
      {"slashes", {"a//b", "a///", "/lead", "/"}},
      {"dots", {"x/../y", "../up", "./x/./y", ".."}},
      {"hidden", {".hidden/.file"}},
      {"white space", {"new\nline", "carriage\rreturn", "tab\tkey"}},
      {"control characters", {"ctl\x01key", "esc\x1b/x"}},
      {"delete character", {"del\x7fkey"}},
      {"store's own folder", {".penstock/tmp/x"}},
      {"marker", {"dir/"}},
  };
  return kinds;
}

// The whole life of one object under `key`.
bool lives(Session& store, const std::string& key) {
  const std::string bytes = "bytes of " + key;
  const bool marker = key.ends_with('/');
  const auto put = store.put(key, marker ? "" : bytes);
  if (!put) {
    UNSCOPED_INFO("put: " << put.error().describe());
    return false;
  }
  const auto got = store.get(key);
  if (!got || got->bytes != (marker ? "" : bytes) || got->info.key != key ||
      got->info.etag != put->etag) {
    UNSCOPED_INFO("get: " << (got ? "wrong object" : got.error().describe()));
    return false;
  }
  const auto head = store.head(key);
  if (!head || head->etag != put->etag || head->key != key) {
    UNSCOPED_INFO("head: " << (head ? "wrong object" : head.error().describe()));
    return false;
  }
  const auto page = store.list({});
  if (!page || page->objects.size() != 1 || page->objects[0].key != key ||
      page->objects[0].etag != put->etag) {
    UNSCOPED_INFO("list: " << (page ? "not that object" : page.error().describe()));
    return false;
  }
  const auto exact = store.list({.prefix = key});
  if (!exact || exact->objects.size() != 1) {
    UNSCOPED_INFO("list by prefix: " << outcome(exact));
    return false;
  }
  const auto copied = store.copy({.source = key, .target = "copied"});
  if (!copied || outcome(store.head("copied")) != "ok") {
    UNSCOPED_INFO("copy: " << (copied ? "not there" : copied.error().describe()));
    return false;
  }
  const auto back = store.copy({.source = "copied", .target = key});
  const auto removed = back ? store.remove(key) : Result<void>(back.error());
  if (!removed || outcome(store.head(key)) != "not_found") {
    UNSCOPED_INFO("remove: " << (removed ? "still there" : removed.error().describe()));
    return false;
  }
  return true;
}

// The life of one object under `key` as far as its key travels in XML: an upload in parts that is
// listed, and a removal among others.
bool travels(Session& store, const std::string& key) {
  const auto failed = [](const char* step, const std::string& how) {
    UNSCOPED_INFO(step << ": " << how);
    return false;
  };
  const auto id = store.create_upload(key);
  if (!id) return failed("create", id.error().describe());
  const auto listed = store.list_uploads("");
  if (!listed) return failed("list", listed.error().describe());
  if (listed->size() != 1 || listed->front().key != key) return failed("list", "not that upload");
  const auto part = store.upload_part(key, *id, 1, "part");
  if (!part) return failed("part", part.error().describe());
  const auto done = store.complete({.key = key, .upload_id = *id, .parts = {*part}});
  if (!done) return failed("complete", done.error().describe());
  const auto head = store.head(key);
  if (!head || head->etag != done->etag) return failed("head", outcome(head));
  const auto failures = store.remove_many({key, "another"});
  if (!failures) return failed("remove", failures.error().describe());
  if (!failures->empty()) return failed("remove", failures->front().error.describe());
  return outcome(store.head(key)) == "not_found" || failed("remove", "still there");
}

}  // namespace

TEST_CASE("every legal key is stored, listed, copied and removed") {
  on_every_store([](Session& store) {
    for (const auto& [kind, keys] : odd_keys()) {
      for (const std::string& key : keys) {
        INFO("key '" << key << "'");
        store.behaves("key: " + kind, [&, &odd = key] { return lives(store, odd); });
        store.clear();
      }
    }
  });
}

TEST_CASE("odd keys are removed in batches and uploaded in parts") {
  on_every_store([](Session& store) {
    for (const auto& [kind, keys] : odd_keys()) {
      for (const std::string& key : keys) {
        if (key.ends_with('/')) continue;
        INFO("key '" << key << "'");
        store.behaves("key in XML: " + kind, [&, &odd = key] {
          ok(store.put("another", ""));
          return travels(store, odd);
        });
        store.clear();
      }
    }
  });
}

TEST_CASE("keys that are none are refused") {
  on_every_store([](Session& store) {
    CHECK(outcome(store.put(std::string(1025, 'k'), "x")) == "name_too_long");
    CHECK(outcome(store.put("", "x")) == "invalid_argument");
    CHECK(outcome(store.get("")) == "invalid_argument");
    CHECK(outcome(store.head("")) == "invalid_argument");
    CHECK(store.keys().empty());
  });
}

TEST_CASE("an object may have the name of a folder of others") {
  on_every_store([](Session& store) {
    store.behaves("object beside folder", [&] {
      if (!store.put("a/b", "below") || !store.put("a", "object") || !store.put("a/", ""))
        return false;
      const bool listed = store.keys() == std::vector<std::string>{"a", "a/", "a/b"};
      const ListPage page = store.list_all({.by_directory = true});
      const bool rolled = page.objects.size() == 1 && page.objects[0].key == "a" &&
                          page.common_prefixes == std::vector<std::string>{"a/"};
      const auto object = store.get("a");
      const auto below = store.get("a/b");
      if (!object || !below || object->bytes != "object" || below->bytes != "below") return false;
      if (!store.remove("a")) return false;
      return listed && rolled && store.keys() == std::vector<std::string>{"a/", "a/b"};
    });
    store.clear();
    store.behaves("object beside folder", [&] {
      if (!store.put("a", "object") || !store.put("a/b/c", "below")) return false;
      const auto object = store.get("a");
      const auto below = store.get("a/b/c");
      return object && below && object->bytes == "object" && below->bytes == "below" &&
             store.keys() == std::vector<std::string>{"a", "a/b/c"};
    });
  });
}

TEST_CASE("a marker is an object of its own, with metadata") {
  on_every_store([](Session& store) {
    const Metadata metadata = {{"mode", "040755"}};
    ok(store.put("d/x", "x"));
    CHECK(outcome(store.head("d/")) == "not_found");
    CHECK(store.keys() == std::vector<std::string>{"d/x"});
    const ObjectInfo put = ok(store.put({.key = "d/", .metadata = metadata}));
    const ObjectInfo head = ok(store.head("d/"));
    store.behaves("ETag of a marker", [&] { return head.etag == put.etag; });
    CHECK(head.size == 0);
    CHECK(user_metadata(head.metadata) == metadata);
    CHECK(store.keys() == std::vector<std::string>{"d/", "d/x"});
    store.behaves("put if-none-match of a marker", [&] {
      return outcome(store.put("d/", "", {.if_none_match = true})) == "already_exists" &&
             outcome(store.put("e/", "", {.if_none_match = true})) == "ok";
    });
    ok(store.remove("e/"));
    ok(store.remove("d/x"));
    CHECK(store.keys() == std::vector<std::string>{"d/"});
    ok(store.remove("d/"));
    CHECK(store.keys().empty());
    CHECK(ok(store.list({.by_directory = true})).common_prefixes.empty());
    store.behaves("marker with contents", [&] {
      const auto full = store.put("d/", "contents");
      const auto got = store.get("d/");
      return full && got && got->bytes == "contents" &&
             store.keys() == std::vector<std::string>{"d/"};
    });
  });
}

}  // namespace penstock::test
