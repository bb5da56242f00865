// SPDX-License-Identifier: Apache-2.0
// Services that give credentials: the way to them, and what they say.
#include "store/s3/credentials_services.h"

#include <cstdlib>

#include "base/worker_pool.h"
#include "store/s3/credentials_json.h"
#include "store/s3/credentials_provider.h"
#include "support/await.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "unit/http/scripted_server.h"

namespace penstock {
namespace {

using test::ScriptedServer;

constexpr const char* keys =
    R"({"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T"})";

/// An EC2 metadata service, which answers at once.
ScriptedServer::Reply instance_answer(const ScriptedServer::Request& request) {
  if (request.line.starts_with("PUT /latest/api/token"))
    return ScriptedServer::answer(200, "token");
  const bool list = request.line.find("/security-credentials/ ") != std::string::npos;
  return ScriptedServer::answer(200, list ? "role" : keys);
}

/// Credentials as a mount would find them, with nothing in files.
class Ground {
 public:
  explicit Ground(Variables variables) {
    variables["AWS_SHARED_CREDENTIALS_FILE"] = folder_.path() + "/none";
    variables["AWS_CONFIG_FILE"] = folder_.path() + "/none";
    provider_ = make_credentials_provider({}, std::move(variables), pool_, Log::none());
  }
  Result<Credentials> get() {
    return test::await<Credentials>([&](auto done) { provider_->get(std::move(done)); });
  }

 private:
  const test::TempDir folder_;
  WorkerPool pool_{"credentials", 1};
  std::shared_ptr<CredentialsProvider> provider_;
};

TEST_CASE("the metadata services are never asked through a proxy") {
  ScriptedServer proxy([](const auto&) { return ScriptedServer::answer(200, keys); });
  ScriptedServer service(instance_answer);
  setenv("http_proxy", proxy.url().c_str(), 1);
  unsetenv("no_proxy");
  unsetenv("NO_PROXY");
  const Variables of_instance{{"AWS_EC2_METADATA_SERVICE_ENDPOINT", service.url()}};
  const Variables of_container{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", service.url() + "/keys"},
                               {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret"}};
  const Variables variables = GENERATE_COPY(of_instance, of_container);
  const auto found = Ground(variables).get();
  unsetenv("http_proxy");
  REQUIRE(found);
  CHECK(found->session_token == "T");
  CHECK_FALSE(service.requests().empty());
  CHECK(proxy.requests().empty());
}

/// A metadata service that lets `silent` requests go without an answer, and the times they had.
struct SlowService {
  CredentialsHttp http() {
    return [this](const CredentialsHttpRequest& request, Done<CredentialsHttpAnswer> done) {
      waited.push_back(request.timeout);
      if (silent > 0) {
        --silent;
        return done(Error(Code::timed_out, "no answer for 1 s"));
      }
      if (request.method == "PUT") return done(CredentialsHttpAnswer{200, "token"});
      const bool list = request.url.ends_with("/");
      done(CredentialsHttpAnswer{200, list ? "role" : keys});
    };
  }
  Result<FoundCredentials> fetch() {
    return test::await<FoundCredentials>(
        [&](auto done) { fetch_instance(http(), {}, std::move(done)); });
  }
  int silent = 0;
  std::vector<std::chrono::milliseconds> waited;
};

TEST_CASE("an EC2 metadata service that is late is asked again, and given more time") {
  SlowService service{.silent = 2};
  const auto found = service.fetch();
  REQUIRE(found);
  REQUIRE(found->has_value());
  CHECK((*found)->access_key == "A");
  REQUIRE(service.waited.size() == 5);
  CHECK(service.waited[0] < service.waited[1]);
  CHECK(service.waited[1] < service.waited[2]);
}

TEST_CASE(
    "an EC2 metadata service that does not answer is no proof that there are no credentials") {
  SlowService service{.silent = 100};
  const auto found = service.fetch();
  REQUIRE(found.code() == Code::timed_out);
  CHECK(found.error().detail().service_code == credentials_unknown);
  CHECK(service.waited.size() == 3);
  // Where there is no way to one, there is none.
  const auto none = test::await<FoundCredentials>([](auto done) {
    fetch_instance([](const CredentialsHttpRequest&,
                      Done<CredentialsHttpAnswer> answer) { answer(Error(Code::unavailable)); },
                   {}, std::move(done));
  });
  REQUIRE(none);
  CHECK_FALSE(none->has_value());
}

TEST_CASE("an answer of STS is read as XML") {
  const auto read = [](const std::string& inner) {
    return parse_sts_answer(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">" +
        inner + "</AssumeRoleWithWebIdentityResponse>");
  };
  const auto found = read(
      "<AssumeRoleWithWebIdentityResult>"
      "<SubjectFromWebIdentityToken>&lt;AccessKeyId>no&lt;/AccessKeyId></"
      "SubjectFromWebIdentityToken>"
      "<Audience><![CDATA[<SessionToken>no</SessionToken>]]></Audience>"
      "<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>a&#43;b&amp;c</SecretAccessKey>"
      "<SessionToken>\n  T==\n</SessionToken><Expiration>2026-11-24T05:00:00Z</Expiration>"
      "</Credentials></AssumeRoleWithWebIdentityResult>");
  REQUIRE(found);
  CHECK(found->access_key == "A");
  CHECK(found->secret_key == "a+b&c");
  CHECK(found->session_token == "T==");
  CHECK(read("<Credentials><AccessKeyId>A</AccessKeyId></Credentials>").code() == Code::corrupt);
  CHECK(parse_sts_answer("no XML").code() == Code::corrupt);
}

TEST_CASE("times beyond the clock's range are no times that have been") {
  const auto never = std::chrono::system_clock::time_point::max();
  CHECK(parse_iso_time("9999-12-31T23:59:59Z") == never);
  CHECK(parse_iso_time("2200-01-01T00:00:00Z") < never);
  CHECK(parse_iso_time("2200-01-01T00:00:00Z") > std::chrono::system_clock::now());
  CHECK(iso_time(*parse_iso_time("2026-11-24T05:00:00.5+01:00")) == "2026-11-24T04:00:00Z");
  CHECK_FALSE(parse_iso_time("tomorrow"));
  // What programs in Go write for "no time", and what a clock of ours cannot count: long ago.
  const std::chrono::system_clock::time_point long_ago;
  CHECK(parse_iso_time("0001-01-01T00:00:00Z") == long_ago);
  CHECK(parse_iso_time("-999-01-01T00:00:00Z") == long_ago);
}

}  // namespace
}  // namespace penstock
