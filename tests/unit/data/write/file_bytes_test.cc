// SPDX-License-Identifier: Apache-2.0
#include "data/write/file_bytes.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"

namespace penstock::test {
namespace {

/// Remembers what it is asked to change.
struct Recorded final : FileBytes {
  void change(const Change& change, Done<uint64_t> done) override {
    changes.push_back(change);
    done(answer);
  }
  void copy_parts(uint64_t, CopySource, Done<uint64_t> done) override { done(0); }
  uint64_t until_part(uint64_t) const override { return 0; }
  void read(ByteRange, std::stop_token, Done<Slices> done) override { done(Slices()); }
  std::optional<uint64_t> seek(uint64_t, bool) override { return std::nullopt; }
  void expect_reads() override {}
  uint64_t size() const override { return 0; }

  std::vector<Change> changes;
  Result<uint64_t> answer = 7;
};

using Kind = Change::Kind;

TEST_CASE("each way to change a file's bytes is one change") {
  Recorded file;
  const std::string text = "bytes";
  const auto bytes = std::as_bytes(std::span(text));
  int answered = 0;
  const auto count = [&](const Result<void>& result) { answered += result ? 1 : 0; };
  file.write(3, bytes, count);
  file.truncate(4, count);
  file.extend(5, count);
  file.zero({6, 2}, true, count);
  file.zero({8, 1}, false, count);
  CHECK(answered == 5);
  uint64_t offset = 0;
  file.append(bytes, [&](const Result<uint64_t>& at) { offset = at.value(); });
  CHECK(offset == 7);
  const std::vector<std::pair<Kind, uint64_t>> expected = {{Kind::write, 3},  {Kind::truncate, 4},
                                                           {Kind::extend, 5}, {Kind::zero, 6},
                                                           {Kind::punch, 8},  {Kind::append, 0}};
  REQUIRE(file.changes.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(file.changes[i].kind == expected[i].first);
    CHECK(file.changes[i].offset == expected[i].second);
  }
  CHECK(file.changes[0].data.data() == bytes.data());
  CHECK(file.changes[5].data.size() == 5);
  CHECK(file.changes[3].length == 2);
  CHECK(file.changes[4].length == 1);
}

TEST_CASE("the error of a change is that of each way") {
  Recorded file;
  file.answer = Error(Code::too_large);
  int refused = 0;
  const auto count = [&](const Result<void>& result) {
    refused += result.code() == Code::too_large ? 1 : 0;
  };
  file.write(0, {}, count);
  file.truncate(0, count);
  file.extend(0, count);
  file.zero({}, true, count);
  file.append({},
              [&](const Result<uint64_t>& at) { refused += at.code() == Code::too_large ? 1 : 0; });
  CHECK(refused == 5);
}

}  // namespace
}  // namespace penstock::test
