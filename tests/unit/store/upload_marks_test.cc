// SPDX-License-Identifier: Apache-2.0
#include "store/upload_marks.h"

#include <string>

#include "support/catch.h"

namespace penstock {

TEST_CASE("the mark of an upload that goes on outlives many that came and ended") {
  UploadMarks marks;
  marks.add("checkpoint", "mark");
  for (int i = 0; i < 10'001; ++i) {
    marks.add("small", "other");
    marks.forget("small");
  }
  CHECK(marks.find("checkpoint") == "mark");
  CHECK(marks.find("small").empty());
}

TEST_CASE("the oldest of very many marks is forgotten") {
  UploadMarks marks;
  for (int i = 0; i <= 10'000; ++i) marks.add(std::to_string(i), "mark");
  CHECK(marks.find("0").empty());
  CHECK(marks.find("1") == "mark");
}

}  // namespace penstock
