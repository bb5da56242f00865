// SPDX-License-Identifier: Apache-2.0
// Where credentials are looked for, and in which order.
#include "unit/store/s3/credentials_ground.h"

namespace penstock::test {
namespace {

/// Every place has credentials, of its own name.
struct AllPlaces : CredentialsSearchGround {
  AllPlaces() {
    variables["AWS_ACCESS_KEY_ID"] = "AKENVIRONMENT";
    variables["AWS_SECRET_ACCESS_KEY"] = "secret";
    files.write("credentials",
                "[default]\naws_access_key_id = AKPROFILE\naws_secret_access_key = secret\n"
                "[other]\naws_access_key_id = AKOTHER\naws_secret_access_key = secret\n");
    variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/container/v2";
    variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = AwsServices::container_token;
    services.has_instance_role = true;
  }
  void no_environment() {
    variables.erase("AWS_ACCESS_KEY_ID");
    variables.erase("AWS_SECRET_ACCESS_KEY");
  }
  void no_container() { variables.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); }
};

TEST_CASE("credentials are the environment's, a profile's, a container's, an instance's") {
  AllPlaces ground;
  CHECK(ground.found().access_key == "AKENVIRONMENT");
  ground.no_environment();
  CHECK(ground.found().access_key == "AKPROFILE");
  // What has been found is all that was asked for.
  CHECK(ground.services.requests.empty());
  ground.files.write("credentials", "");
  CHECK(ground.found().access_key == "AKCONTAINER");
  CHECK(ground.services.requests.size() == 1);
  ground.no_container();
  CHECK(ground.found().access_key == "AKINSTANCE");
  ground.services.has_instance_role = false;
  CHECK(ground.refusal().starts_with("no credentials found. Looked at: AWS_ACCESS_KEY_ID"));
}

TEST_CASE("a profile that an option names counts before the environment") {
  AllPlaces ground;
  ground.variables["AWS_PROFILE"] = "other";
  CHECK(ground.found().access_key == "AKENVIRONMENT");
  ground.profile = "other";
  CHECK(ground.found().access_key == "AKOTHER");
  ground.profile = "default";
  CHECK(ground.found().access_key == "AKPROFILE");
}

TEST_CASE("a place that has credentials, but cannot give them, is not passed over") {
  AllPlaces ground;
  ground.no_environment();
  ground.files.write("credentials", "");
  ground.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "wrong";
  // An instance's role may have other rights than the container's.
  CHECK(ground.refusal().find("who are you?") != std::string::npos);
  for (const CredentialsHttpRequest& request : ground.services.requests)
    CHECK(request.url.find("/imds/") == std::string::npos);
}

}  // namespace
}  // namespace penstock::test
