// SPDX-License-Identifier: Apache-2.0
#include "data/copy/object_copier.h"

#include <set>

#include "support/await.h"
#include "support/catch.h"
#include "support/faulty_store.h"
#include "support/memory_store.h"

namespace penstock {
namespace {

using test::await;

/// Remembers what is said to be unfinished.
struct Uploads final : UploadRegistry {
  void added(const std::string& key, const std::string& id) override { open.insert(key + id); }
  void ended(const std::string& key, const std::string& id) override { open.erase(key + id); }
  std::set<std::string> open;
};

struct Copying {
  explicit Copying(const StoreLimits& limits = {.min_part_size = 10}) : memory({.limits = limits}) {
    etag = memory.set("from", bytes, {{"mode", "1"}});
  }
  Result<ObjectInfo> copy(CopyObject request) {
    request.source = "from";
    request.target = "to";
    request.size = bytes.size();
    if (request.etag.empty()) request.etag = etag;
    ObjectCopier copier(store, uploads,
                        {.parallel_above = 100, .part_size = 64, .parts_in_flight = 3});
    return await<ObjectInfo>(
        [&](Done<ObjectInfo> done) { copier.copy(std::move(request), std::move(done)); });
  }

  std::string bytes = std::string(1000, 'a') + "end";
  test::MemoryStore memory;
  test::FaultyStore store{memory};
  Uploads uploads;
  ETag etag;
};

TEST_CASE("a large object is copied in parts, with the metadata of its source or new ones") {
  Copying world;
  const bool replace = GENERATE(false, true);
  const Result<ObjectInfo> info = world.copy(
      {.metadata = replace ? std::optional<Metadata>(Metadata{{"mode", "2"}}) : std::nullopt});
  REQUIRE(info);
  CHECK(info->size == world.bytes.size());
  CHECK(world.memory.contents("to") == world.bytes);
  CHECK(world.memory.info("to")->metadata->at("mode") == (replace ? "2" : "1"));
  CHECK(world.memory.count("UploadPartCopy") == 16);
  CHECK(world.memory.count("Copy") == 0);
  CHECK(world.uploads.open.empty());
}

TEST_CASE("a copy that fails leaves neither target nor upload") {
  Copying world;
  const std::string operation =
      GENERATE("UploadPartCopy", "CompleteUpload", "CreateUpload", "Head");
  world.store.add(
      {.operation = operation, .nth = operation == "UploadPartCopy" ? 5U : 1U, .times = 100});
  CHECK_FALSE(world.copy({}));
  CHECK_FALSE(world.memory.contents("to"));
  CHECK(world.memory.unfinished_uploads().empty());
  CHECK(world.uploads.open.empty());
}

TEST_CASE("an upload that cannot be aborted stays remembered") {
  Copying world;
  world.store.add({.operation = "CompleteUpload", .times = 100});
  world.store.add({.operation = "AbortUpload", .times = 100});
  CHECK_FALSE(world.copy({}));
  CHECK(world.uploads.open.size() == 1);
}

TEST_CASE("another version than the one meant is not copied") {
  Copying world;
  CHECK(world.copy({.etag = "other"}).code() == Code::changed);
  CHECK_FALSE(world.memory.contents("to"));
}

TEST_CASE("where the store copies no parts, an object is copied as a whole") {
  const bool known = GENERATE(false, true);
  Copying world({.min_part_size = 10, .part_copies = !known});
  if (!known)
    world.store.add(
        {.operation = "UploadPartCopy", .times = 100, .error = Error(Code::not_supported)});
  const Result<ObjectInfo> info = world.copy({});
  REQUIRE(info);
  CHECK(info->size == world.bytes.size());
  CHECK(world.memory.contents("to") == world.bytes);
  CHECK(world.memory.info("to")->metadata->at("mode") == "1");
  CHECK(world.memory.count("Copy") == 1);
  CHECK(world.memory.count("CreateUpload") == (known ? 0 : 1));
  CHECK(world.memory.unfinished_uploads().empty());
  CHECK(world.uploads.open.empty());
}

TEST_CASE("what the store can copy neither in parts nor as a whole is told to be so") {
  Copying world({.max_put_size = 500, .min_part_size = 10, .part_copies = false});
  world.store.add({.operation = "Copy", .error = Error(Code::invalid_argument, "too large")});
  const Result<ObjectInfo> info = world.copy({});
  REQUIRE(info.code() == Code::not_supported);
  CHECK(info.error().message().find("copy the file") != std::string::npos);
}

TEST_CASE("a copy whose upload is gone when it is to be completed is begun again") {
  Copying world;
  world.store.add({.operation = "CompleteUpload",
                   .times = 2,
                   .error = Error(Code::not_found, "another write was in the way")});
  REQUIRE(world.copy({}));
  CHECK(world.memory.contents("to") == world.bytes);
  CHECK(world.memory.count("CreateUpload") == 3);
  CHECK(world.uploads.open.empty());
}

}  // namespace
}  // namespace penstock
