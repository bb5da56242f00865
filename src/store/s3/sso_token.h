// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "penstock/result.h"

namespace penstock {

/// The file in which the AWS CLI keeps what `aws sso login` got: a token for the portal, and with
/// newer versions what it takes to renew it. A value type; never logged.
class SsoToken {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// access_denied where it cannot be read, corrupt where it holds no token. Blocks on the disk.
  static Result<SsoToken> read(const std::string& path);

  const std::string& access_token() const noexcept { return access_token_; }
  Time expires() const noexcept { return expires_; }
  /// Whether it can be renewed: not after the registration of the client has ended.
  bool is_renewable(Time now) const noexcept;
  /// The body of OIDC's CreateToken that asks for a new one.
  std::string renewal_request() const;
  /// The same with what OIDC has answered; the rest of the file stays as it is. corrupt where the
  /// answer holds no token.
  Result<SsoToken> renewed(std::string_view answer, Time now) const;
  /// Puts it in the file's place, in one step, so that only the file's owner can read it. Blocks on
  /// the disk.
  Result<void> write(const std::string& path) const;
  /// Whether write() could, as a clause for a person; empty: it could.
  static std::string why_not_writable(const std::string& path);

 private:
  static Result<SsoToken> parse(std::string text);

  std::string text_;  ///< The file's.
  std::string access_token_;
  std::string refresh_token_;
  std::string client_id_;
  std::string client_secret_;
  Time expires_;
  Time registration_expires_ = Time::max();
};

}  // namespace penstock
