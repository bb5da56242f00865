// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "store/s3/aws_config.h"
#include "store/s3/credentials_http.h"

namespace penstock {

/// Error::Detail::service_code where a service does not tell whether it has credentials.
inline constexpr std::string_view credentials_unknown = "CredentialsUnknown";

/// The task's or pod's role: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI (which must be
/// https, or a host of this machine or of the container service, for the token goes there).
void fetch_container(const CredentialsHttp& http, const Variables& variables,
                     Done<FoundCredentials> done);

/// The instance's role from the EC2 metadata service, version 2. Nothing where there is no way to
/// such a service; timed_out with credentials_unknown where it does not answer, which it is given
/// several tries for.
void fetch_instance(const CredentialsHttp& http, const Variables& variables,
                    Done<FoundCredentials> done);

}  // namespace penstock
