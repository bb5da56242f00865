// SPDX-License-Identifier: Apache-2.0
#include "data/write/part_layout.h"

#include "support/catch.h"
#include "support/sizes.h"

namespace penstock {
namespace {

using test::mib;

/// How many sizes the parts of a file of that size have, without its last one.
size_t sizes_of(const PartLayout& layout, uint64_t size) {
  size_t sizes = 0;
  uint64_t last = 0;
  for (uint32_t number = 1; number < layout.count(size); ++number) {
    const uint64_t length = layout.range(number).length;
    if (length != last) ++sizes;
    last = length;
  }
  return sizes;
}

TEST_CASE("parts grow with the file, but where the store wants equal ones") {
  const StoreLimits equal{.equal_parts = true};
  const uint64_t large = 100'000 * mib;
  CHECK(sizes_of(PartLayout(8 * mib, {}), large) > 1);
  CHECK(sizes_of(PartLayout(8 * mib, equal), large) == 1);
  CHECK(PartLayout(8 * mib, equal).max_size() == 320'000 * mib);
  CHECK(PartLayout(512 * mib, equal).max_size() == 5'120'000 * mib);
  const PartLayout layout(8 * mib, equal);
  CHECK(layout.number_at(layout.max_size() - 1) == 10'000);
  CHECK(layout.range(10'000).end() == layout.max_size());
}

}  // namespace
}  // namespace penstock
