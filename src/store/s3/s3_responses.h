// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/http_message.h"
#include "penstock/object_store.h"
#include "penstock/result.h"
#include "store/s3/xml.h"

namespace penstock {

/// Everything here is pure: answers in, values out. What contradicts itself is Code::corrupt.

/// `etag` without the quotes that HTTP and XML put around it.
ETag unquote_etag(std::string_view etag);
/// As If-Match wants it.
std::string quote_etag(const ETag& etag);
std::optional<uint64_t> parse_number(std::string_view text);

/// As many parts as an upload can have, by S3, and the number of its last one then.
inline constexpr uint32_t most_parts = 10'000;
/// How many parts there were, as a checksum of parts or an ETag says behind its dash: "3". Nothing
/// for what cannot be: a server could make whoever asks for each part ask for ever.
std::optional<uint32_t> parse_part_count(std::string_view text);

/// Of x-amz-restore; nothing for an empty or unreadable one.
std::optional<RestoreState> parse_restore(std::string_view header);

/// ETag, time, storage class and metadata of a GET's or HEAD's headers; `size` is the whole
/// object's.
ObjectInfo object_from_headers(const HttpHeaders& headers, const std::string& key, uint64_t size);

struct ContentRange {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t total = 0;
};
/// "bytes 0-99/1000"; empty where it is something else or contradicts itself.
std::optional<ContentRange> parse_content_range(std::string_view text);

struct AnswerContext {
  std::string_view root;
  std::string_view key;
  bool if_none_match = false;
  /// What an answer that is neither `root` nor <Error> means. Code::unavailable where a write may
  /// or may not have happened.
  Code otherwise = Code::corrupt;
  std::string_view or_root = {};  ///< What some servers call the document element instead.
};
/// Parses a 200's body whose document element must be `root`. An <Error> instead is that error.
Result<XmlElement> parse_answer(const HttpResponse& response, const AnswerContext& context);

/// The ETag in the XML of a copy's or a Complete's answer; empty where it tells none.
ETag etag_in(const XmlElement& answer);

/// What a write's answer tells besides what `object` holds already: the ETag by header, the time of
/// the server's clock. Code::corrupt without an ETag.
Result<ObjectInfo> written_object(const HttpResponse& response, ObjectInfo object);

/// The page that `request` asked for. Code::corrupt where it leads to itself.
Result<ListPage> parse_list_page(const HttpResponse& response, const ListRequest& request);

struct PartsPage {
  std::vector<CompletedPart> parts;
  std::string next_marker;  ///< Empty on the last page.
};
Result<PartsPage> parse_parts_page(const HttpResponse& response, const std::string& key);

struct UploadsPage {
  std::vector<UploadInfo> uploads;
  std::string next_key;  ///< Both empty on the last page.
  std::string next_upload_id;
  /// The answer does not say whether its keys are encoded, and they would differ.
  bool ambiguous = false;
};
Result<UploadsPage> parse_uploads_page(const HttpResponse& response);

/// An object's tags as a write takes them (header::tagging).
Result<std::string> parse_tags(const HttpResponse& response, const std::string& key);

/// The keys that DeleteObjects could not remove, with the server's reasons.
Result<std::vector<DeleteFailure>> parse_delete_result(const HttpResponse& response);

}  // namespace penstock
