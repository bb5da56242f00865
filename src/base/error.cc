// SPDX-License-Identifier: Apache-2.0
#include "penstock/error.h"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

#include "penstock/result.h"

namespace penstock {

std::string_view to_string(Code code) noexcept {
  switch (code) {
    case Code::not_found:
      return "not_found";
    case Code::already_exists:
      return "already_exists";
    case Code::changed:
      return "changed";
    case Code::access_denied:
      return "access_denied";
    case Code::throttled:
      return "throttled";
    case Code::timed_out:
      return "timed_out";
    case Code::unavailable:
      return "unavailable";
    case Code::corrupt:
      return "corrupt";
    case Code::no_space:
      return "no_space";
    case Code::read_only:
      return "read_only";
    case Code::invalid_argument:
      return "invalid_argument";
    case Code::not_supported:
      return "not_supported";
    case Code::not_a_directory:
      return "not_a_directory";
    case Code::is_a_directory:
      return "is_a_directory";
    case Code::not_empty:
      return "not_empty";
    case Code::name_too_long:
      return "name_too_long";
    case Code::too_large:
      return "too_large";
    case Code::bad_handle:
      return "bad_handle";
    case Code::not_permitted:
      return "not_permitted";
    case Code::archived:
      return "archived";
    case Code::being_restored:
      return "being_restored";
    case Code::no_attribute:
      return "no_attribute";
    case Code::interrupted:
      return "interrupted";
    case Code::cancelled:
      return "cancelled";
    case Code::internal:
      return "internal";
  }
  return "unknown";
}

const Error::Detail& Error::detail() const noexcept {
  static const Detail empty;
  return detail_ ? *detail_ : empty;
}

std::string Error::describe() const {
  const Detail& d = detail();
  std::string where;
  const auto add = [&where](const std::string& text) {
    where += where.empty() ? " (" : ", ";
    where += text;
  };
  if (!d.key.empty()) add(fmt::format("key '{}'", d.key));
  if (d.http_status != 0) add(fmt::format("HTTP {}", d.http_status));
  if (!d.service_code.empty()) add(d.service_code);
  if (!d.request_id.empty()) add(fmt::format("request {}", d.request_id));
  if (!where.empty()) where += ')';
  return fmt::format("{}{}{}{}", to_string(code_), d.message.empty() ? "" : ": ", d.message, where);
}

Error Error::with_code(Code code) const {
  Error copy = *this;
  copy.code_ = code;
  return copy;
}

void result_lacks(const char* what) noexcept {
  fmt::print(stderr, "a Result was asked for the {} that it has not\n", what);
  std::abort();
}

}  // namespace penstock
