// SPDX-License-Identifier: Apache-2.0
#include "server/message.h"

#include <algorithm>

#include "server/text.h"

namespace penstock::test {
namespace {

bool parse_request_line(std::string_view line, Request& request) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last <= first) return false;
  request.method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return false;
  request.keep_alive = version == "HTTP/1.1";
  if (target.empty() || target.front() != '/') return false;
  const size_t question = target.find('?');
  request.raw_path = target.substr(0, question);
  if (question != std::string_view::npos) request.raw_query = target.substr(question + 1);
  return true;
}

bool parse_query(Request& request) {
  std::string_view rest = request.raw_query;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view item = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    auto name = uri_decode(item.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                  : uri_decode(item.substr(equals + 1), true);
    if (!name || !value) return false;
    request.query.emplace_back(std::move(*name), std::move(*value));
  }
  return true;
}

}  // namespace

std::string Request::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

bool Request::has_query(std::string_view name) const {
  return std::any_of(query.begin(), query.end(),
                     [&](const auto& item) { return item.first == name; });
}

std::string Request::query_value(std::string_view name) const {
  const auto found = std::find_if(query.begin(), query.end(),
                                  [&](const auto& item) { return item.first == name; });
  return found == query.end() ? std::string() : found->second;
}

void Response::set(std::string name, std::string value) {
  for (auto& [present, old] : headers) {
    if (present == name) {
      old = std::move(value);
      return;
    }
  }
  add(std::move(name), std::move(value));
}

std::optional<Request> parse_head(std::string_view head) {
  Request request;
  bool first = true;
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (first) {
      first = false;
      if (!parse_request_line(line, request)) return std::nullopt;
      continue;
    }
    if (line.empty()) break;
    const size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return std::nullopt;
    const auto [entry, added] =
        request.headers.emplace(lower_case(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    if (!added) entry->second.append(",").append(trimmed(line.substr(colon + 1)));
  }
  if (request.has_header("content-length")) {
    const std::optional<uint64_t> length = parse_number(request.header("content-length"));
    if (!length) return std::nullopt;
    request.content_length = *length;
  }
  const std::string connection = lower_case(request.header("connection"));
  if (connection == "close") request.keep_alive = false;
  if (connection == "keep-alive") request.keep_alive = true;
  if (!parse_query(request)) return std::nullopt;
  return request;
}

Response xml_response(int status, const std::string& document) {
  Response response;
  response.status = status;
  response.add("Content-Type", "application/xml");
  response.document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + document;
  return response;
}

Response error_response(int status, const std::string& code, const std::string& message,
                        const std::string& extra) {
  return xml_response(status, "<Error><Code>" + code + "</Code><Message>" + xml_escape(message) +
                                  "</Message>" + extra +
                                  "<RequestId>REQUEST_ID</RequestId></Error>");
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 416:
      return "Requested Range Not Satisfiable";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Slow Down";
    default:
      return "Status";
  }
}

}  // namespace penstock::test
