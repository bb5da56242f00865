// SPDX-License-Identifier: Apache-2.0
// What a profile may say of its credentials.
#include "store/s3/credentials_profile.h"

#include "unit/store/s3/credentials_ground.h"

namespace penstock {
namespace {

using test::AwsServices;
using test::CredentialsSearchGround;

constexpr const char* base_keys =
    "[base]\naws_access_key_id = AKBASE\naws_secret_access_key = base-secret\n";

TEST_CASE("a profile assumes a role with the keys of its source_profile") {
  CredentialsSearchGround ground;
  ground.profile = "train";
  ground.services.roles["arn:aws:iam::1:role/reader"] = "AKBASE";
  ground.services.external_id = "of the customer";
  ground.files.write("credentials", base_keys);
  ground.files.write("config",
                     "[profile train]\nrole_arn = arn:aws:iam::1:role/reader\n"
                     "source_profile = base\nexternal_id = of the customer\n"
                     "role_session_name = me@node\nduration_seconds = 900\n");
  const Credentials found = ground.found();
  CHECK(found.access_key == "AKreader");
  CHECK(found.secret_key == "secret-of-reader");
  CHECK(found.session_token == "token-of-reader");
  CHECK(found.expires == ground.services.now + std::chrono::seconds(900));
  CHECK(found.source ==
        "role arn:aws:iam::1:role/reader of profile 'train', assumed with profile "
        "'base' in " +
            ground.files.path("credentials"));
  REQUIRE(ground.services.requests.size() == 1);
  const CredentialsHttpRequest& request = ground.services.requests[0];
  CHECK(AwsServices::form_value(request.body, "RoleSessionName") == "me@node");
  CHECK(request.way == CredentialsHttpRequest::Way::as_configured);
}

TEST_CASE("a role is assumed with the role of the source_profile") {
  CredentialsSearchGround ground;
  ground.profile = "c";
  ground.services.roles = {{"arn:aws:iam::1:role/b", "AKBASE"}, {"arn:aws:iam::2:role/c", "AKb"}};
  ground.files.write("credentials", base_keys);
  ground.files.write("config",
                     "[profile b]\nrole_arn = arn:aws:iam::1:role/b\nsource_profile = base\n"
                     "[profile c]\nrole_arn = arn:aws:iam::2:role/c\nsource_profile = b\n");
  CHECK(ground.found().session_token == "token-of-c");
  CHECK(AwsServices::form_value(ground.services.requests[0].body, "RoleSessionName") == "penstock");
}

TEST_CASE("a source_profile may get its keys in any way that a profile can") {
  CredentialsSearchGround ground;
  ground.profile = "train";
  ground.services.roles["arn:aws:iam::1:role/r"] = "AKBASE";
  const std::string role =
      "[profile train]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = source\n"
      "[profile source]\n";
  SECTION("a process") {
    ground.files.write("config", role +
                                     "credential_process = echo '{\"AccessKeyId\": \"AKBASE\","
                                     " \"SecretAccessKey\": \"base-secret\"}'\n");
  }
  SECTION("keys in the configuration file") {
    ground.files.write("config", role +
                                     "aws_access_key_id = AKBASE\n"
                                     "aws_secret_access_key = base-secret\n");
  }
  SECTION("a web identity") {
    ground.files.write("token", "web-token\n");
    ground.services.web_token = "web-token";
    ground.services.roles = {{"arn:aws:iam::1:role/web", ""}, {"arn:aws:iam::1:role/r", "AKweb"}};
    ground.files.write("config", role +
                                     "role_arn = arn:aws:iam::1:role/web\n"
                                     "web_identity_token_file = " +
                                     ground.files.path("token") + "\n");
  }
  CHECK(ground.found().access_key == "AKr");
}

TEST_CASE("a profile may be its own source, where it has keys") {
  CredentialsSearchGround ground;
  ground.variables["AWS_PROFILE"] = "base";
  ground.services.roles["arn:aws:iam::1:role/r"] = "AKBASE";
  ground.files.write("credentials", base_keys);
  ground.files.write("config",
                     "[profile base]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n");
  CHECK(ground.found().access_key == "AKr");
}

TEST_CASE("source profiles that lead back are refused") {
  CredentialsSearchGround ground;
  ground.profile = "a";
  const std::string role = "role_arn = arn:aws:iam::1:role/r\n";
  ground.files.write("config", "[profile a]\n" + role + "source_profile = b\n[profile b]\n" + role +
                                   "source_profile = c\n[profile c]\n" + role +
                                   "source_profile = b\n");
  CHECK(ground.refusal() ==
        "profile 'c' leads back to itself by source_profile: a -> b -> c -> b. Let one of them "
        "have keys, or another source");
  ground.files.write("config", "[profile a]\n" + role + "source_profile = a\n");
  CHECK(ground.refusal().starts_with("profile 'a' leads back to itself by source_profile: a -> a"));
  CHECK(ground.services.requests.empty());
}

TEST_CASE("credential_source says with what a role is assumed") {
  CredentialsSearchGround ground;
  ground.profile = "train";
  const std::string role =
      "[profile train]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = ";
  SECTION("the environment, also with a profile by option") {
    ground.services.roles["arn:aws:iam::1:role/r"] = "AKBASE";
    ground.variables["AWS_ACCESS_KEY_ID"] = "AKBASE";
    ground.variables["AWS_SECRET_ACCESS_KEY"] = "base-secret";
    ground.files.write("config", role + "Environment\n");
    CHECK(ground.found().source ==
          "role arn:aws:iam::1:role/r of profile 'train', assumed with the environment");
  }
  SECTION("a container's service") {
    ground.services.roles["arn:aws:iam::1:role/r"] = "AKCONTAINER";
    ground.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1/container";
    ground.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = AwsServices::container_token;
    ground.files.write("config", role + "EcsContainer\n");
    CHECK(ground.found().access_key == "AKr");
  }
  SECTION("the instance's role") {
    ground.services.roles["arn:aws:iam::1:role/r"] = "AKINSTANCE";
    ground.services.has_instance_role = true;
    ground.files.write("config", role + "Ec2InstanceMetadata\n");
    CHECK(ground.found().access_key == "AKr");
  }
  SECTION("where there is nothing") {
    ground.files.write("config", role + "Environment\n");
    CHECK(ground.refusal() ==
          "profile 'train' has credential_source = Environment, where there are none");
  }
  SECTION("where nobody knows it") {
    ground.files.write("config", role + "environment\n");
    CHECK(ground.refusal() ==
          "profile 'train' has credential_source = environment: it is one of Environment, "
          "EcsContainer, Ec2InstanceMetadata");
  }
}

TEST_CASE("a role that cannot be assumed says why") {
  CredentialsSearchGround ground;
  ground.profile = "train";
  ground.files.write("credentials", base_keys);
  const std::string role = "[profile train]\nrole_arn = arn:aws:iam::1:role/r\n";
  const auto refusal = [&](const std::string& more) {
    ground.files.write("config", role + more);
    return ground.refusal();
  };
  CHECK(refusal("") ==
        "profile 'train' assumes a role (role_arn) and has neither source_profile nor "
        "credential_source: give one");
  CHECK(refusal("source_profile = base\ncredential_source = Environment\n") ==
        "profile 'train' assumes a role (role_arn) and has both source_profile and "
        "credential_source: give one");
  CHECK(refusal("source_profile = nobody\n") ==
        "profile 'train' has source_profile = nobody, which is neither in " +
            ground.files.path("config") + " nor in " + ground.files.path("credentials"));
  CHECK(refusal("source_profile = empty\n[profile empty]\nregion = x\n") ==
        "profile 'train' has source_profile = empty, which has no credentials");
  CHECK(refusal("source_profile = base\nduration_seconds = 1h\n") ==
        "profile 'train' has duration_seconds = 1h: give a number");
  CHECK(refusal("source_profile = base\nmfa_serial = arn:aws:iam::1:mfa/me\n") ==
        "profile 'train' wants a code of an MFA device (mfa_serial), which a mount cannot ask for. "
        "Get temporary credentials and mount with them: eval \"$(aws configure export-credentials "
        "--profile train --format env)\"");
  CHECK(ground.services.requests.empty());
  CHECK(refusal("source_profile = base\n") ==
        "STS at http://aws/sts answers 403: AccessDenied: there is no such role");
  ground.services.secrets["AKBASE"] = "another";
  CHECK(refusal("source_profile = base\n") ==
        "STS at http://aws/sts answers 403: SignatureDoesNotMatch: the signature is wrong");
}

TEST_CASE("a profile of aws login says how its keys are handed over") {
  CredentialsSearchGround ground;
  ground.profile = "me";
  ground.files.write("config", "[profile me]\nlogin_session = arn:aws:iam::1:user/me\n");
  CHECK(ground.refusal() ==
        "profile 'me' uses aws login (login_session), which Penstock cannot do. Let the AWS CLI "
        "hand the keys over, in a profile of its own: credential_process = aws configure "
        "export-credentials --profile me --format process");
}

TEST_CASE("EKS Pod Identity's token is read again for each fetch") {
  CredentialsSearchGround ground;
  ground.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/container";
  ground.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = ground.files.path("token");
  ground.files.write("token", "an old token");
  CHECK(ground.refusal() ==
        "the container's credentials service at http://169.254.170.23/container answers 403: who "
        "are you?");
  ground.files.write("token", AwsServices::container_token);
  const Credentials found = ground.found();
  CHECK(found.access_key == "AKCONTAINER");
  CHECK(found.source == "the container's credentials service");
  CHECK(found.expires == ground.services.now + std::chrono::hours(6));
}

TEST_CASE("ECS gives a path of its own service") {
  CredentialsSearchGround ground;
  ground.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/container/v2";
  ground.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = AwsServices::container_token;
  CHECK(ground.found().access_key == "AKCONTAINER");
  CHECK(ground.services.requests[0].url == "http://169.254.170.2/container/v2");
  CHECK(ground.services.requests[0].way == CredentialsHttpRequest::Way::direct);
  // The token goes to nobody else.
  ground.variables.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  ground.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://elsewhere/container";
  CHECK(ground.refusal().find("nor a host that may have the token") != std::string::npos);
  CHECK(ground.services.requests.size() == 1);
}

TEST_CASE("an EC2 instance gives its role's credentials for a token") {
  CredentialsSearchGround ground;
  CHECK(ground.refusal().starts_with("no credentials found. Looked at: AWS_ACCESS_KEY_ID"));
  ground.services.has_instance_role = true;
  const Credentials found = ground.found();
  CHECK(found.access_key == "AKINSTANCE");
  CHECK(found.source == "the EC2 metadata service");
  ground.variables["AWS_EC2_METADATA_DISABLED"] = "TRUE";
  CHECK(ground.refusal().starts_with("no credentials found"));
}

TEST_CASE("a web identity of a profile counts before a role to assume") {
  CredentialsSearchGround ground;
  ground.variables["AWS_PROFILE"] = "pod";
  ground.services.roles["arn:aws:iam::1:role/pod"] = "";
  ground.services.web_token = "web-token";
  ground.files.write("token", "web-token");
  ground.files.write("config",
                     "[profile pod]\nrole_arn = arn:aws:iam::1:role/pod\n"
                     "web_identity_token_file = " +
                         ground.files.path("token") + "\n");
  CHECK(ground.found().source == "the web identity of " + ground.files.path("token") + " at STS");
  ground.services.web_token = "another";
  CHECK(ground.refusal() ==
        "STS at http://aws/sts answers 400: InvalidIdentityToken: the token is not known");
}

TEST_CASE("STS is found as other services are") {
  const auto url = [](const Variables& variables, const std::string& profile,
                      const std::string& region) {
    const AwsConfig config(
        parse_aws_file(profile + "[services own]\nsts =\n  endpoint_url = http://own\n"), {});
    return find_sts(variables, config, *config.profile("default"), region).url;
  };
  CHECK(url({}, "[default]\n", "eu-west-1") == "https://sts.eu-west-1.amazonaws.com/");
  CHECK(url({}, "[default]\n", "cn-north-1") == "https://sts.cn-north-1.amazonaws.com.cn/");
  CHECK(url({}, "[default]\nendpoint_url = http://all\n", "r") == "http://all");
  CHECK(url({}, "[default]\nservices = own\nendpoint_url = http://all\n", "r") == "http://own");
  CHECK(url({{"AWS_ENDPOINT_URL", "http://e"}}, "[default]\nservices = own\n", "r") == "http://e");
  CHECK(url({{"AWS_ENDPOINT_URL", "http://e"}, {"AWS_ENDPOINT_URL_STS", "http://sts"}},
            "[default]\n", "r") == "http://sts");
}

}  // namespace
}  // namespace penstock
