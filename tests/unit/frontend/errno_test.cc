// SPDX-License-Identifier: Apache-2.0
#include "frontend/errno.h"

#include <cerrno>

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("every code has an errno, and programs see what they can act on") {
  for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
    CHECK(to_errno(static_cast<Code>(code)) > 0);
  }
  CHECK(to_errno(Code::not_found) == ENOENT);
  CHECK(to_errno(Code::changed) == ESTALE);
  CHECK(to_errno(Code::no_space) == ENOSPC);
  CHECK(to_errno(Code::unavailable) == EIO);
  CHECK(to_errno(Code::cancelled) == EIO);
  CHECK(to_errno(Code::archived) == ENODATA);
  CHECK(to_errno(Code::being_restored) == EINPROGRESS);
}

}  // namespace
}  // namespace penstock
