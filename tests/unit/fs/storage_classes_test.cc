// SPDX-License-Identifier: Apache-2.0
#include "fs/names/storage_classes.h"

#include "support/catch.h"

namespace penstock {
namespace {

StorageClasses classes(std::string_view text) { return StorageClasses::parse(text).value(); }

TEST_CASE("without rules the bucket's default is taken") {
  CHECK(StorageClasses().of("a").empty());
  CHECK(classes("").of("a").empty());
}

TEST_CASE("a class alone is that of every file") {
  CHECK(classes("INTELLIGENT_TIERING").of("a") == "INTELLIGENT_TIERING");
  CHECK(classes("INTELLIGENT_TIERING").of("a/.b") == "INTELLIGENT_TIERING");
}

TEST_CASE("the first pattern that fits counts") {
  const StorageClasses rules = classes("*.ckpt=STANDARD_IA;logs/*=ONEZONE_IA;x=y=z;REDUCED");
  CHECK(rules.of("step-1.ckpt") == "STANDARD_IA");
  CHECK(rules.of("logs/step-1.ckpt") == "STANDARD_IA");
  CHECK(rules.of("logs/a/b") == "ONEZONE_IA");  // a star stands for "/", too
  CHECK(rules.of("old/logs/a") == "REDUCED");
  CHECK(rules.of("x=y") == "z");
  CHECK(rules.of("d/x=y") == "z");
  CHECK(rules.of("ckpt") == "REDUCED");
  CHECK(classes("*/logs/*=ONEZONE_IA").of("a/b/logs/c") == "ONEZONE_IA");
  CHECK(classes("[ab]?=ONEZONE_IA").of("b1") == "ONEZONE_IA");
  CHECK(classes("[ab]?=ONEZONE_IA").of("c1").empty());
}

TEST_CASE("a class that the file has already stays") {
  Metadata metadata{{header::storage_class, "STANDARD_IA"}};
  classes("ONEZONE_IA").add_to(metadata, "a");
  CHECK(metadata.at(header::storage_class) == "STANDARD_IA");
}

TEST_CASE("what is no rule is refused, with what to write") {
  for (const char* text : {"A B", "*.ckpt=", "=STANDARD_IA", "a=b/c", ";", "STANDARD;;X"}) {
    CAPTURE(text);
    const auto parsed = StorageClasses::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.code() == Code::invalid_argument);
    CHECK(parsed.error().message().find("PATTERN=CLASS") != std::string::npos);
  }
  // Nobody could read what has just been written.
  for (const char* text : {"GLACIER", "*.ckpt=DEEP_ARCHIVE"}) {
    CHECK(StorageClasses::parse(text).error().message().find("penstock archive") !=
          std::string::npos);
  }
  CHECK(StorageClasses::parse("GLACIER_IR"));
}

}  // namespace
}  // namespace penstock
