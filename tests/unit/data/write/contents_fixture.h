// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "data/write/writer_contents.h"
#include "unit/data/write/write_fixture.h"

namespace penstock::test {

/// The contents of one file with parts of 64 KiB, without a writer around them.
struct ContentsFixture : WriteFixture {
  ContentsFixture() {
    StoreLimits limits;
    limits.min_part_size = part;
    layout.emplace(part, limits);
    contents.emplace(pool, *layout);
  }

  void write(uint64_t offset, std::string_view bytes) {
    Deferred after;
    const Change change{.offset = offset, .data = std::as_bytes(std::span(bytes))};
    const ByteRange range = change.range(contents->size());
    auto memory = budget.try_reserve(MemoryBudget::Use::write, contents->memory_for(range));
    REQUIRE(memory);
    contents->write(range, change, std::move(*memory), after);
  }
  std::string in_memory(ByteRange range) const {
    std::string bytes(range.length, '?');
    contents->copy_out(range.offset, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }
  std::string staged(ByteRange range) const {
    std::string bytes(range.length, '?');
    REQUIRE(contents->staging() != nullptr);
    REQUIRE(contents->staging()->read(range.offset, std::as_writable_bytes(std::span(bytes))));
    return bytes;
  }
  bool is(ByteRange range, Source source) const {
    return contents->bytes(range, source) == range.length;
  }

  std::optional<PartLayout> layout;
  std::optional<WriterContents> contents;
};

}  // namespace penstock::test
