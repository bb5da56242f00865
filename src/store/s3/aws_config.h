// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "penstock/options.h"
#include "penstock/result.h"
#include "store/s3/aws_config_file.h"

namespace penstock {

/// Environment variables, as they were at one moment; set to nothing counts as not set.
using Variables = std::map<std::string, std::string>;
/// Those of this process. Call it while no other thread changes them.
Variables process_variables();
std::string variable(const Variables& variables, const std::string& name);

/// Where the AWS CLI's two files are, and which profile of them is meant.
struct AwsFiles {
  std::string config_path;       ///< AWS_CONFIG_FILE or ~/.aws/config.
  std::string credentials_path;  ///< AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials.
  std::string sso_cache_path;    ///< ~/.aws/sso/cache: tokens of `aws sso login`.
  std::string profile = "default";
  bool profile_chosen = false;     ///< By option or AWS_PROFILE: then it must exist.
  bool profile_by_option = false;  ///< By option: then keys in the environment do not count.
};
AwsFiles find_aws_files(const std::string& profile_option, const Variables& variables);

/// Those of the two that hold secret keys and that every user of this machine may read. Blocks on
/// the disk.
std::vector<std::string> exposed_key_files(const AwsFiles& files);

/// What the files hold.
class AwsConfig {
 public:
  AwsConfig() = default;
  AwsConfig(AwsSections config, AwsSections credentials)
      : config_(std::move(config)), credentials_(std::move(credentials)) {}

  /// Reads the files; one that does not exist is an empty one. access_denied where one cannot be
  /// read. Blocks on the disk.
  static Result<AwsConfig> read(const AwsFiles& files);

  /// The profile's section in the configuration file, null if there is none.
  const AwsSection* config(const std::string& profile) const;
  const AwsSection* credentials(const std::string& profile) const;
  /// Both, the credentials file before the other. Nothing where neither has the profile.
  std::optional<AwsSection> profile(const std::string& name) const;
  std::vector<std::string> profiles() const;
  /// The section "[sso-session NAME]", null if there is none.
  const AwsSection* sso_session(const std::string& name) const;
  /// Of the section "[services NAME]": the setting of its block `service`; empty where there is
  /// none.
  std::string service_value(const std::string& services, const std::string& service,
                            const std::string& name) const;

 private:
  AwsSections config_;
  AwsSections credentials_;
};

/// The profile that `files` asks for; an empty one where it need not exist. invalid_argument for a
/// chosen profile that neither file has.
Result<AwsSection> chosen_profile(const AwsConfig& config, const AwsFiles& files);

/// The address of a service beside S3 ("sts", "sso", "sso_oidc") that somebody has configured:
/// AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, the profile's section of services, its endpoint_url.
/// Empty where nobody has, or all of them are to be ignored.
std::string configured_service_endpoint(const AwsConfig& config, const AwsSection& profile,
                                        const Variables& variables, const std::string& service);
/// "amazonaws.com", or what it is called in that region's part of the world.
std::string aws_domain(const std::string& region);

/// Takes what `options` leaves open from the environment and the files, as the AWS CLI does: region
/// (us-east-1 if nobody says), endpoint_url (empty: AWS), ca_bundle (empty: the system's),
/// path_style (addressing_style), dual_stack and fips. A chosen profile that does not exist, and a
/// value that cannot be right, is invalid_argument with a sentence for a person. Blocks on the
/// disk.
Result<StoreOptions> resolve_aws_options(StoreOptions options, const Variables& variables);

/// The same, and for a person who asks where each came from: "--region", "AWS_REGION in the
/// environment", "profile 'x' in its files"; empty where nobody has said it.
struct AwsSettings {
  StoreOptions options;
  std::string endpoint_from;
  std::string region_from;
};
Result<AwsSettings> resolve_aws_settings(StoreOptions options, const Variables& variables);

}  // namespace penstock
