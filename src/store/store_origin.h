// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/scheduler.h"
#include "penstock/options.h"
#include "penstock/result.h"
#include "store/store_factory.h"

namespace penstock {

/// Where requests for an s3:// URL go, and who said so: for a person who asks why they fail.
struct StoreOrigin {
  std::string bucket_url;     ///< What an unsigned request can ask for.
  std::string endpoint;       ///< "http://host:port".
  std::string endpoint_from;  ///< "--endpoint-url", "AWS_ENDPOINT_URL in the environment".
  std::string region;
  std::string region_from;
  std::string ca_bundle;  ///< PEM file; empty: the system's.
  ConnectionOptions connection;
  std::string profile;
  bool is_signed = true;
  std::vector<std::string> exposed_files;  ///< See exposed_key_files().
};

/// Reads files, and asks nobody. The error is a sentence for a person.
Result<StoreOrigin> find_store_origin(const StoreOptions& options, const StoreUrl& url);

/// What is known of credentials, without any of them.
struct CredentialsOrigin {
  std::string source;  ///< "the environment".
  bool temporary = false;
  std::chrono::system_clock::time_point expires = std::chrono::system_clock::time_point::max();
};

/// Looks for the credentials that requests would be signed with, as the stores of open_store() do.
class CredentialsSearch {
 public:
  virtual ~CredentialsSearch() = default;  ///< Waits for a search; not in its continuation.
  /// May ask services. The error is a sentence for a person.
  virtual void find(Done<CredentialsOrigin> done) = 0;

  /// `scheduler` must outlive it.
  static Result<std::unique_ptr<CredentialsSearch>> make(const StoreOptions& options,
                                                         Scheduler& scheduler,
                                                         std::shared_ptr<Log> log);
};

}  // namespace penstock
