// SPDX-License-Identifier: Apache-2.0
// What an object carries besides its bytes and user metadata.
#include "contract/session.h"

namespace penstock::test {
namespace {

const Metadata described = {{"note", "user metadata"},
                            {header::content_type, "text/html; charset=utf-8"},
                            {header::content_encoding, "gzip"},
                            {header::content_disposition, "attachment; filename=\"a b.html\""},
                            {header::content_language, "de"},
                            {header::cache_control, "max-age=60, no-transform"},
                            {header::expires, "Thu, 01 Dec 2033 16:00:00 GMT"}};

/// In words: what `found` lacks of `wanted`.
std::string missing(const std::optional<Metadata>& found, const Metadata& wanted) {
  std::string names;
  for (const auto& [name, value] : wanted) {
    const auto at = found ? found->find(name) : Metadata::const_iterator();
    if (!found || at == found->end() || at->second != value) names += name + ' ';
  }
  return names;
}

/// Those headers that the store keeps at all.
Metadata kept_by(const Session& store) {
  Metadata kept;
  for (const auto& [name, value] : described)
    if (store.can("header " + name)) kept.emplace(name, value);
  return kept;
}

/// One store tells the tags, another their number.
bool has_tags(const std::optional<Metadata>& found) {
  return found && (found->contains(header::tagging) || found->contains(header::tagging_count));
}

}  // namespace

TEST_CASE("headers come back with get and head") {
  on_every_store([](Session& store) {
    ok(store.put({.key = "object", .body = Body::of("x"), .metadata = described}));
    const auto head = ok(store.head("object")).metadata;
    for (const auto& each : described)
      store.behaves("header " + each.first, [&] { return missing(head, {each}).empty(); });
    CHECK(missing(ok(store.get("object")).info.metadata, kept_by(store)) == "");
    ok(store.put("plain", "x"));
    const Metadata plain = ok(store.head("plain")).metadata.value();
    CHECK(!plain.contains(header::content_encoding));
    CHECK(!plain.contains(header::storage_class));
    CHECK(!has_tags(plain));
  });
}

TEST_CASE("headers are kept by a copy, by one with metadata of its own, and by an upload") {
  on_every_store([](Session& store) {
    ok(store.put({.key = "object", .body = Body::of("x"), .metadata = described}));
    ok(store.copy({.source = "object", .target = "copy"}));
    Metadata kept = kept_by(store);
    const auto copy = ok(store.head("copy")).metadata;
    const std::string expires = described.at(header::expires);
    store.behaves("expires of copies and uploads", [&] {
      return missing(copy, {{header::expires, expires}}).empty();
    });
    const bool expires_kept = store.can("expires of copies and uploads");
    if (!expires_kept) kept.erase(header::expires);
    CHECK(missing(copy, kept) == "");
    Metadata changed = ok(store.head("object")).metadata.value();
    changed["note"] = "another";
    if (!expires_kept) changed.erase(header::expires);
    ok(store.copy({.source = "object", .target = "object", .metadata = changed}));
    CHECK(missing(ok(store.head("object")).metadata, changed) == "");
    const std::string id = ok(store.create_upload("parts", described));
    const CompletedPart part = ok(store.upload_part("parts", id, 1, "bytes"));
    ok(store.complete({.key = "parts", .upload_id = id, .parts = {part}}));
    CHECK(missing(ok(store.head("parts")).metadata, kept) == "");
  });
}

TEST_CASE("a storage class and a redirection are kept by a copy") {
  on_every_store([](Session& store) {
    const Metadata special = {{header::storage_class, "STANDARD_IA"},
                              {header::website_redirect, "/elsewhere"}};
    store.behaves("storage class and redirection", [&] {
      if (!store.put({.key = "object", .body = Body::of("x"), .metadata = special})) return false;
      if (!missing(ok(store.head("object")).metadata, special).empty()) return false;
      ok(store.copy({.source = "object", .target = "copy"}));
      return missing(ok(store.head("copy")).metadata, special).empty();
    });
  });
}

TEST_CASE("tags are kept by copies, and given to what takes an object's place") {
  on_every_store([](Session& store) {
    const Metadata tagged = {{header::tagging, "project=a%20b&stage=raw"}};
    store.behaves("tags", [&] {
      if (!store.put({.key = "object", .body = Body::of("x"), .metadata = tagged})) return false;
      if (!has_tags(ok(store.head("object")).metadata)) return false;
      ok(store.copy({.source = "object", .target = "copy"}));
      ok(store.copy({.source = "copy", .target = "again", .metadata = Metadata{{"a", "b"}}}));
      const Metadata known = ok(store.head("again")).metadata.value();
      // As an edit stores what it read.
      ok(store.put({.key = "again", .body = Body::of("new"), .metadata = known}));
      const std::string id = ok(await<std::string>([&](auto done) {
        store.store().create_upload({.key = "parts", .metadata = known, .tags_of = "again"},
                                    std::move(done));
      }));
      const CompletedPart part = ok(store.upload_part("parts", id, 1, "bytes"));
      ok(store.complete({.key = "parts", .upload_id = id, .parts = {part}}));
      return has_tags(ok(store.head("copy")).metadata) && has_tags(known) &&
             has_tags(ok(store.head("again")).metadata) &&
             has_tags(ok(store.head("parts")).metadata);
    });
    // Nothing is there to take tags of.
    ok(store.put({.key = "alone", .metadata = {{header::tagging_count, "2"}}}));
    CHECK(outcome(store.head("alone")) == "ok");
  });
}

}  // namespace penstock::test
