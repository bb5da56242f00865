// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_chain.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <utility>

#include "store/s3/credentials_profile.h"
#include "store/s3/credentials_services.h"

namespace penstock {
namespace {

/// One search: a step per source, until one has something.
class Search : public std::enable_shared_from_this<Search> {
 public:
  Search(std::shared_ptr<const CredentialsGround> ground, Done<Credentials> done)
      : ground_(std::move(ground)), done_(std::move(done)) {}

  void next() {
    static constexpr std::array<Step, 4> steps{&Search::environment, &Search::profile,
                                               &Search::container, &Search::instance};
    if (step_ == steps.size()) return done_(nothing_found());
    const Step step = steps[step_++];
    (this->*step)([self = shared_from_this()](Result<FoundCredentials> found) {
      if (!found.has_value()) return self->done_(found.error());
      if (found->has_value()) return self->done_(**std::move(found));
      self->next();
    });
  }

 private:
  using Step = void (Search::*)(Done<FoundCredentials>);

  const CredentialsPlaces& places() const { return ground_->places; }

  void environment(Done<FoundCredentials> done) {
    if (ground_->files.profile_by_option) return done(FoundCredentials());
    done(environment_keys(places().variables));
  }
  void profile(Done<FoundCredentials> done) { fetch_profile(ground_, std::move(done)); }
  void container(Done<FoundCredentials> done) {
    fetch_container(places().http, places().variables, std::move(done));
  }
  void instance(Done<FoundCredentials> done) {
    fetch_instance(places().http, places().variables, explaining(std::move(done)));
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
  Error nothing_found() const {
    const AwsFiles& files = ground_->files;
    return Error(
        Code::access_denied,
        fmt::format("no credentials found. Looked at: {}profile '{}' in {} and {}, the container's "
                    "credentials service (AWS_CONTAINER_CREDENTIALS_...), the EC2 metadata "
                    "service. For a public bucket use --no-sign-request",
                    files.profile_by_option ? "" : "AWS_ACCESS_KEY_ID in the environment, ",
                    files.profile, files.credentials_path, files.config_path));
  }

  const std::shared_ptr<const CredentialsGround> ground_;
  Done<Credentials> done_;
  size_t step_ = 0;
};

}  // namespace

void fetch_credentials(const CredentialsPlaces& places, Done<Credentials> done) {
  AwsFiles files = find_aws_files(places.profile, places.variables);
  auto config = AwsConfig::read(files);
  if (!config.has_value()) return done(config.error());
  auto profile = chosen_profile(*config, files);
  if (!profile.has_value()) return done(profile.error());
  std::make_shared<Search>(
      std::make_shared<const CredentialsGround>(CredentialsGround{
          places, std::move(files), std::move(config).value(), std::move(profile).value()}),
      std::move(done))
      ->next();
}

}  // namespace penstock
