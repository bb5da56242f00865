// SPDX-License-Identifier: Apache-2.0
// Single sign-on, with the token of `aws sso login`.
#include "store/s3/credentials_sso.h"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "store/s3/credentials_json.h"
#include "unit/store/s3/credentials_ground.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::AwsServices;

struct SsoGround : test::CredentialsSearchGround {
  SsoGround() {
    profile = "train";
    std::filesystem::create_directories(files.path("home/.aws/sso/cache"));
    files.write("config",
                "[profile train]\nsso_session = corp\nsso_account_id = 123456789012\n"
                "sso_role_name = Reader\n"
                "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\n"
                "sso_region = eu-central-1\n");
    services.sso_token = "portal-token";
    services.refresh_token = "refresh";
  }
  /// As `aws sso login` leaves it, good for as long as that.
  void log_in(std::chrono::seconds life, bool renewable = true) {
    token = {{"startUrl", "https://corp.awsapps.com/start"},
             {"region", "eu-central-1"},
             {"accessToken", "portal-token"},
             {"expiresAt", iso_time(services.now + life)}};
    if (renewable) {
      token["clientId"] = "client";
      token["clientSecret"] = "client-secret";
      token["registrationExpiresAt"] = iso_time(services.now + 24h * 90);
      token["refreshToken"] = "refresh";
    }
    keep();
  }
  void keep() { files.write(token_file, token.dump()); }
  json kept() {
    std::ifstream file(files.path(token_file));
    return json::parse(file);
  }
  /// Requests to the portal and to OIDC, by their first letters: "opp".
  std::string asked() const {
    std::string all;
    for (const CredentialsHttpRequest& request : services.requests)
      all += request.url.substr(std::string("http://aws/").size(), 1);
    return all;
  }

  // The names are the SHA-1 of "corp" and of the start URL.
  std::string token_file = "home/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
  json token;
};

TEST_CASE("single sign-on gives credentials for the token that aws sso login left") {
  SsoGround ground;
  ground.log_in(1h);
  const Credentials found = ground.found();
  CHECK(found.access_key == "AKSSO");
  CHECK(found.secret_key == "sso-secret");
  CHECK(found.session_token == "sso-session");
  CHECK(found.expires == ground.services.now + 1h);
  CHECK(found.source == "single sign-on of profile 'train' (account 123456789012, role Reader)");
  CHECK(ground.asked() == "p");
  CHECK(ground.services.requests[0].url ==
        "http://aws/portal/federation/credentials?role_name=Reader&account_id=123456789012");
}

TEST_CASE("single sign-on in its older form names the token by the start URL") {
  SsoGround ground;
  ground.files.write("config",
                     "[profile train]\nsso_start_url = https://corp.awsapps.com/start\n"
                     "sso_region = eu-central-1\nsso_account_id = 1\nsso_role_name = Reader\n");
  ground.token_file = "home/.aws/sso/cache/a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json";
  ground.log_in(1h, false);
  ground.token["expiresAt"] = "2200-11-24T05:00:00UTC";
  ground.keep();
  CHECK(ground.found().access_key == "AKSSO");
}

TEST_CASE("a token of single sign-on is renewed before its end, and kept for the AWS CLI") {
  SsoGround ground;
  ground.log_in(2min);
  CHECK(ground.found().access_key == "AKSSO");
  CHECK(ground.asked() == "op");
  const json kept = ground.kept();
  CHECK(kept["accessToken"] == "renewed-token");
  CHECK(kept["refreshToken"] == "refresh-next");
  CHECK(kept["expiresAt"] == iso_time(ground.services.now + 8h));
  CHECK(kept["startUrl"] == "https://corp.awsapps.com/start");
  struct stat status {};
  REQUIRE(stat(ground.files.path(ground.token_file).c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  // Nothing is left beside it.
  const auto folder = std::filesystem::directory_iterator(ground.files.path("home/.aws/sso/cache"));
  CHECK(std::distance(begin(folder), end(folder)) == 1);
  // And the renewed one is used from then on.
  CHECK(ground.found().access_key == "AKSSO");
  CHECK(ground.asked() == "opp");
}

TEST_CASE("a token that the portal refuses is renewed once") {
  SsoGround ground;
  ground.log_in(1h);
  ground.services.sso_token = "another";
  CHECK(ground.found().access_key == "AKSSO");
  CHECK(ground.asked() == "pop");
  SsoGround other;
  other.log_in(1h, false);
  other.services.sso_token = "another";
  CHECK(other.refusal() ==
        "profile 'train' has a token of single sign-on that its portal refuses: run aws sso login "
        "--profile train");
}

TEST_CASE("a token that cannot be renewed is used to its end") {
  SsoGround ground;
  ground.services.refresh_token = "another";
  ground.log_in(2min);
  CHECK(ground.found().access_key == "AKSSO");
  CHECK(ground.asked() == "op");
  CHECK(ground.kept() == ground.token);
  ground.services.now += 3min;
  CHECK(ground.refusal() ==
        "profile 'train' has a token of single sign-on that cannot be renewed (single sign-on at "
        "http://aws/oidc answers 400: Invalid refresh token): run aws sso login --profile train");
}

TEST_CASE("a token that somebody else has renewed meanwhile is used") {
  SsoGround ground;
  ground.log_in(2min);
  const CredentialsHttp services = ground.services.http();
  const auto found = test::await<Credentials>([&](auto done) {
    const auto http = [&](const CredentialsHttpRequest& request,
                          Done<CredentialsHttpAnswer> answer) {
      if (request.url.starts_with("http://aws/oidc")) {
        ground.services.refresh_token = "taken";
        ground.services.sso_token = "of the CLI";
        ground.token["accessToken"] = "of the CLI";
        ground.keep();
      }
      services(request, std::move(answer));
    };
    fetch_credentials({.variables = ground.variables,
                       .profile = "train",
                       .region = "r",
                       .http = http,
                       .process = nullptr,
                       .stop = {},
                       .clock = [&] { return ground.services.now; }},
                      std::move(done));
  });
  REQUIRE(found);
  CHECK(found->access_key == "AKSSO");
}

TEST_CASE("single sign-on without a token says how to get one") {
  SsoGround ground;
  const std::string path = ground.files.path(ground.token_file);
  CHECK(ground.refusal() ==
        "profile 'train' has no token of single sign-on (cannot read the token "
        "file " +
            path + "): run aws sso login --profile train");
  ground.files.write(ground.token_file, "{}");
  CHECK(ground.refusal() ==
        "profile 'train' has no token of single sign-on (" + path +
            ": holds no accessToken with the time of its end (expiresAt)): run aws sso login "
            "--profile train");
  ground.log_in(-1min, false);
  CHECK(ground.refusal() ==
        "profile 'train' has a token of single sign-on that has ended: run aws sso login --profile "
        "train");
  // Nor can one be renewed by a client whose registration has ended.
  ground.log_in(-1min);
  ground.token["registrationExpiresAt"] = iso_time(ground.services.now);
  ground.keep();
  CHECK(ground.refusal().find("that has ended") != std::string::npos);
  CHECK(ground.asked().empty());
}

TEST_CASE("what single sign-on lacks in the files is named") {
  SsoGround ground;
  const auto refusal = [&](const std::string& config) {
    ground.files.write("config", "[profile train]\n" + config);
    return ground.refusal();
  };
  CHECK(refusal("sso_session = corp\nsso_account_id = 1\nsso_role_name = R\n") ==
        "profile 'train' uses single sign-on and has no [sso-session corp]: see aws configure sso");
  CHECK(refusal("sso_session = corp\nsso_account_id = 1\n[sso-session corp]\n") ==
        "profile 'train' uses single sign-on and has no sso_role_name: see aws configure sso");
  CHECK(refusal("sso_session = c\nsso_account_id = 1\nsso_role_name = R\n[sso-session c]\n") ==
        "sso-session c uses single sign-on and has no sso_region: see aws configure sso");
  CHECK(refusal("sso_region = r\nsso_account_id = 1\nsso_role_name = R\n") ==
        "profile 'train' uses single sign-on and has no sso_start_url: see aws configure sso");
  // A profile that only has a session, as the CLI's own commands use it, is none for buckets.
  CHECK(refusal("sso_session = c\n[sso-session c]\nsso_region = r\n")
            .starts_with("no credentials found"));
}

TEST_CASE("a portal that fails is no proof against a token") {
  SsoGround ground;
  ground.log_in(1h);
  ground.services.portal_status = 503;
  const auto found = ground.find();
  REQUIRE(found.code() == Code::unavailable);
  CHECK(found.error().message() == "single sign-on at http://aws/portal answers 503: not today");
  CHECK(ground.asked() == "ppp");
  ground.services.portal_status = 403;
  CHECK(ground.refusal() == "single sign-on at http://aws/portal answers 403: not today");
}

TEST_CASE("answers of single sign-on that make no sense are refused") {
  CHECK(parse_portal_answer("[]").code() == Code::corrupt);
  CHECK(parse_portal_answer(R"({"roleCredentials": []})").code() == Code::corrupt);
  CHECK(parse_portal_answer(R"({"roleCredentials": {"accessKeyId": "A", "secretAccessKey": "S"}})")
            .code() == Code::corrupt);
  const std::string keys = R"({"roleCredentials": {"accessKeyId": "A", "secretAccessKey": "S", )";
  for (const char* ends : {"-1", "1e30", "\"1\""})
    CHECK(parse_portal_answer(keys + "\"expiration\": " + ends + "}}").code() == Code::corrupt);
}

TEST_CASE("single sign-on is found at AWS in its region, also in China") {
  SsoGround ground;
  const auto url = [&](const std::string& region) {
    const AwsConfig config(parse_aws_file("[profile p]\nsso_start_url = u\nsso_account_id = 1\n"
                                          "sso_role_name = R\nsso_region = " +
                                          region + "\n"),
                           {});
    const auto sso = find_single_sign_on({}, {}, config, "p", *config.profile("p"));
    REQUIRE(sso);
    REQUIRE(sso->has_value());
    return (*sso)->portal_url + " " + (*sso)->oidc_url;
  };
  CHECK(url("eu-west-1") ==
        "https://portal.sso.eu-west-1.amazonaws.com https://oidc.eu-west-1.amazonaws.com");
  CHECK(url("cn-north-1") ==
        "https://portal.sso.cn-north-1.amazonaws.com.cn https://oidc.cn-north-1.amazonaws.com.cn");
}

}  // namespace
}  // namespace penstock
