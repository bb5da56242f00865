// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/temporary_name.h"

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("names that are about to change are told from those that stay") {
  for (const char* name : {"x.tmp", "d/x.partial", "a/.x.swp", "x~", "x.tmp.1234", ".data.Ab12Cd",
                           "model.safetensors.incomplete", "x.part"}) {
    CAPTURE(name);
    CHECK(temporary_name(name));
  }
  for (const char* name : {"x", "tmp/x", "x.tmpl", "a.partial/x", "checkpoint.pt", ".hidden",
                           "notes.backup", "d~/x", ".x.toolong"}) {
    CAPTURE(name);
    CHECK_FALSE(temporary_name(name));
  }
}

}  // namespace
}  // namespace penstock
