// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "store/s3/credentials_json.h"
#include "store/s3/credentials_services.h"
#include "store/s3/credentials_sso.h"

namespace penstock {
namespace {

using Ground = std::shared_ptr<const CredentialsGround>;

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

/// One profile: a step per way to its credentials, until one has some. A profile that assumes a
/// role searches the profile that it does so with by another of these.
class ProfileSearch : public std::enable_shared_from_this<ProfileSearch> {
 public:
  /// `way`: the profiles that lead to this one, the chosen one first.
  ProfileSearch(Ground ground, std::string name, AwsSection section, std::vector<std::string> way,
                Done<FoundCredentials> done)
      : ground_(std::move(ground)),
        name_(std::move(name)),
        section_(std::move(section)),
        way_(std::move(way)),
        done_(std::move(done)) {}

  void next() {
    static constexpr std::array<Step, 7> steps{
        &ProfileSearch::role,           &ProfileSearch::web_identity,
        &ProfileSearch::single_sign_on, &ProfileSearch::credentials_file,
        &ProfileSearch::console_login,  &ProfileSearch::process,
        &ProfileSearch::config_file};
    if (step_ == steps.size()) return done_(FoundCredentials());
    const Step step = steps[step_++];
    (this->*step)([self = shared_from_this()](Result<FoundCredentials> found) {
      if (!found.has_value() || found->has_value()) return self->done_(std::move(found));
      self->next();
    });
  }

 private:
  using Step = void (ProfileSearch::*)(Done<FoundCredentials>);

  bool is_chosen() const { return way_.empty(); }
  bool has_keys() const { return !section_.value("aws_access_key_id").empty(); }

  Error refused(const std::string& why) const {
    return Error(Code::access_denied, fmt::format("profile '{}' {}", name_, why));
  }

  void role(Done<FoundCredentials> done) {
    const std::string arn = section_.value("role_arn");
    // A profile that another names as its source gives its keys, where it has some: so a profile
    // may be its own source.
    const bool is_source_of_keys = !is_chosen() && has_keys();
    if (arn.empty() || !section_.value("web_identity_token_file").empty() || is_source_of_keys)
      return done(FoundCredentials());
    if (!section_.value("mfa_serial").empty()) {
      return done(
          refused("wants a code of an MFA device (mfa_serial), which a mount cannot ask for. Get "
                  "temporary credentials and mount with them: "
                  "eval \"$(aws configure export-credentials --profile " +
                  name_ + " --format env)\""));
    }
    const std::string duration = section_.value("duration_seconds");
    if (duration.find_first_not_of("0123456789") != std::string::npos)
      return done(refused(fmt::format("has duration_seconds = {}: give a number", duration)));
    std::string session = section_.value("role_session_name");
    RoleToAssume wanted{.arn = arn,
                        .session_name = session.empty() ? default_session_name : session,
                        .external_id = section_.value("external_id"),
                        .duration = duration};
    find_source([self = shared_from_this(), wanted = std::move(wanted),
                 done = std::move(done)](Result<FoundCredentials> source) mutable {
      if (!source.has_value()) return done(source.error());
      self->assume(wanted, **source, std::move(done));
    });
  }

  void assume(const RoleToAssume& wanted, const Credentials& with, Done<FoundCredentials> done) {
    assume_role(ground_->places.http, ground_->sts(), wanted, with, ground_->places.clock(),
                naming(fmt::format("role {} of profile '{}', assumed with {}", wanted.arn, name_,
                                   with.source),
                       std::move(done)));
  }

  /// The credentials that the role is assumed with: some, or an error.
  void find_source(Done<FoundCredentials> done) {
    const std::string profile = section_.value("source_profile");
    const std::string place = section_.value("credential_source");
    if (profile.empty() == place.empty()) {
      return done(refused(fmt::format(
          "assumes a role (role_arn) and has {} source_profile {} credential_source: give one",
          profile.empty() ? "neither" : "both", profile.empty() ? "nor" : "and")));
    }
    Done<FoundCredentials> some = [self = shared_from_this(), profile, place,
                                   done = std::move(done)](Result<FoundCredentials> found) mutable {
      if (!found.has_value() || found->has_value()) return done(std::move(found));
      done(self->refused(
          profile.empty()
              ? fmt::format("has credential_source = {}, where there are none", place)
              : fmt::format("has source_profile = {}, which has no credentials", profile)));
    };
    profile.empty() ? source_at(place, std::move(some)) : source_of(profile, std::move(some));
  }

  void source_at(const std::string& place, Done<FoundCredentials> done) {
    const CredentialsPlaces& places = ground_->places;
    if (place == "Environment") return done(environment_keys(places.variables));
    if (place == "EcsContainer")
      return fetch_container(places.http, places.variables, std::move(done));
    if (place == "Ec2InstanceMetadata")
      return fetch_instance(places.http, places.variables, std::move(done));
    done(
        refused(fmt::format("has credential_source = {}: it is one of Environment, EcsContainer, "
                            "Ec2InstanceMetadata",
                            place)));
  }

  void source_of(const std::string& profile, Done<FoundCredentials> done) {
    auto section = ground_->config.profile(profile);
    if (!section) {
      return done(
          refused(fmt::format("has source_profile = {}, which is neither in {} nor in {}", profile,
                              ground_->files.config_path, ground_->files.credentials_path)));
    }
    std::vector<std::string> way = way_;
    way.push_back(name_);
    const bool been_there = std::find(way.begin(), way.end(), profile) != way.end();
    const bool own_keys = profile == name_ && has_keys();
    if (been_there && !own_keys) {
      return done(refused(fmt::format(
          "leads back to itself by source_profile: {} -> {}. Let one of them have keys, or another "
          "source",
          fmt::join(way, " -> "), profile)));
    }
    std::make_shared<ProfileSearch>(ground_, profile, *std::move(section), std::move(way),
                                    std::move(done))
        ->next();
  }

  void web_identity(Done<FoundCredentials> done) {
    const bool profile_only = !is_chosen() || ground_->files.profile_by_option;
    const auto identity = find_web_identity(ground_->places.variables, section_, profile_only);
    if (!identity) return done(FoundCredentials());
    fetch_web_identity(ground_->places.http, ground_->sts(), *identity,
                       naming(fmt::format("the web identity of {} at STS", identity->token_file),
                              std::move(done)));
  }

  void single_sign_on(Done<FoundCredentials> done) {
    const CredentialsPlaces& places = ground_->places;
    const auto sso =
        find_single_sign_on(places.variables, ground_->files, ground_->config, name_, section_);
    if (!sso.has_value()) return done(sso.error());
    if (!sso->has_value()) return done(FoundCredentials());
    fetch_single_sign_on(places.http, **sso, places.clock,
                         naming(fmt::format("single sign-on of profile '{}' (account {}, role {})",
                                            name_, (*sso)->account, (*sso)->role),
                                std::move(done)));
  }

  void credentials_file(Done<FoundCredentials> done) {
    done(profile_keys(ground_->files.credentials_path, ground_->config.credentials(name_)));
  }

  void console_login(Done<FoundCredentials> done) {
    if (section_.value("login_session").empty()) return done(FoundCredentials());
    done(refused(fmt::format(
        "uses aws login (login_session), which Penstock cannot do. Let the AWS CLI hand "
        "the keys over, in a profile of its own: credential_process = aws configure "
        "export-credentials --profile {} --format process",
        name_)));
  }

  void process(Done<FoundCredentials> done) {
    const std::string command = section_.value("credential_process");
    if (command.empty()) return done(FoundCredentials());
    ground_->places.process->run(
        command, ground_->places.stop,
        [done = naming(fmt::format("credential_process of profile '{}'", name_), std::move(done))](
            Result<std::string> printed) mutable {
          if (!printed.has_value()) return done(printed.error());
          auto parsed = parse_credentials_json(*printed);
          if (parsed.has_value()) return done(FoundCredentials(std::move(parsed).value()));
          done(Error(parsed.code(),
                     fmt::format("credential_process: {}", parsed.error().message())));
        });
  }

  void config_file(Done<FoundCredentials> done) {
    done(profile_keys(ground_->files.config_path, ground_->config.config(name_)));
  }

  Result<FoundCredentials> profile_keys(const std::string& path, const AwsSection* section) const {
    if (section == nullptr) return FoundCredentials();
    return static_keys(fmt::format("profile '{}' in {}", name_, path),
                       {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"},
                       [section](const char* name) { return section->value(name); });
  }

  const Ground ground_;
  const std::string name_;
  const AwsSection section_;
  const std::vector<std::string> way_;
  Done<FoundCredentials> done_;
  size_t step_ = 0;
};

}  // namespace

Result<FoundCredentials> environment_keys(const Variables& variables) {
  return static_keys("the environment",
                     {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
                     [&](const char* name) { return variable(variables, name); });
}

void fetch_profile(Ground ground, Done<FoundCredentials> done) {
  const CredentialsGround& all = *ground;
  std::make_shared<ProfileSearch>(std::move(ground), all.files.profile, all.profile,
                                  std::vector<std::string>(), std::move(done))
      ->next();
}

}  // namespace penstock
