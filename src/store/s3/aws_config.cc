// SPDX-License-Identifier: Apache-2.0
#include "store/s3/aws_config.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string_view>

#include "base/trusted_path.h"

namespace penstock {
namespace {

constexpr std::string_view profile_word = "profile ";

std::string home_directory(const Variables& variables) {
  std::string home = variable(variables, "HOME");
  if (!home.empty()) return home;
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->pw_dir;
  return "/";
}

std::string expand_home(const std::string& path, const Variables& variables) {
  if (path == "~" || path.substr(0, 2) == "~/") return home_directory(variables) + path.substr(1);
  return path;
}

Result<AwsSections> read_sections(const std::string& path) {
  if (path.empty()) return AwsSections();
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int why = errno;
    if (why == ENOENT || why == ENOTDIR || why == 0) return AwsSections();
    return Error(Code::access_denied, fmt::format("cannot read {}: {}", path, std::strerror(why)));
  }
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return parse_aws_file(text);
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values) {
    if (!value.empty()) return value;
  }
  return "";
}

bool is_true(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text == "true" || text == "1";
}

/// A setting, and where it was found.
struct Found {
  std::string value;
  std::string place;
};

Found first_found(std::initializer_list<Found> places) {
  for (const Found& found : places) {
    if (!found.value.empty()) return found;
  }
  return {};
}

Found in_environment(const Variables& variables, const std::string& name) {
  return {.value = variable(variables, name), .place = fmt::format("{} in the environment", name)};
}

/// Of one service, whose own variable is AWS_ENDPOINT_URL_ and its name.
Found configured_endpoint(const AwsConfig& config, const AwsSection& profile,
                          const std::string& profile_place, const Variables& variables,
                          const std::string& service) {
  const bool ignore = is_true(first_of({variable(variables, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
                                        profile.value("ignore_configured_endpoint_urls")}));
  if (ignore) return {};
  std::string own = "AWS_ENDPOINT_URL_" + service;
  std::transform(own.begin(), own.end(), own.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  const std::string services = profile.value("services");
  return first_found(
      {in_environment(variables, own),
       in_environment(variables, "AWS_ENDPOINT_URL"),
       {services.empty() ? "" : config.service_value(services, service, "endpoint_url"),
        fmt::format("services '{}' of {}", services, profile_place)},
       {profile.nested_value(service, "endpoint_url"), profile_place},
       {profile.value("endpoint_url"), profile_place}});
}

/// AWS's servers with IPv6, or with validated cryptography, where the option has not chosen them
/// already. With an endpoint they are refused: one of the two would be left out without a word.
Result<void> choose_servers(StoreOptions& options, const AwsSection& profile,
                            const std::string& profile_place, const Variables& variables) {
  struct Choice {
    bool StoreOptions::*option;
    const char* variable;
    const char* setting;
  };
  for (const Choice& choice :
       {Choice{&StoreOptions::dual_stack, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"},
        Choice{&StoreOptions::fips, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"}}) {
    if (options.*choice.option) continue;
    const Found found = first_found(
        {in_environment(variables, choice.variable),
         {profile.value(choice.setting), fmt::format("{} of {}", choice.setting, profile_place)}});
    if (!is_true(found.value)) continue;
    if (!options.endpoint_url.empty()) {
      return Error(Code::invalid_argument,
                   fmt::format("{} chooses among AWS's servers, but the endpoint {} is given: "
                               "use one of them",
                               found.place, options.endpoint_url));
    }
    options.*choice.option = true;
  }
  return {};
}

Result<void> check_endpoint(const std::string& url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.substr(0, scheme.size()) == scheme && url.size() > scheme.size()) return {};
  }
  return Error(
      Code::invalid_argument,
      fmt::format("'{}' is no endpoint: it must look like https://HOST or http://HOST:PORT", url));
}

}  // namespace

Variables process_variables() {
  Variables variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t sign = text.find('=');
    if (sign != std::string_view::npos)
      variables.emplace(text.substr(0, sign), text.substr(sign + 1));
  }
  return variables;
}

std::string variable(const Variables& variables, const std::string& name) {
  const auto found = variables.find(name);
  return found == variables.end() ? "" : found->second;
}

AwsFiles find_aws_files(const std::string& profile_option, const Variables& variables) {
  const auto path = [&](const std::string& name, const std::string& otherwise) {
    return expand_home(first_of({variable(variables, name), otherwise}), variables);
  };
  const std::string profile = first_of({profile_option, variable(variables, "AWS_PROFILE"),
                                        variable(variables, "AWS_DEFAULT_PROFILE")});
  return {.config_path = path("AWS_CONFIG_FILE", "~/.aws/config"),
          .credentials_path = path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
          .sso_cache_path = expand_home("~/.aws/sso/cache", variables),
          .profile = profile.empty() ? "default" : profile,
          .profile_chosen = !profile.empty(),
          .profile_by_option = !profile_option.empty()};
}

std::vector<std::string> exposed_key_files(const AwsFiles& files) {
  std::vector<std::string> exposed;
  for (const std::string& path : {files.credentials_path, files.config_path}) {
    if (!everybody_may_read(path)) continue;
    const Result<AwsSections> sections = read_sections(path);
    const bool has_keys = sections && std::ranges::any_of(*sections, [](const auto& section) {
                            return !section.second.value("aws_secret_access_key").empty();
                          });
    if (has_keys) exposed.push_back(path);
  }
  return exposed;
}

Result<AwsConfig> AwsConfig::read(const AwsFiles& files) {
  auto config = read_sections(files.config_path);
  if (!config.has_value()) return config.error();
  auto credentials = read_sections(files.credentials_path);
  if (!credentials.has_value()) return credentials.error();
  return AwsConfig(std::move(config).value(), std::move(credentials).value());
}

const AwsSection* AwsConfig::config(const std::string& profile) const {
  auto found = config_.find(std::string(profile_word) + profile);
  if (found == config_.end() && profile == "default") found = config_.find(profile);
  return found == config_.end() ? nullptr : &found->second;
}

const AwsSection* AwsConfig::credentials(const std::string& profile) const {
  const auto found = credentials_.find(profile);
  return found == credentials_.end() ? nullptr : &found->second;
}

std::optional<AwsSection> AwsConfig::profile(const std::string& name) const {
  const AwsSection* first = config(name);
  const AwsSection* second = credentials(name);
  if (first == nullptr && second == nullptr) return std::nullopt;
  AwsSection merged = first != nullptr ? *first : AwsSection();
  if (second != nullptr) merged.merge(*second);
  return merged;
}

std::vector<std::string> AwsConfig::profiles() const {
  std::set<std::string> names;
  for (const auto& [name, section] : config_) {
    if (name == "default") names.insert(name);
    if (name.substr(0, profile_word.size()) == profile_word)
      names.insert(name.substr(profile_word.size()));
  }
  for (const auto& [name, section] : credentials_) names.insert(name);
  return {names.begin(), names.end()};
}

const AwsSection* AwsConfig::sso_session(const std::string& name) const {
  const auto found = config_.find("sso-session " + name);
  return found == config_.end() ? nullptr : &found->second;
}

std::string AwsConfig::service_value(const std::string& services, const std::string& service,
                                     const std::string& name) const {
  const auto found = config_.find("services " + services);
  return found == config_.end() ? "" : found->second.nested_value(service, name);
}

Result<AwsSection> chosen_profile(const AwsConfig& config, const AwsFiles& files) {
  if (auto found = config.profile(files.profile)) return *std::move(found);
  if (!files.profile_chosen) return AwsSection();
  std::string known;
  for (const std::string& name : config.profiles()) known += (known.empty() ? "" : ", ") + name;
  return Error(
      Code::invalid_argument,
      fmt::format("there is no profile '{}' in {} or {} (profiles there: {})", files.profile,
                  files.config_path, files.credentials_path, known.empty() ? "none" : known));
}

std::string configured_service_endpoint(const AwsConfig& config, const AwsSection& profile,
                                        const Variables& variables, const std::string& service) {
  return configured_endpoint(config, profile, "", variables, service).value;
}

std::string aws_domain(const std::string& region) {
  return region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

Result<AwsSettings> resolve_aws_settings(StoreOptions options, const Variables& variables) {
  const AwsFiles files = find_aws_files(options.profile, variables);
  auto config = AwsConfig::read(files);
  if (!config.has_value()) return config.error();
  auto found = chosen_profile(*config, files);
  if (!found.has_value()) return found.error();
  const AwsSection profile = std::move(found).value();

  const std::string place = fmt::format("profile '{}'", files.profile);
  const Found region = first_found({{options.region, "--region"},
                                    in_environment(variables, "AWS_REGION"),
                                    in_environment(variables, "AWS_DEFAULT_REGION"),
                                    {profile.value("region"), place}});
  options.region = region.value;
  Found endpoint{.value = options.endpoint_url, .place = "--endpoint-url"};
  if (endpoint.value.empty())
    endpoint = configured_endpoint(*config, profile, place, variables, "s3");
  options.endpoint_url = endpoint.value;
  while (!options.endpoint_url.empty() && options.endpoint_url.back() == '/')
    options.endpoint_url.pop_back();
  if (!options.endpoint_url.empty()) {
    if (auto checked = check_endpoint(options.endpoint_url); !checked.has_value())
      return checked.error();
  }
  if (auto chosen = choose_servers(options, profile, place, variables); !chosen.has_value())
    return chosen.error();
  options.ca_bundle = expand_home(first_of({options.ca_bundle, variable(variables, "AWS_CA_BUNDLE"),
                                            profile.value("ca_bundle")}),
                                  variables);
  if (!options.ca_bundle.empty() && access(options.ca_bundle.c_str(), R_OK) != 0) {
    return Error(Code::invalid_argument, fmt::format("cannot read the CA bundle {}: {}",
                                                     options.ca_bundle, std::strerror(errno)));
  }
  if (options.path_style == StoreOptions::PathStyle::automatic) {
    const std::string style = profile.nested_value("s3", "addressing_style");
    if (style == "path") options.path_style = StoreOptions::PathStyle::always;
    if (style == "virtual") options.path_style = StoreOptions::PathStyle::never;
  }
  return AwsSettings{.options = std::move(options),
                     .endpoint_from = std::move(endpoint.place),
                     .region_from = region.place};
}

Result<StoreOptions> resolve_aws_options(StoreOptions options, const Variables& variables) {
  Result<AwsSettings> settings = resolve_aws_settings(std::move(options), variables);
  if (!settings.has_value()) return settings.error();
  return std::move(settings->options);
}

}  // namespace penstock
