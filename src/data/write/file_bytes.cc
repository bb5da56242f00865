// SPDX-License-Identifier: Apache-2.0
#include "data/write/file_bytes.h"

#include <utility>

namespace penstock {
namespace {

Done<uint64_t> without_offset(Done<void> done) {
  return [done = std::move(done)](const Result<uint64_t>& result) mutable {
    done(result ? Result<void>() : Result<void>(result.error()));
  };
}

}  // namespace

void FileBytes::write(uint64_t offset, std::span<const std::byte> data, Done<void> done) {
  change({.kind = Change::Kind::write, .offset = offset, .data = data},
         without_offset(std::move(done)));
}

void FileBytes::append(std::span<const std::byte> data, Done<uint64_t> done) {
  change({.kind = Change::Kind::append, .offset = 0, .data = data}, std::move(done));
}

void FileBytes::truncate(uint64_t size, Done<void> done) {
  change({.kind = Change::Kind::truncate, .offset = size, .data = {}},
         without_offset(std::move(done)));
}

void FileBytes::extend(uint64_t size, Done<void> done) {
  change({.kind = Change::Kind::extend, .offset = size, .data = {}},
         without_offset(std::move(done)));
}

void FileBytes::zero(ByteRange range, bool grows, Done<void> done) {
  change({.kind = grows ? Change::Kind::zero : Change::Kind::punch,
          .offset = range.offset,
          .data = {},
          .length = range.length},
         without_offset(std::move(done)));
}

}  // namespace penstock
