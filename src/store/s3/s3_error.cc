// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_error.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "store/s3/dates.h"

namespace penstock {
namespace {

struct Row {
  std::string_view service_code;
  Code code;
};

// Codes that say more than their status does. Every other one follows from the status.
constexpr std::array<Row, 43> rows = {{
    Row{"NoSuchKey", Code::not_found},
    Row{"NoSuchBucket", Code::not_found},
    Row{"NoSuchUpload", Code::not_found},
    Row{"NoSuchVersion", Code::not_found},
    Row{"PreconditionFailed", Code::changed},
    Row{"ConditionalRequestConflict", Code::unavailable},
    Row{"OperationAborted", Code::unavailable},
    Row{"InvalidRange", Code::invalid_argument},
    Row{"SlowDown", Code::throttled},
    Row{"SlowDownRead", Code::throttled},
    Row{"SlowDownWrite", Code::throttled},
    Row{"Throttling", Code::throttled},
    Row{"ThrottlingException", Code::throttled},
    Row{"TooManyRequests", Code::throttled},
    Row{"RequestLimitExceeded", Code::throttled},
    Row{"ServiceUnavailable", Code::throttled},
    Row{"InternalError", Code::unavailable},
    Row{"RequestTimeout", Code::unavailable},
    Row{"IncompleteBody", Code::unavailable},
    Row{"BadDigest", Code::corrupt},
    Row{"InvalidDigest", Code::corrupt},
    Row{"XAmzContentSHA256Mismatch", Code::corrupt},
    Row{"XAmzContentChecksumMismatch", Code::corrupt},
    Row{"AccessDenied", Code::access_denied},
    Row{"AllAccessDisabled", Code::access_denied},
    Row{"AccountProblem", Code::access_denied},
    Row{"ExpiredToken", Code::access_denied},
    Row{"InvalidToken", Code::access_denied},
    Row{"TokenRefreshRequired", Code::access_denied},
    Row{"InvalidAccessKeyId", Code::access_denied},
    Row{"SignatureDoesNotMatch", Code::access_denied},
    // The session has corrected its clock by then: the next try is signed with the right time.
    Row{"RequestTimeTooSkewed", Code::unavailable},
    Row{"RequestExpired", Code::access_denied},
    Row{"AuthorizationHeaderMalformed", Code::access_denied},
    Row{"InvalidObjectState", Code::archived},
    // Later, or by another tier: more of the same requests only make it worse.
    Row{"GlacierExpeditedRetrievalNotAvailable", Code::not_supported},
    Row{"QuotaExceeded", Code::no_space},
    Row{"EntityTooLarge", Code::too_large},
    Row{"KeyTooLongError", Code::name_too_long},
    Row{"KeyTooLong", Code::name_too_long},
    Row{"MethodNotAllowed", Code::not_supported},
    Row{"NotImplemented", Code::not_supported},
    Row{"XNotImplemented", Code::not_supported},
}};

/// Refusals that are about how an object is encrypted, by their words: S3 calls them all
/// InvalidRequest. What a person can do follows in brackets.
struct EncryptionRow {
  std::string_view words;
  std::string_view advice;
};
constexpr std::array<EncryptionRow, 3> encryption_rows = {{
    {"stored using a form of Server Side Encryption", "mount with --sse-c-key-file and its key"},
    {"encryption parameters are not applicable",
     "it is not encrypted with a key of yours, see --sse-c-key-file"},
    {"did not match the ones used originally",
     "it is encrypted with another key than that of --sse-c-key-file"},
}};

std::string_view encryption_advice(const ErrorAnswer& answer) {
  if (answer.status != 400 && answer.status != 403) return {};
  const auto row = std::find_if(
      encryption_rows.begin(), encryption_rows.end(),
      [&](const EncryptionRow& r) { return answer.message.find(r.words) != std::string::npos; });
  return row == encryption_rows.end() ? std::string_view() : row->advice;
}

Code code_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
      return Code::access_denied;
    case 404:
    case 410:
      return Code::not_found;
    case 405:
    case 501:
      return Code::not_supported;
    case 408:
    case 409:
    case 425:
      return Code::unavailable;
    case 412:
      return Code::changed;
    case 413:
      return Code::too_large;
    case 429:
    case 503:
      return Code::throttled;
    case 507:
      return Code::no_space;
    default:
      break;
  }
  if (status >= 500) return Code::unavailable;
  if (status >= 400) return Code::invalid_argument;
  // A redirect that could not be followed is one of a configuration; a success that is no success
  // is nobody's fault that we know, and worth another try.
  return status >= 300 ? Code::invalid_argument : Code::unavailable;
}

std::string fallback_message(const ErrorAnswer& answer) {
  switch (answer.status) {
    case 301:
    case 307:
    case 308:
      return "the server sends the request elsewhere, but not where to: check endpoint and region";
    case 304:
      return "not modified";
    case 403:
      return "access denied";
    case 404:
      return "no such key, bucket or upload";
    case 412:
      return "a condition of the request does not hold";
    default:
      return fmt::format("the server answered with HTTP status {}", answer.status);
  }
}

int64_t read_retry_after(const HttpResponse& response) {
  const std::string_view text = response.headers.find("retry-after");
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (!text.empty() && error == std::errc() && end == text.data() + text.size()) {
    return std::clamp<int64_t>(seconds, 0, 3600) * 1000;
  }
  const auto until = parse_http_date(text);
  const auto now = parse_http_date(response.headers.find("date"));
  if (!until || !now) return 0;
  // Milliseconds: the nanoseconds between two dates of a server can be more than 64 bits count.
  return std::clamp<int64_t>(*until / 1'000'000 - *now / 1'000'000, 0, 3'600'000);
}

}  // namespace

void read_error_element(const XmlElement& element, ErrorAnswer& answer) {
  answer.has_body = true;
  answer.code = element.text_of("Code");
  answer.message = element.text_of("Message");
  answer.endpoint = element.text_of("Endpoint");
  if (answer.region.empty()) answer.region = element.text_of("Region");
  if (answer.request_id.empty()) answer.request_id = element.text_of("RequestId");
}

ErrorAnswer read_error_answer(const HttpResponse& response) {
  ErrorAnswer answer{.status = response.status};
  answer.request_id = response.headers.find("x-amz-request-id");
  answer.region = response.headers.find("x-amz-bucket-region");
  answer.location = response.headers.find("location");
  answer.retry_after_ms = read_retry_after(response);
  if (response.body.empty()) return answer;
  // A proxy's page of HTML says nothing that the status does not.
  const auto xml = parse_xml(response.body);
  if (!xml) return answer;
  if (xml->name == "Error") {
    read_error_element(*xml, answer);
  } else if (const XmlElement* inner = xml->child("Error")) {
    read_error_element(*inner, answer);  // Some servers wrap it in an <ErrorResponse>.
  }
  return answer;
}

Error to_error(const ErrorAnswer& answer, std::string_view key, bool if_none_match) {
  Code code = code_of_status(answer.status);
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const Row& r) { return r.service_code == answer.code; });
  if (row != rows.end()) {
    code = row->code;
  } else if (answer.status == 416) {
    code = Code::invalid_argument;
  }
  if (code == Code::changed && if_none_match) code = Code::already_exists;
  std::string message = answer.message.empty() ? fallback_message(answer) : answer.message;
  if (const std::string_view advice = encryption_advice(answer); !advice.empty()) {
    code = Code::access_denied;
    message += fmt::format(" ({})", advice);
  }
  return Error(code, Error::Detail{.message = std::move(message),
                                   .key = std::string(key),
                                   .request_id = answer.request_id,
                                   .service_code = answer.code,
                                   .http_status = answer.status,
                                   .retry_after_ms = answer.retry_after_ms});
}

}  // namespace penstock
