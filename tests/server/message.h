// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/content.h"

namespace penstock::test {

/// One HTTP request. Names of headers are in lower case.
struct Request {
  std::string method;
  std::string raw_path;                                    ///< As sent, without the query.
  std::string raw_query;                                   ///< As sent.
  std::vector<std::pair<std::string, std::string>> query;  ///< Decoded, in the order sent.
  std::map<std::string, std::string> headers;
  uint64_t content_length = 0;
  bool keep_alive = true;

  std::string operation;  ///< S3's name, "Control", or "Unknown".
  std::string bucket;
  std::string key;

  /// What arrived, once all of it has. With discarded bodies only the size is right.
  Content body;
  /// The digests that the headers or the ETag asked for, raw, by name: "md5", "sha256", "crc32c",
  /// ...
  std::map<std::string, std::string> digests;

  std::string header(const std::string& name) const;
  bool has_header(const std::string& name) const { return headers.contains(name); }
  bool has_query(std::string_view name) const;
  std::string query_value(std::string_view name) const;  ///< "" where it is absent.
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  Content body;
  std::string document;  ///< An XML body; taken instead of `body` if not empty.
  /// HEAD and 304 say the length of a body that they do not send.
  std::optional<uint64_t> said_length;
  std::chrono::nanoseconds extra_delay{0};

  void set(std::string name, std::string value);  ///< Replaces.
  void add(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
  }
};

/// Parses a request head up to and including the empty line. nullopt where it is not HTTP/1.1 as S3
/// takes it.
std::optional<Request> parse_head(std::string_view head);

Response xml_response(int status, const std::string& document);
/// The <Error> document of S3. `extra` is put into it as it is, and so is the request's id for
/// "REQUEST_ID" later.
Response error_response(int status, const std::string& code, const std::string& message,
                        const std::string& extra = {});
std::string_view reason_phrase(int status);

}  // namespace penstock::test
