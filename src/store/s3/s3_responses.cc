// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_responses.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "store/s3/dates.h"
#include "store/s3/s3_error.h"
#include "store/s3/uri.h"

namespace penstock {
namespace {

constexpr std::string_view metadata_prefix = "x-amz-meta-";

Error corrupt(std::string message) { return Error(Code::corrupt, std::move(message)); }

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// What namespace `header` calls a header of an answer; empty for those that no write repeats.
std::string kept_name(std::string_view name) {
  constexpr std::array<std::string_view, 9> kept{
      header::content_type,     header::content_encoding, header::content_disposition,
      header::content_language, header::cache_control,    header::expires,
      header::website_redirect, header::storage_class,    header::tagging_count};
  if (name.starts_with("x-amz-")) name.remove_prefix(std::string_view("x-amz-").size());
  std::string wanted = ':' + std::string(name);
  return std::find(kept.begin(), kept.end(), wanted) == kept.end() ? std::string() : wanted;
}

/// The value that a write may repeat; empty where it is what the store gives to every object, or
/// where no other is possible in that bucket.
std::string kept_value(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 4> only_class{"STANDARD", "EXPRESS_ONEZONE", "OUTPOSTS",
                                                       "SNOW"};
  if (name == header::content_type && value == "binary/octet-stream") return {};
  if (name == header::tagging_count && value == "0") return {};
  if (name == header::storage_class &&
      std::find(only_class.begin(), only_class.end(), value) != only_class.end())
    return {};
  // How a body was sent is no property of the object, but some servers keep it.
  constexpr std::string_view chunked = "aws-chunked";
  if (name == header::content_encoding && value.starts_with(chunked)) {
    value.remove_prefix(chunked.size());
    value.remove_prefix(std::min(value.find_first_not_of(", "), value.size()));
  }
  return std::string(value);
}

/// Decodes the keys of one answer: only where it says that they are encoded.
class KeyReader {
 public:
  explicit KeyReader(const XmlElement& answer)
      : encoded_(trim(answer.text_of("EncodingType")) == "url") {}

  std::optional<std::string> read(std::string_view text) const {
    if (!encoded_) return std::string(text);
    return uri_decode(text);
  }
  /// True where decoding would matter, and the answer says nothing of it.
  bool ambiguous(std::string_view text) const {
    return !encoded_ && text.find_first_of("%+") != std::string_view::npos;
  }

 private:
  bool encoded_;
};

bool is_truncated(const XmlElement& answer) {
  return trim(answer.text_of("IsTruncated")) == "true";
}

Result<ObjectInfo> read_object(const XmlElement& element, const KeyReader& keys,
                               const std::string& prefix) {
  ObjectInfo object;
  auto key = keys.read(element.text_of("Key"));
  const auto size = parse_number(trim(element.text_of("Size")));
  if (!key || key->empty() || !size)
    return corrupt("a listing has an object without a usable key or size");
  if (!key->starts_with(prefix)) return corrupt("a listing has a key outside its prefix");
  object.key = *std::move(key);
  object.size = *size;
  object.etag = unquote_etag(trim(element.text_of("ETag")));
  object.last_modified_ns = parse_iso_date(trim(element.text_of("LastModified"))).value_or(0);
  object.storage_class = trim(element.text_of("StorageClass"));
  if (const XmlElement* status = element.child("RestoreStatus"); status != nullptr) {
    object.restore = RestoreState{
        .ongoing = trim(status->text_of("IsRestoreInProgress")) == "true",
        .until_ns = parse_iso_date(trim(status->text_of("RestoreExpiryDate"))).value_or(0)};
  }
  return object;
}

}  // namespace

ETag unquote_etag(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  return ETag(etag);
}

std::string quote_etag(const ETag& etag) {
  if (etag.starts_with("W/")) return etag;
  return '"' + etag + '"';
}

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<uint32_t> parse_part_count(std::string_view text) {
  const std::optional<uint64_t> count = parse_number(text);
  if (!count || *count == 0 || *count > most_parts) return std::nullopt;
  return static_cast<uint32_t>(*count);
}

std::optional<RestoreState> parse_restore(std::string_view header) {
  // ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"
  const auto value_of = [&](std::string_view name) {
    const size_t at = header.find(name);
    if (at == std::string_view::npos) return std::string_view();
    const std::string_view value = header.substr(at + name.size());
    return value.substr(0, value.find('"'));
  };
  const std::string_view ongoing = value_of("ongoing-request=\"");
  if (ongoing.empty()) return std::nullopt;
  return RestoreState{.ongoing = ongoing == "true",
                      .until_ns = parse_http_date(value_of("expiry-date=\"")).value_or(0)};
}

ObjectInfo object_from_headers(const HttpHeaders& headers, const std::string& key, uint64_t size) {
  ObjectInfo object;
  object.key = key;
  object.size = size;
  object.etag = unquote_etag(headers.find("etag"));
  object.last_modified_ns = parse_http_date(headers.find("last-modified")).value_or(0);
  object.storage_class = headers.find("x-amz-storage-class");
  object.restore = parse_restore(headers.find("x-amz-restore"));
  object.archive_status = headers.find("x-amz-archive-status");
  object.metadata.emplace();
  for (size_t i = 0; i < headers.size(); ++i) {
    const auto [name, value] = headers.line(i);
    if (name.starts_with(metadata_prefix)) {
      object.metadata->insert_or_assign(std::string(name.substr(metadata_prefix.size())),
                                        std::string(value));
    } else if (const std::string kept = kept_name(name); !kept.empty()) {
      std::string told = kept_value(kept, value);
      if (!told.empty()) object.metadata->insert_or_assign(kept, std::move(told));
    }
  }
  return object;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view unit = "bytes ";
  if (!text.starts_with(unit)) return std::nullopt;
  text.remove_prefix(unit.size());
  const size_t dash = text.find('-');
  const size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash)
    return std::nullopt;
  const auto first = parse_number(text.substr(0, dash));
  const auto last = parse_number(text.substr(dash + 1, slash - dash - 1));
  const auto total = parse_number(text.substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{*first, *last, *total};
}

Result<XmlElement> parse_answer(const HttpResponse& response, const AnswerContext& context) {
  ErrorAnswer answer{.status = response.status};
  answer.request_id = response.headers.find("x-amz-request-id");
  auto xml = parse_xml(response.body);
  const bool expected = xml && (xml->name == context.root ||
                                (!context.or_root.empty() && xml->name == context.or_root));
  if (expected) return xml;
  if (xml && xml->name == "Error") {
    read_error_element(*xml, answer);
    return to_error(answer, context.key, context.if_none_match);
  }
  const std::string why =
      xml ? fmt::format("it is a <{}>", xml->name) : std::string(xml.error().message());
  return Error(context.otherwise, Error::Detail{.message = fmt::format("the answer has no <{}>: {}",
                                                                       context.root, why),
                                                .key = std::string(context.key),
                                                .request_id = answer.request_id,
                                                .http_status = response.status});
}

ETag etag_in(const XmlElement& answer) { return unquote_etag(trim(answer.text_of("ETag"))); }

Result<ObjectInfo> written_object(const HttpResponse& response, ObjectInfo object) {
  if (object.etag.empty()) object.etag = unquote_etag(response.headers.find("etag"));
  if (object.etag.empty()) {
    return Error(Code::corrupt, Error::Detail{.message = "the answer to a write has no ETag",
                                              .key = object.key,
                                              .http_status = response.status});
  }
  if (object.last_modified_ns == 0)
    object.last_modified_ns = parse_http_date(response.headers.find("date")).value_or(0);
  return object;
}

Result<ListPage> parse_list_page(const HttpResponse& response, const ListRequest& request) {
  const std::string& prefix = request.prefix;
  const auto xml = parse_answer(response, {.root = "ListBucketResult"});
  if (!xml) return xml.error();
  const KeyReader keys(*xml);
  ListPage page;
  for (const XmlElement& element : xml->children) {
    if (element.name == "Contents") {
      auto object = read_object(element, keys, prefix);
      if (!object) return object.error();
      page.objects.push_back(std::move(*object));
    } else if (element.name == "CommonPrefixes") {
      auto common = keys.read(element.text_of("Prefix"));
      if (!common || common->empty() || !common->starts_with(prefix)) {
        return corrupt("a listing has an unusable common prefix");
      }
      page.common_prefixes.push_back(*std::move(common));
    }
  }
  if (is_truncated(*xml)) {
    page.continuation = xml->text_of("NextContinuationToken");
    if (page.continuation.empty()) return corrupt("a listing goes on, but does not say where");
    if (page.continuation == request.continuation) return corrupt("a listing does not move on");
  }
  return page;
}

Result<PartsPage> parse_parts_page(const HttpResponse& response, const std::string& key) {
  const auto xml = parse_answer(response, {.root = "ListPartsResult", .key = key});
  if (!xml) return xml.error();
  PartsPage page;
  for (const XmlElement& element : xml->children) {
    if (element.name != "Part") continue;
    const auto number = parse_number(trim(element.text_of("PartNumber")));
    const auto size = parse_number(trim(element.text_of("Size")));
    if (!number || !size || *number == 0 || *number > most_parts)
      return corrupt("a list of parts has an unusable part");
    page.parts.push_back(
        {static_cast<uint32_t>(*number), unquote_etag(trim(element.text_of("ETag"))), *size});
  }
  if (is_truncated(*xml)) {
    page.next_marker = trim(xml->text_of("NextPartNumberMarker"));
    if (page.next_marker.empty() || page.parts.empty())
      return corrupt("a list of parts goes on, but not where");
  }
  return page;
}

Result<UploadsPage> parse_uploads_page(const HttpResponse& response) {
  const auto xml = parse_answer(response, {.root = "ListMultipartUploadsResult"});
  if (!xml) return xml.error();
  const KeyReader keys(*xml);
  UploadsPage page;
  for (const XmlElement& element : xml->children) {
    if (element.name != "Upload") continue;
    auto key = keys.read(element.text_of("Key"));
    const std::string_view id = trim(element.text_of("UploadId"));
    if (!key || id.empty()) return corrupt("a list of uploads has an unusable one");
    page.ambiguous |= keys.ambiguous(*key);
    page.uploads.push_back(
        {.key = *std::move(key),
         .upload_id = std::string(id),
         .initiated_ns = parse_iso_date(trim(element.text_of("Initiated"))).value_or(0)});
  }
  if (is_truncated(*xml)) {
    auto next = keys.read(xml->text_of("NextKeyMarker"));
    page.next_upload_id = trim(xml->text_of("NextUploadIdMarker"));
    if (!next || next->empty()) return corrupt("a list of uploads goes on, but does not say where");
    page.next_key = *std::move(next);
  }
  return page;
}

Result<std::string> parse_tags(const HttpResponse& response, const std::string& key) {
  const auto xml = parse_answer(response, {.root = "Tagging", .key = key});
  if (!xml) return xml.error();
  std::string tags;
  for (const XmlElement& set : xml->children) {
    if (set.name != "TagSet") continue;
    for (const XmlElement& tag : set.children) {
      if (tag.name != "Tag") continue;
      if (!tags.empty()) tags += '&';
      tags += uri_encode(tag.text_of("Key")) + '=' + uri_encode(tag.text_of("Value"));
    }
  }
  return tags;
}

Result<std::vector<DeleteFailure>> parse_delete_result(const HttpResponse& response) {
  const auto xml = parse_answer(response, {.root = "DeleteResult"});
  if (!xml) return xml.error();
  std::vector<DeleteFailure> failures;
  for (const XmlElement& element : xml->children) {
    if (element.name != "Error") continue;
    const std::string key(element.text_of("Key"));
    ErrorAnswer answer{.status = response.status};
    answer.request_id = response.headers.find("x-amz-request-id");
    read_error_element(element, answer);
    if (answer.code == "NoSuchKey") continue;  // Gone is what was asked for.
    failures.push_back({key, to_error(answer, key, false)});
  }
  return failures;
}

}  // namespace penstock
