// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/result.h"
#include "store/s3/credentials.h"

namespace penstock {

/// Credentials as services and processes give them: {"AccessKeyId", "SecretAccessKey", "Token" or
/// "SessionToken", "Expiration"}. corrupt where it is no such object; access_denied where it holds
/// an error instead ("Code", "Message").
Result<Credentials> parse_credentials_json(std::string_view text);

/// The same out of an answer of STS: the elements AccessKeyId, SecretAccessKey, SessionToken and
/// Expiration of the <Credentials> in its result.
Result<Credentials> parse_sts_answer(std::string_view text);

/// The same out of an answer of single sign-on's portal: {"roleCredentials": {"accessKeyId",
/// "secretAccessKey", "sessionToken", "expiration"}}, the last in milliseconds since the epoch.
Result<Credentials> parse_portal_answer(std::string_view text);
/// What single sign-on's services say of a refusal; empty where it is no answer of theirs.
std::string sso_reason(std::string_view text);

/// What STS says of a refusal: "AccessDenied: User: ... is not authorized"; empty where it is no
/// answer of STS.
std::string sts_reason(std::string_view text);

/// "2026-11-24T05:00:00Z", also with a fraction of seconds or an offset ("+01:00"), or "UTC"
/// instead of "Z", as older versions of the AWS CLI have it. Nothing where it is no such time.
std::optional<std::chrono::system_clock::time_point> parse_iso_time(const std::string& text);
/// "2026-11-24T05:00:00Z".
std::string iso_time(std::chrono::system_clock::time_point time);

}  // namespace penstock
