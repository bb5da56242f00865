// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_session.h"

#include "support/await.h"
#include "support/captured_log.h"
#include "support/catch.h"
#include "support/fixed_credentials.h"
#include "unit/store/s3/scripted_session.h"

namespace penstock::test {
namespace {

struct Ground : ScriptedSession {
  explicit Ground(LogLevel level) : Ground(std::make_shared<CapturedLog>(level)) {}
  explicit Ground(const std::shared_ptr<CapturedLog>& captured)
      : ScriptedSession(
            [](const ScriptedServer::Request& request) {
              return ScriptedServer::answer(request.line.starts_with("GET /b/gone") ? 404 : 200,
                                            "body");
            },
            captured, std::make_shared<FixedCredentials>()),
        log(captured) {}

  Result<HttpResponse> send(S3Request request) {
    return await<HttpResponse>(
        [&](auto done) { session.send(std::move(request), std::move(done)); });
  }

  const std::shared_ptr<CapturedLog> log;
};

/// The line without the time at its end.
std::string untimed(const std::string& line) { return line.substr(0, line.rfind(" in ")); }

TEST_CASE("with the level debug each request to the store is a line, without secrets") {
  Ground ground(LogLevel::debug);
  CHECK(ground.send({.key = "d/f", .headers = {{"range", "bytes=0-9"}, {"x-secret", "hidden"}}}));
  CHECK(ground.send({.query = {{"list-type", "2"}, {"prefix", "d/"}}}));
  CHECK(ground.send({.key = "gone"}).code() == Code::not_found);
  const std::vector<std::string> lines = ground.log->lines();
  REQUIRE(lines.size() == 3);
  CHECK(untimed(lines[0]) == "GET 'd/f' bytes=0-9: 200");
  CHECK(untimed(lines[1]) == "GET '' ?list-type=2&prefix=d%2F: 200");
  CHECK(untimed(lines[2]) == "GET 'gone': 404");
}

TEST_CASE("what no answer comes to is a line, too") {
  Ground ground(LogLevel::debug);
  std::stop_source cancelled;
  cancelled.request_stop();
  CHECK_FALSE(ground.send({.key = "f", .cancel = cancelled.get_token()}));
  const std::vector<std::string> lines = ground.log->lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("GET 'f': "));
  CHECK(lines[0].find("200") == std::string::npos);
}

TEST_CASE("requests are not logged by default") {
  Ground ground(LogLevel::info);
  CHECK(ground.send({.key = "f"}));
  CHECK(ground.log->lines().empty());
}

}  // namespace
}  // namespace penstock::test
