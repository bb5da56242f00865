// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_http.h"

#include <fmt/format.h>

#include <cctype>
#include <fstream>
#include <iterator>

namespace penstock {

void send_patiently(const CredentialsHttp& http, CredentialsHttpRequest request,
                    Done<CredentialsHttpAnswer> done, uint32_t tries) {
  CredentialsHttpRequest again = request;
  again.timeout *= 2;
  http(std::move(request), [http, again = std::move(again), done = std::move(done),
                            tries](Result<CredentialsHttpAnswer> answer) mutable {
    const bool late = !answer.has_value() && answer.code() == Code::timed_out;
    const bool failing = answer.has_value() && answer->status >= 500;
    if (tries > 1 && (late || failing))
      return send_patiently(http, std::move(again), std::move(done), tries - 1);
    done(std::move(answer));
  });
}

Result<std::string> body_of(const std::string& place, const Result<CredentialsHttpAnswer>& answer,
                            std::string (*reason)(std::string_view body)) {
  if (!answer.has_value()) return with_place(place, answer.error());
  if (answer->status == 200) return answer->body;
  const std::string why = reason(answer->body);
  // STS says with 400 what others say with 429.
  const bool busy = answer->status == 429 || why.starts_with("Throttling") ||
                    why.starts_with("RequestLimitExceeded");
  return Error(answer->status >= 500 || busy ? Code::unavailable : Code::access_denied,
               Error::Detail{.message = fmt::format("{} answers {}{}{}", place, answer->status,
                                                    why.empty() ? "" : ": ", why),
                             .http_status = answer->status});
}

Result<FoundCredentials> credentials_in(const std::string& place,
                                        const Result<CredentialsHttpAnswer>& answer,
                                        Result<Credentials> (*parse)(std::string_view body),
                                        std::string (*reason)(std::string_view body)) {
  const Result<std::string> body = body_of(place, answer, reason);
  if (!body.has_value()) return body.error();
  auto parsed = parse(*body);
  if (!parsed.has_value()) return with_place(place, parsed.error());
  return FoundCredentials(std::move(parsed).value());
}

Done<FoundCredentials> naming(std::string source, Done<FoundCredentials> done) {
  return
      [source = std::move(source), done = std::move(done)](Result<FoundCredentials> found) mutable {
        if (found.has_value() && found->has_value()) (*found)->source = std::move(source);
        done(std::move(found));
      };
}

Result<std::string> read_token(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(Code::access_denied, fmt::format("cannot read the token file {}", path));
  std::string token((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0)
    token.pop_back();
  return token;
}

Error with_place(const std::string& place, const Error& error) {
  Error::Detail detail = error.detail();
  detail.message = fmt::format("{}: {}", place, detail.message);
  return Error(error.code(), std::move(detail));
}

}  // namespace penstock
