// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/log.h"
#include "base/scheduler.h"
#include "penstock/options.h"
#include "store/s3/aws_config.h"
#include "store/s3/credentials.h"

namespace penstock {

/// Credentials from where the AWS CLI would take them (see fetch_credentials), kept and refreshed
/// (see CredentialsCache). Of `options` profile, region, ca_bundle and the proxy count. `scheduler`
/// must outlive it; it must not be destroyed in a continuation of its own. Nothing is looked up
/// before the first get; then a file with secret keys that every user of the machine may read is
/// warned of, once.
std::shared_ptr<CredentialsProvider> make_credentials_provider(const StoreOptions& options,
                                                               Variables variables,
                                                               Scheduler& scheduler,
                                                               std::shared_ptr<Log> log);

}  // namespace penstock
