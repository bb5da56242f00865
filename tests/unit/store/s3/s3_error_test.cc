// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_error.h"

#include "support/catch.h"

namespace penstock {
namespace {

/// The answer of a server that sends an <Error> with these fields.
HttpResponse answer_of(int status, const std::string& fields) {
  return {.status = status, .body = "<?xml version=\"1.0\"?><Error>" + fields + "</Error>"};
}

Error error_of(int status, const std::string& service_code, bool if_none_match = false) {
  return to_error(read_error_answer(answer_of(status, "<Code>" + service_code + "</Code>")), "k",
                  if_none_match);
}

TEST_CASE("a service's code counts for more than the status that it comes with") {
  CHECK(error_of(403, "QuotaExceeded").code() == Code::no_space);
  CHECK(error_of(400, "EntityTooLarge").code() == Code::too_large);
  CHECK(error_of(400, "KeyTooLongError").code() == Code::name_too_long);
  CHECK(error_of(403, "InvalidObjectState").code() == Code::archived);
  CHECK(error_of(400, "RequestTimeout").code() == Code::unavailable);
  CHECK(error_of(403, "RequestTimeTooSkewed").code() == Code::unavailable);
  CHECK(error_of(409, "ConditionalRequestConflict").code() == Code::unavailable);
  CHECK(error_of(503, "SlowDown").code() == Code::throttled);
  CHECK(error_of(500, "InternalError").code() == Code::unavailable);
  CHECK(error_of(400, "BadDigest").code() == Code::corrupt);
  CHECK(error_of(501, "NotImplemented").code() == Code::not_supported);
  CHECK(error_of(503, "GlacierExpeditedRetrievalNotAvailable").code() == Code::not_supported);
  CHECK(error_of(403, "NoSuchKey").code() == Code::not_found);
}

TEST_CASE("credentials that are refused are an access that is denied, whatever the status is") {
  for (const char* code : {"ExpiredToken", "InvalidToken", "TokenRefreshRequired",
                           "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestExpired",
                           "AuthorizationHeaderMalformed", "AllAccessDisabled"}) {
    CAPTURE(code);
    const Error error = error_of(400, code);
    CHECK(error.code() == Code::access_denied);
    CHECK(error.detail().service_code == code);
  }
}

TEST_CASE("where the service's code is not known the status tells") {
  const auto code = [](int status) { return error_of(status, "SomethingNew").code(); };
  CHECK(code(401) == Code::access_denied);
  CHECK(code(403) == Code::access_denied);
  CHECK(code(404) == Code::not_found);
  CHECK(code(410) == Code::not_found);
  CHECK(code(405) == Code::not_supported);
  CHECK(code(408) == Code::unavailable);
  CHECK(code(409) == Code::unavailable);
  CHECK(code(412) == Code::changed);
  CHECK(code(413) == Code::too_large);
  CHECK(code(416) == Code::invalid_argument);
  CHECK(code(429) == Code::throttled);
  CHECK(code(503) == Code::throttled);
  CHECK(code(507) == Code::no_space);
  CHECK(code(400) == Code::invalid_argument);
  CHECK(code(500) == Code::unavailable);
  CHECK(code(599) == Code::unavailable);
  CHECK(code(301) == Code::invalid_argument);
  CHECK(code(200) == Code::unavailable);
}

TEST_CASE("a condition that does not hold is an object that is there, where none was to be") {
  CHECK(error_of(412, "PreconditionFailed").code() == Code::changed);
  CHECK(error_of(412, "PreconditionFailed", true).code() == Code::already_exists);
  CHECK(error_of(412, "", true).code() == Code::already_exists);
  CHECK(error_of(404, "NoSuchKey", true).code() == Code::not_found);
}

TEST_CASE("where a bucket is comes from the header before the body") {
  HttpResponse answer = answer_of(301,
                                  "<Code>PermanentRedirect</Code><Endpoint>b.s3.eu-west-1."
                                  "amazonaws.com</Endpoint><Region>eu-west-1</Region>");
  CHECK(read_error_answer(answer).region == "eu-west-1");
  CHECK(read_error_answer(answer).endpoint == "b.s3.eu-west-1.amazonaws.com");
  CHECK(read_error_answer(answer).has_body);
  answer.headers.add("x-amz-bucket-region", "eu-north-1");
  answer.headers.add("location", "https://elsewhere/");
  CHECK(read_error_answer(answer).region == "eu-north-1");
  CHECK(read_error_answer(answer).location == "https://elsewhere/");
  // As a HEAD is answered, without a body.
  answer.body.clear();
  CHECK(read_error_answer(answer).region == "eu-north-1");
  CHECK_FALSE(read_error_answer(answer).has_body);
}

TEST_CASE("an error names the key, the server's words and its request") {
  HttpResponse answer = answer_of(403,
                                  "<Code>AccessDenied</Code><Message>not you</Message>"
                                  "<RequestId>in-body</RequestId>");
  const auto detail = [&] { return to_error(read_error_answer(answer), "a key", false).detail(); };
  CHECK(detail().key == "a key");
  CHECK(detail().message == "not you");
  CHECK(detail().http_status == 403);
  CHECK(detail().request_id == "in-body");
  answer.headers.add("x-amz-request-id", "in-header");
  CHECK(detail().request_id == "in-header");
}

TEST_CASE("an answer that is no <Error> is told by its status") {
  HttpResponse answer{.status = 503, .body = "<html><body>Bad <b>gateway</body></html>"};
  answer.headers.add("retry-after", "7");
  const ErrorAnswer read = read_error_answer(answer);
  CHECK_FALSE(read.has_body);
  const Error error = to_error(read, "k", false);
  CHECK(error.code() == Code::throttled);
  CHECK(error.detail().retry_after_ms == 7000);
  CHECK(error.message() == "the server answered with HTTP status 503");
  // Wrapped, as some servers do.
  answer.body = "<ErrorResponse><Error><Code>QuotaExceeded</Code></Error></ErrorResponse>";
  CHECK(to_error(read_error_answer(answer), "k", false).code() == Code::no_space);
}

TEST_CASE("a Retry-After is read as seconds, or as a date against the server's own") {
  const auto wait = [](const char* retry_after, const char* date = "") {
    HttpResponse answer{.status = 503};
    answer.headers.add("retry-after", retry_after);
    answer.headers.add("date", date);
    return read_error_answer(answer).retry_after_ms;
  };
  CHECK(wait("0") == 0);
  CHECK(wait("120") == 120'000);
  CHECK(wait("120 s") == 0);
  CHECK(wait("soon") == 0);
  CHECK(wait("Sun, 06 Nov 1994 08:50:37 GMT") == 0);  // by no clock that is known
  CHECK(wait("Sun, 06 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:50:34 GMT") == 3000);
}

TEST_CASE("a refusal that is about an object's encryption says what to do") {
  const auto refused = [](int status, const std::string& words) {
    return to_error(read_error_answer(answer_of(
                        status, "<Code>InvalidRequest</Code><Message>" + words + "</Message>")),
                    "k", false);
  };
  const Error no_key =
      refused(400, "The object was stored using a form of Server Side Encryption.");
  CHECK(no_key.code() == Code::access_denied);
  CHECK(std::string(no_key.message()).find("--sse-c-key-file") != std::string::npos);
  CHECK(refused(400, "The encryption parameters are not applicable to this object.").code() ==
        Code::access_denied);
  CHECK(refused(400, "Something else.").code() == Code::invalid_argument);
  // Words of another kind of failure are only words.
  CHECK(refused(503, "it was stored using a form of Server Side Encryption").code() ==
        Code::throttled);
}

}  // namespace
}  // namespace penstock
