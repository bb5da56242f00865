// SPDX-License-Identifier: Apache-2.0
// An open that asks whether the object is still there asks by the GET that the first read needs.
#include "unit/data/read/read_fixture.h"

namespace penstock::test {
namespace {

std::shared_ptr<std::optional<Result<bool>>> begin(ObjectReader& reader) {
  auto answer = std::make_shared<std::optional<Result<bool>>>();
  reader.begin([answer](Result<bool> result) { *answer = std::move(result); });
  return answer;
}

TEST_CASE("an open asks for a small object by the GET of all of it") {
  ReadFixture t(300 * kib);
  const auto reader = t.open();
  const auto asked = begin(*reader);
  REQUIRE(t.store.gets.size() == 1);
  CHECK_FALSE(t.store.gets[0]->request.range);
  CHECK_FALSE(asked->has_value());
  t.store.send(0, 1);
  REQUIRE(asked->has_value());
  CHECK(**asked);
  t.store.serve(0);
  CHECK(t.read(*reader, 0, 300 * kib)->is({0, 300 * kib}));
  CHECK(**begin(*reader));  // it is here
  CHECK(t.store.gets.size() == 1);
}

TEST_CASE("an open asks for a large object by a first range, which reads from the start use") {
  ReadFixture t(64 * mib);
  const auto reader = t.open();
  const auto asked = begin(*reader);
  CHECK(t.ranges() == std::vector<ByteRange>{{0, 128 * kib}});
  t.store.serve(0);
  REQUIRE(asked->has_value());
  CHECK(**asked);
  CHECK(t.read(*reader, 0, 128 * kib)->is({0, 128 * kib}));
  for (const ByteRange& range : t.ranges())
    CHECK((range == ByteRange{0, 128 * kib} || range.offset >= 128 * kib));
}

TEST_CASE("an open of an empty object asks for nothing") {
  ReadFixture t(0);
  CHECK(**begin(*t.open()));
  CHECK(t.store.gets.empty());
}

}  // namespace
}  // namespace penstock::test
