// SPDX-License-Identifier: Apache-2.0
#include "data/write/contents_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock {

void ContentsReader::read(ByteRange range, const std::stop_token& cancel, Done<Slices> done,
                          Deferred& after) {
  const auto gathering = std::make_shared<Gathering>(range, std::move(done));
  contents_.visit(range, [&](const SegmentMap::Segment& segment) {
    const std::span<std::byte> into = gathering->piece(segment.range);
    switch (segment.source) {
      case Source::hole:
        std::memset(into.data(), 0, into.size());
        break;
      case Source::memory:
        contents_.copy_out(segment.range.offset, into);
        break;
      case Source::staged:
        read_staged(segment.range, gathering, after);
        break;
      case Source::base:
        read_base(segment.range, gathering, cancel, after);
        break;
      case Source::sent:
        read_sent(segment.range, gathering, cancel, after);
        break;
    }
    return true;
  });
  after.call([gathering] { gathering->arrived({}); });
}

void ContentsReader::read_staged(ByteRange range, const To& gathering, Deferred& after) {
  gathering->expect(1);
  after.call([&scheduler = core_.parts.scheduler, keep = strand_.keep(), gathering,
              file = contents_.staging(), range] {
    scheduler.post([keep, gathering, file, range] {
      gathering->arrived(file->read(range.offset, gathering->piece(range)));
    });
  });
}

void ContentsReader::read_base(ByteRange range, const To& gathering, const std::stop_token& cancel,
                               Deferred& after) {
  gathering->expect(1);
  GetRequest request{
      .key = object_.base()->key,
      .range = range,
      .if_match = object_.base()->etag,
      .sink = std::make_shared<CopySink>(range.offset, gathering->piece(range), gathering),
      .cancel = cancel};
  after.call([&store = core_.parts.store, keep = strand_.keep(), gathering,
              request = std::move(request)]() mutable {
    store.get(std::move(request), [keep, gathering](const Result<ObjectInfo>& got) {
      gathering->arrived(got ? Result<void>() : Result<void>(got.error()));
    });
  });
}

/// What only the unfinished upload has. What the store copied there from another object is read
/// from that one.
void ContentsReader::read_sent(ByteRange range, const To& gathering, const std::stop_token& cancel,
                               Deferred& after) {
  for (uint64_t at = range.offset; at < range.end();) {
    const uint32_t number = core_.layout.number_at(at);
    const ByteRange some{at, std::min(range.end(), core_.layout.range(number).end()) - at};
    at = some.end();
    gathering->expect(1);
    if (const auto from = parts_.copied_from(number)) {
      read_copied(some, *from, gathering, cancel, after);
    } else {
      after.call([gathering, error = out_of_reach()] { gathering->arrived(error); });
    }
  }
}

void ContentsReader::read_copied(ByteRange range, const PartTable::CopiedFrom& from,
                                 const To& gathering, const std::stop_token& cancel,
                                 Deferred& after) {
  const ByteRange theirs{from.source.range.offset + (range.offset - from.offset), range.length};
  GetRequest request{
      .key = from.source.key,
      .range = theirs,
      .if_match = from.source.etag,
      .sink = std::make_shared<CopySink>(theirs.offset, gathering->piece(range), gathering),
      .cancel = cancel};
  auto answered =
      strand_.answer<ObjectInfo>([this, gathering](const Result<ObjectInfo>& got, Deferred& later) {
        Result<void> result;
        if (!got) {
          const bool gone = got.code() == Code::changed || got.code() == Code::not_found;
          result = gone ? out_of_reach() : got.error();
        }
        later.call([gathering, result] { gathering->arrived(result); });
      });
  after.call([&store = core_.parts.store, request = std::move(request),
              answered = std::move(answered)]() mutable {
    store.get(std::move(request), std::move(answered));
  });
}

Error ContentsReader::out_of_reach() {
  Error error(Code::no_space,
              Error::Detail{.message = "these bytes were sent and not kept: they can be read and "
                                       "changed again when the file is closed or synced",
                            .key = object_.key()});
  if (!std::exchange(said_out_of_reach_, true))
    core_.parts.log->warning("{}; see --staging-dir", error.describe());
  return error;
}

}  // namespace penstock
