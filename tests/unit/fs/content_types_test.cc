// SPDX-License-Identifier: Apache-2.0
#include "fs/names/content_types.h"

#include "support/catch.h"

namespace penstock::test {

TEST_CASE("the end of a name stands for a type, in letters of either case") {
  CHECK(content_type_of("a.json") == "application/json");
  CHECK(content_type_of("A.HTML") == "text/html");
  CHECK(content_type_of("x.tar.gz") == "application/gzip");
  CHECK(content_type_of("part-0.zstd.parquet") == "application/vnd.apache.parquet");
  CHECK(content_type_of("model.safetensors").empty());
  CHECK(content_type_of("json").empty());
  CHECK(content_type_of(".json").empty());
  CHECK(content_type_of("a.").empty());
  CHECK(content_type_of("").empty());
  CHECK(content_type_of("a." + std::string(250, 'x')).empty());
  CHECK(content_type_of("a.\xff\xfe").empty());
}

TEST_CASE("a type that is there stays") {
  Metadata metadata{{header::content_type, "text/x"}};
  add_content_type(metadata, "a.json");
  CHECK(metadata.at(header::content_type) == "text/x");
  metadata.clear();
  add_content_type(metadata, "a.json");
  CHECK(metadata.at(header::content_type) == "application/json");
  metadata.clear();
  add_content_type(metadata, "a.unknown");
  CHECK(metadata.empty());
}

}  // namespace penstock::test
