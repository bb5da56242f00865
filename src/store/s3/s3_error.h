// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/http_message.h"
#include "penstock/error.h"
#include "store/s3/xml.h"

namespace penstock {

/// What a server says of a failure: status and headers, and the fields of its <Error>, where it
/// sent one.
struct ErrorAnswer {
  int status = 0;
  std::string code;
  std::string message;
  std::string request_id;
  std::string region;    ///< Where the bucket is, by header or body.
  std::string endpoint;  ///< Where the requests should go, by body.
  std::string location;  ///< The same as an absolute URL, by header.
  int64_t retry_after_ms = 0;
  bool has_body = false;
};

ErrorAnswer read_error_answer(const HttpResponse& response);
/// The fields of an <Error> element, also one inside a 200 answer.
void read_error_element(const XmlElement& element, ErrorAnswer& answer);

/// The one place that turns S3's words into ours. `if_none_match`: the request carried
/// If-None-Match.
Error to_error(const ErrorAnswer& answer, std::string_view key, bool if_none_match);

}  // namespace penstock
