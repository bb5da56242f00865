// SPDX-License-Identifier: Apache-2.0
#include "fs/attributes.h"

#include <sys/stat.h>

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("attributes survive the way to metadata and back") {
  StoredAttributes stored;
  stored.mode = 04755;
  stored.uid = 1000;
  stored.gid = 4294967294U;
  stored.mtime_ns =
      GENERATE(0, 1'700'000'000'000'000'000, 1'700'000'000'123'456'789, -1'500'000'000, -1);
  stored.other = {{"colour", "blue"}};
  const Metadata metadata = to_metadata(stored, FileType::file);
  CHECK(metadata.at("mode") == std::to_string(S_IFREG | 04755));
  const StoredAttributes back = parse_attributes(metadata);
  CHECK(back.mode == stored.mode);
  CHECK(back.uid == stored.uid);
  CHECK(back.gid == stored.gid);
  CHECK(back.mtime_ns == stored.mtime_ns);
  CHECK(back.other == stored.other);
}

TEST_CASE("what others write is understood, or kept as it is") {
  CHECK(parse_attributes({{"mtime", "1700000000"}}).mtime_ns == 1'700'000'000'000'000'000);
  CHECK(parse_attributes({{"mtime", "1700000000.25"}}).mtime_ns == 1'700'000'000'250'000'000);
  for (const char* odd :
       {"", "x", "1.", "1.1234567890", "99999999999999999999", "1e9", " 1", "1 "}) {
    CAPTURE(odd);
    const StoredAttributes stored = parse_attributes({{"mtime", odd}, {"mode", odd}, {"uid", odd}});
    CHECK_FALSE(stored.mtime_ns);
    CHECK_FALSE(stored.mode);
    CHECK_FALSE(stored.uid);
    CHECK(stored.other.size() == 3);
  }
}

}  // namespace
}  // namespace penstock
