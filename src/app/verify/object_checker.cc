// SPDX-License-Identifier: Apache-2.0
#include "app/verify/object_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "app/wait_for.h"
#include "store/s3/base64.h"
#include "store/s3/expected_etag.h"
#include "store/s3/running_digest.h"

namespace penstock {
namespace {

/// Versions of one object that are begun.
constexpr int most_versions = 3;
/// Ranges of one object: their checksums are kept.
constexpr uint64_t most_ranges = 1024;

/// In the letters in which the store has it.
std::string written(const ObjectSum& sum, const std::string& raw, bool of_parts) {
  const std::string text = sum.of_etag ? etag_of_md5(raw) : base64_encode(raw);
  return of_parts ? fmt::format("{}-{}", text, sum.parts) : text;
}

std::string label(const ObjectSum& sum) {
  const std::string kind(to_string(*sum.kind));
  return sum.of_etag ? kind + " (ETag)" : kind;
}

ObjectVerdict verdict(ObjectVerdict::Kind kind, const std::string& key, std::string why = {}) {
  return {.kind = kind, .name = key, .why = std::move(why)};
}

/// Why bytes of this version cannot be held against anything; nothing: they can.
std::optional<std::string> reason_not_to_check(const ObjectSum& sum, bool etags) {
  if (!sum.kind) return sum.why_not;
  if (sum.of_etag && !etags) return "the store has no checksum";
  if (sum.object.etag.empty()) return "the store tells no ETag, by which versions are told apart";
  const Result<std::string> of_nothing = digest_of(*sum.kind, "");
  if (!of_nothing) return std::string(of_nothing.error().message());
  return std::nullopt;
}

std::string archived_text(const ObjectInfo& object) {
  return object.restore && object.restore->ongoing
             ? "is archived, and being restored"
             : "is archived; penstock restore makes it readable";
}

}  // namespace

ObjectChecker::ObjectChecker(ObjectStore& store, ObjectSums& sums, const Settings& settings,
                             std::function<void(uint64_t)> read)
    : store_(store),
      sums_(sums),
      settings_(settings),
      read_(std::move(read)),
      slots_(settings.requests) {}

ObjectVerdict ObjectChecker::check(const std::string& key) {
  for (int version = 0; version < most_versions; ++version) {
    Result<ObjectSum> sum = wait_for<ObjectSum>(
        [&](Done<ObjectSum> done) { sums_.look({.key = key, .cancel = {}}, std::move(done)); });
    if (!sum && sum.code() == Code::not_found) return verdict(ObjectVerdict::Kind::gone, key);
    if (!sum) return verdict(ObjectVerdict::Kind::unreadable, key, sum.error().describe());
    sum->object.key = key;
    if (is_archived(sum->object))
      return verdict(ObjectVerdict::Kind::unreadable, key, archived_text(sum->object));
    const Result<ObjectVerdict> checked = check_version(*sum);
    if (checked) return *checked;
    if (checked.code() != Code::changed && checked.code() != Code::not_found)
      return verdict(ObjectVerdict::Kind::unreadable, key, checked.error().describe());
  }
  return verdict(ObjectVerdict::Kind::changed, key);
}

Result<ObjectVerdict> ObjectChecker::check_version(const ObjectSum& sum) {
  const std::string& key = sum.object.key;
  if (const auto why = reason_not_to_check(sum, settings_.etags))
    return verdict(ObjectVerdict::Kind::unchecked, key, *why);
  const Result<Comparison> first = compare(sum);
  if (!first) return first.error();
  if (!first->why_not.empty()) return verdict(ObjectVerdict::Kind::unchecked, key, first->why_not);
  ObjectVerdict result{.name = key, .checksum = label(sum)};
  if (first->same) return result;
  const Result<Comparison> again = compare(sum);
  if (!again && (again.code() == Code::changed || again.code() == Code::not_found))
    return again.error();
  if (!again || !again->why_not.empty()) {
    return verdict(ObjectVerdict::Kind::unreadable, key,
                   fmt::format("differed when it was read first, and could not be read again: {}",
                               again ? again->why_not : again.error().describe()));
  }
  if (again->same) {
    result.damaged_once = true;
    return result;
  }
  result.kind = ObjectVerdict::Kind::differs;
  result.expected = again->expected;
  result.found = again->found;
  result.part = again->part;
  result.range = again->range;
  return result;
}

Result<ObjectChecker::Comparison> ObjectChecker::compare(const ObjectSum& sum) {
  return sum.parts == 0 ? compare_whole(sum) : compare_parts(sum);
}

Result<ObjectChecker::Comparison> ObjectChecker::compare_whole(const ObjectSum& sum) {
  const uint64_t size = sum.object.size;
  RangeSums reads(reading(), sum.object, *sum.kind);
  // Only a CRC follows from those of ranges.
  const uint64_t step = is_crc(*sum.kind)
                            ? std::max(settings_.range_size, (size + most_ranges - 1) / most_ranges)
                            : std::max<uint64_t>(size, 1);
  uint64_t at = 0;
  do {
    if (!reads.begin({at, std::min(step, size - at)})) break;
    at += step;
  } while (at < size);
  const Result<std::vector<std::string>> ranges = reads.finish();
  if (!ranges) return ranges.error();
  std::string found = ranges->front();
  for (size_t i = 1; i < ranges->size(); ++i) {
    const uint64_t length = std::min(step, size - i * step);
    found = crc_bytes(*sum.kind, combine_crcs(*sum.kind, crc_of_bytes(found),
                                              crc_of_bytes((*ranges)[i]), length));
  }
  return Comparison{.same = found == sum.value,
                    .expected = written(sum, sum.value, false),
                    .found = written(sum, found, false)};
}

/// not_supported: the store does not tell the sizes of parts.
Result<std::vector<PartSum>> ObjectChecker::read_parts(const ObjectSum& sum, RangeSums& reads) {
  std::vector<PartSum> parts;
  uint64_t at = 0;
  for (uint32_t number = 1; number <= sum.parts; ++number) {
    Result<PartSum> part = wait_for<PartSum>([&](Done<PartSum> done) {
      sums_.look_at_part(
          {.key = sum.object.key, .if_match = sum.object.etag, .number = number, .kind = *sum.kind},
          std::move(done));
    });
    if (!part) return part.error();
    if (part->size > sum.object.size - at) break;
    if (!reads.begin({at, part->size})) break;
    at += part->size;
    parts.push_back(*std::move(part));
  }
  // finish() knows why they are not all.
  return parts;
}

Result<ObjectChecker::Comparison> ObjectChecker::compare_parts(const ObjectSum& sum) {
  RangeSums reads(reading(), sum.object, *sum.kind);
  const Result<std::vector<PartSum>> parts = read_parts(sum, reads);
  if (!parts && parts.code() == Code::not_supported) {
    return Comparison{.why_not =
                          "the checksum is one of parts, and the store does not tell their sizes"};
  }
  if (!parts) return parts.error();
  const Result<std::vector<std::string>> ranges = reads.finish();
  if (!ranges) return ranges.error();
  uint64_t at = 0;
  std::string joined;
  std::optional<Comparison> wrong_part;
  for (size_t i = 0; i < parts->size(); ++i) {
    const PartSum& part = (*parts)[i];
    const std::string& found = (*ranges)[i];
    if (!part.value.empty() && part.value != found && !wrong_part) {
      wrong_part = Comparison{.expected = written(sum, part.value, false),
                              .found = written(sum, found, false),
                              .part = static_cast<uint32_t>(i + 1),
                              .range = {at, part.size}};
    }
    joined += found;
    at += part.size;
  }
  if (parts->size() != sum.parts || at != sum.object.size) {
    return Comparison{.why_not =
                          "the checksum is one of parts whose sizes, by the store, are not "
                          "the object's"};
  }
  if (wrong_part) return *wrong_part;
  const Result<std::string> whole = digest_of(*sum.kind, joined);
  if (!whole) return whole.error();
  return Comparison{.same = *whole == sum.value,
                    .expected = written(sum, sum.value, true),
                    .found = written(sum, *whole, true)};
}

}  // namespace penstock
