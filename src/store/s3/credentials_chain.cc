// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_chain.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "store/s3/credentials_json.h"

namespace penstock {
namespace {

/// Access key, secret and token under the names that `get` knows; nothing without an access key.
template <typename Get>
Result<FoundCredentials> static_keys(const std::string& place,
                                     const std::array<const char*, 3>& names, Get get) {
  Credentials keys{
      .access_key = get(names[0]), .secret_key = get(names[1]), .session_token = get(names[2])};
  if (keys.access_key.empty()) return FoundCredentials();
  if (keys.secret_key.empty()) {
    return Error(Code::access_denied,
                 fmt::format("{} has {} but no {}", place, names[0], names[1]));
  }
  keys.source = place;
  return FoundCredentials(std::move(keys));
}

/// The same with the place that they were found in.
Done<FoundCredentials> naming(std::string source, Done<FoundCredentials> done) {
  return
      [source = std::move(source), done = std::move(done)](Result<FoundCredentials> found) mutable {
        if (found.has_value() && found->has_value()) (*found)->source = std::move(source);
        done(std::move(found));
      };
}

/// One search: a step per source, until one has something.
class Search : public std::enable_shared_from_this<Search> {
 public:
  Search(CredentialsPlaces places, Done<Credentials> done)
      : places_(std::move(places)), done_(std::move(done)) {}

  void start() {
    files_ = find_aws_files(places_.profile, places_.variables);
    auto config = AwsConfig::read(files_);
    if (!config.has_value()) return done_(config.error());
    config_ = std::move(config).value();
    auto profile = chosen_profile(config_, files_);
    if (!profile.has_value()) return done_(profile.error());
    profile_ = std::move(profile).value();
    next();
  }

 private:
  using Step = void (Search::*)(Done<FoundCredentials>);

  void next() {
    static constexpr std::array<Step, 8> steps{&Search::environment,    &Search::web_identity,
                                               &Search::other_role,     &Search::credentials_file,
                                               &Search::process,        &Search::config_file,
                                               &Search::single_sign_on, &Search::services};
    if (step_ == steps.size()) return done_(nothing_found());
    const Step step = steps[step_++];
    (this->*step)([self = shared_from_this()](Result<FoundCredentials> found) {
      if (!found.has_value()) return self->done_(found.error());
      if (found->has_value()) return self->done_(**std::move(found));
      self->next();
    });
  }

  void environment(Done<FoundCredentials> done) {
    if (files_.profile_by_option) return done(FoundCredentials());
    done(static_keys("the environment",
                     {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
                     [this](const char* name) { return variable(places_.variables, name); }));
  }
  void web_identity(Done<FoundCredentials> done) {
    const auto identity = find_web_identity(places_.variables, config_, profile_,
                                            files_.profile_by_option, places_.region);
    if (!identity) return done(FoundCredentials());
    fetch_web_identity(places_.http, *identity,
                       naming(fmt::format("the web identity of {} at STS", identity->token_file),
                              std::move(done)));
  }
  void other_role(Done<FoundCredentials> done) {
    if (profile_.value("role_arn").empty()) return done(FoundCredentials());
    done(Error(Code::access_denied,
               fmt::format("profile '{}' assumes a role (role_arn), which Penstock cannot do; {}",
                           files_.profile, hint())));
  }
  void credentials_file(Done<FoundCredentials> done) {
    done(profile_keys(files_.credentials_path, config_.credentials(files_.profile)));
  }
  void process(Done<FoundCredentials> done) {
    const std::string command = profile_.value("credential_process");
    if (command.empty()) return done(FoundCredentials());
    places_.process->run(
        command, places_.stop,
        [done = naming(fmt::format("credential_process of profile '{}'", files_.profile),
                       std::move(done))](Result<std::string> printed) mutable {
          if (!printed.has_value()) return done(printed.error());
          auto parsed = parse_credentials_json(*printed);
          if (parsed.has_value()) return done(FoundCredentials(std::move(parsed).value()));
          done(Error(parsed.code(),
                     fmt::format("credential_process: {}", parsed.error().message())));
        });
  }
  void config_file(Done<FoundCredentials> done) {
    done(profile_keys(files_.config_path, config_.config(files_.profile)));
  }
  void single_sign_on(Done<FoundCredentials> done) {
    if (profile_.value("sso_session").empty() && profile_.value("sso_start_url").empty())
      return done(FoundCredentials());
    done(Error(Code::access_denied,
               fmt::format("profile '{}' uses single sign-on, which Penstock cannot do; {}",
                           files_.profile, hint())));
  }
  void services(Done<FoundCredentials> done) {
    fetch_container(places_.http, places_.variables,
                    naming("the container's credentials service",
                           [self = shared_from_this(),
                            done = std::move(done)](Result<FoundCredentials> found) mutable {
                             if (!found.has_value() || found->has_value())
                               return done(std::move(found));
                             fetch_instance(self->places_.http, self->places_.variables,
                                            naming("the EC2 metadata service",
                                                   self->explaining(std::move(done))));
                           }));
  }

  Result<FoundCredentials> profile_keys(const std::string& path, const AwsSection* section) const {
    if (section == nullptr) return FoundCredentials();
    return static_keys(fmt::format("profile '{}' in {}", files_.profile, path),
                       {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"},
                       [section](const char* name) { return section->value(name); });
  }
  /// Where the last place does not say whether it has any, the others are told, too.
  Done<FoundCredentials> explaining(Done<FoundCredentials> done) {
    return [self = shared_from_this(),
            done = std::move(done)](Result<FoundCredentials> found) mutable {
      const bool unknown =
          !found.has_value() && found.error().detail().service_code == credentials_unknown;
      if (!unknown) return done(std::move(found));
      Error::Detail detail = found.error().detail();
      detail.message =
          fmt::format("{}. But {}. Where there is none, AWS_EC2_METADATA_DISABLED=true says so",
                      self->nothing_found().message(), detail.message);
      done(Error(found.code(), std::move(detail)));
    };
  }
  std::string hint() const {
    return fmt::format(
        "let the AWS CLI do it: credential_process = aws configure export-credentials --profile {} "
        "--format process, in a profile of its own",
        files_.profile);
  }
  Error nothing_found() const {
    return Error(
        Code::access_denied,
        fmt::format("no credentials found. Looked at: {}profile '{}' in {} and {}, the container's "
                    "credentials "
                    "service (AWS_CONTAINER_CREDENTIALS_...), the EC2 metadata service. For a "
                    "public bucket "
                    "use --no-sign-request",
                    files_.profile_by_option ? "" : "AWS_ACCESS_KEY_ID in the environment, ",
                    files_.profile, files_.credentials_path, files_.config_path));
  }

  const CredentialsPlaces places_;
  Done<Credentials> done_;
  AwsFiles files_;
  AwsConfig config_;
  AwsSection profile_;
  size_t step_ = 0;
};

}  // namespace

void fetch_credentials(const CredentialsPlaces& places, Done<Credentials> done) {
  std::make_shared<Search>(places, std::move(done))->start();
}

}  // namespace penstock
