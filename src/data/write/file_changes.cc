// SPDX-License-Identifier: Apache-2.0
#include "data/write/file_changes.h"

#include <algorithm>
#include <utility>

namespace penstock {

uint64_t FileChanges::memory_for(const Change& change) const {
  if (change.data.empty()) return 0;
  return rooms_.contents.memory_for(change.range(rooms_.contents.size()));
}

Result<bool> FileChanges::admit(const Change& change, Deferred& after) {
  if (rooms_.phase.abandoned()) return Error(Code::cancelled, "the file was given up");
  if (upload_.lost()) return *upload_.lost();
  if (upload_.failure() && !change.resizes()) return *upload_.failure();
  const PartLayout& layout = rooms_.core.layout;
  const ByteRange asked = change.range(rooms_.contents.size());
  const uint64_t limit = layout.max_size();
  if (asked.length > limit || asked.offset > limit - asked.length) {
    return Error(Code::too_large, Error::Detail{.message = "larger than an object may become",
                                                .key = rooms_.object.key()});
  }
  if (rooms_.phase.committing() || upload_.copying()) return false;
  if (change.resizes()) {
    Result<bool> resizable = admit_resize(asked.offset, after);
    if (!resizable || !*resizable) return resizable;
  }
  const ByteRange touched = change.reach(rooms_.contents.size());
  if (touched.length == 0) return true;
  if (rooms_.memory.writes(touched)) return false;
  const uint32_t first = layout.number_at(touched.offset);
  const uint32_t last = layout.number_at(touched.end() - 1);
  for (const uint32_t number : rooms_.parts.numbers(first, last)) {
    const PartTable::State state = rooms_.parts.state(number);
    if (state == PartTable::State::sending) return false;
    if (state == PartTable::State::stored && needs_sent(number, change))
      return wait_for_commit(rooms_.contents.clip(number), after);
  }
  return true;
}

// A file that is cut off below parts that were sent gets a new upload.
Result<bool> FileChanges::admit_resize(uint64_t size, Deferred& after) {
  if (!upload_.leaves_parts_out(size)) return true;
  if (rooms_.parts.any(PartTable::State::sending)) return false;
  if (!rooms_.contents.any({0, size}, mask(Source::sent))) return true;
  return wait_for_commit({0, size}, after);
}

// The change keeps bytes of `range` that only the store has.
Result<bool> FileChanges::wait_for_commit(ByteRange range, Deferred& after) {
  if (!commit_.may_go_midway(range)) return reader_.out_of_reach();
  commit_.go_midway(after);
  return false;
}

bool FileChanges::needs_sent(uint32_t number, const Change& change) const {
  const ByteRange part = rooms_.contents.clip(number);
  const auto any = [&](uint64_t begin, uint64_t end) {
    return begin < end && rooms_.contents.any({begin, end - begin}, mask(Source::sent));
  };
  const ByteRange asked = change.range(rooms_.contents.size());
  if (change.resizes()) return any(part.offset, std::min(part.end(), asked.offset));
  const bool zeroes = change.kind == Change::Kind::zero || change.kind == Change::Kind::punch;
  if (!zeroes) return any(part.offset, part.end());
  return any(part.offset, std::min(part.end(), asked.offset)) ||
         any(std::max(part.offset, asked.end()), part.end());
}

uint64_t FileChanges::apply(const Change& change, Reservation memory, Deferred& after) {
  const uint64_t old_size = rooms_.contents.size();
  const ByteRange range = change.range(old_size);
  if (change.resizes()) {
    resize(range.offset, after);
    return range.offset;
  }
  if (range.length == 0) return range.offset;
  if (range.offset != old_size) rooms_.memory.expect_reads();
  if (!change.data.empty()) {
    rooms_.contents.write(range, change, std::move(memory), after);
  } else if (!rooms_.contents.make_hole(range, after)) {
    return range.offset;
  }
  rooms_.object.contents_changed();
  const PartLayout& layout = rooms_.core.layout;
  if (range.offset > old_size) upload_.touch(layout.number_at(old_size));
  const uint32_t first = layout.number_at(range.offset);
  const uint32_t last = layout.number_at(range.end() - 1);
  for (uint32_t number = first; number <= last; ++number) upload_.touch(number);
  // The part before may have waited for the file to grow past it.
  for (uint32_t number = std::max<uint32_t>(first, 2) - 1; number <= last; ++number)
    upload_.consider(number, after);
  return range.offset;
}

void FileChanges::resize(uint64_t size, Deferred& after) {
  const uint64_t old_size = rooms_.contents.size();
  // A truncation to nothing replaces the object even if the file is empty here already: another
  // node may have stored bytes since, and what the program asked for is a file without any.
  if (size == 0) rooms_.object.replaces_base();
  if (size != old_size || (size == 0 && rooms_.object.base())) rooms_.object.contents_changed();
  if (size == old_size) return;
  const PartLayout& layout = rooms_.core.layout;
  if (size > old_size) {
    upload_.touch(layout.number_at(old_size));
    rooms_.contents.resize(size, after);
    return;
  }
  const uint32_t remaining = layout.count(size);
  if (remaining > 0 && layout.range(remaining).end() > size) upload_.touch(remaining);
  rooms_.parts.cut(remaining);
  rooms_.memory.unkeep_above(remaining);
  rooms_.contents.resize(size, after);
  if (upload_.leaves_parts_out(size)) upload_.begin_again(after);
}

}  // namespace penstock
