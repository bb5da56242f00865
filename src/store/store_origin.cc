// SPDX-License-Identifier: Apache-2.0
#include "store/store_origin.h"

#include <fmt/format.h>

#include <utility>

#include "store/s3/aws_config.h"
#include "store/s3/credentials_provider.h"
#include "store/s3/endpoint.h"

namespace penstock {
namespace {

class ProvidedCredentials final : public CredentialsSearch {
 public:
  explicit ProvidedCredentials(std::shared_ptr<CredentialsProvider> provider)
      : provider_(std::move(provider)) {}

  void find(Done<CredentialsOrigin> done) override {
    provider_->get([done = std::move(done)](const Result<Credentials>& found) mutable {
      if (!found) return done(found.error());
      done(CredentialsOrigin{.source = found->source,
                             .temporary = !found->session_token.empty(),
                             .expires = found->expires});
    });
  }

 private:
  const std::shared_ptr<CredentialsProvider> provider_;
};

}  // namespace

Result<StoreOrigin> find_store_origin(const StoreOptions& options, const StoreUrl& url) {
  const Variables variables = process_variables();
  const Result<AwsSettings> settings = resolve_aws_settings(options, variables);
  if (!settings) return settings.error();
  const Result<Endpoint> endpoint = Endpoint::choose({.bucket = url.bucket,
                                                      .url = settings->options.endpoint_url,
                                                      .region = settings->options.region,
                                                      .path_style = settings->options.path_style,
                                                      .dual_stack = settings->options.dual_stack,
                                                      .fips = settings->options.fips,
                                                      .accelerate = settings->options.accelerate});
  if (!endpoint) return endpoint.error();
  return StoreOrigin{
      .bucket_url = endpoint->origin() + endpoint->path(""),
      .endpoint = endpoint->base_url(),
      .endpoint_from =
          settings->endpoint_from.empty() ? "AWS's of the region" : settings->endpoint_from,
      .region = endpoint->region(),
      .region_from = settings->region_from.empty() ? "nobody names another" : settings->region_from,
      .ca_bundle = settings->options.ca_bundle,
      .connection = settings->options.connection,
      .profile = find_aws_files(options.profile, variables).profile,
      .is_signed = !options.no_sign_request,
      .exposed_files = exposed_key_files(find_aws_files(options.profile, variables))};
}

Result<std::unique_ptr<CredentialsSearch>> CredentialsSearch::make(const StoreOptions& options,
                                                                   Scheduler& scheduler,
                                                                   std::shared_ptr<Log> log) {
  Variables variables = process_variables();
  const Result<StoreOptions> resolved = resolve_aws_options(options, variables);
  if (!resolved) return resolved.error();
  return std::unique_ptr<CredentialsSearch>(std::make_unique<ProvidedCredentials>(
      make_credentials_provider(*resolved, std::move(variables), scheduler, std::move(log))));
}

}  // namespace penstock
