// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "contract/session.h"

namespace penstock::test {

TEST_CASE("a removed object is gone, and removing it again is no error") {
  on_every_store([](Session& store) {
    ok(store.put("d/e/object", "x"));
    ok(store.put("d/other", "x"));
    ok(store.remove("d/e/object"));
    CHECK(outcome(store.head("d/e/object")) == "not_found");
    CHECK(outcome(store.get("d/e/object")) == "not_found");
    CHECK(store.keys() == std::vector<std::string>{"d/other"});
    ok(store.remove("d/e/object"));
    ok(store.remove("never/was/there"));
    ok(store.remove("d/other/below"));
    ok(store.remove("d"));
    ok(store.remove("d/"));
    CHECK(store.keys() == std::vector<std::string>{"d/other"});
  });
}

TEST_CASE("many are removed at once, with those that are not there") {
  on_every_store([](Session& store) {
    std::vector<std::string> keys;
    for (int i = 0; i < 500; ++i) keys.push_back(fmt::format("batch/{}", i));
    store.put_all(keys);
    ok(store.put("batch/kept", "x"));
    for (int i = 0; i < 500; ++i) keys.push_back(fmt::format("missing/{}", i));
    const auto failures = ok(store.remove_many(keys));
    for (const auto& failure : failures)
      UNSCOPED_INFO(failure.key << ": " << failure.error.describe());
    CHECK(failures.empty());
    CHECK(store.keys() == std::vector<std::string>{"batch/kept"});
    keys.push_back("one too many");
    CHECK(outcome(store.remove_many(keys)) == "invalid_argument");
  });
}

}  // namespace penstock::test
