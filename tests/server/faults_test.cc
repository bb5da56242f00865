// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>

#include "server/digest.h"
#include "server/raw_client.h"
#include "server/test_server.h"
#include "server/text.h"
#include "support/catch.h"

namespace penstock::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Fixture {
  explicit Fixture(ServerOptions options = {})
      : server(std::move(options)), client(server.port(), 300) {
    server.put_object("test", "k", std::string(1000, 'b'));
  }

  RawReply get() { return client.send({.path = "/test/k"}); }
  RawReply put(const std::string& body, std::map<std::string, std::string> headers = {}) {
    return client.send({.method = "PUT", .path = "/test/new", .headers = std::move(headers)}, body);
  }
  void fault(const std::string& operation, const std::string& kind) {
    server.add_fault({.operation = operation, .kind = kind});
  }

  TestServer server;
  RawClient client;
};

std::string code(const RawReply& reply) { return xml_text(reply.body, "Code"); }

double seconds_of(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

TEST_CASE("faults of answers", "[server]") {
  Fixture f;
  SECTION("error") {
    f.fault("GetObject", "error:500:InternalError");
    const RawReply reply = f.get();
    CHECK(reply.status == 500);
    CHECK(code(reply) == "InternalError");
  }
  SECTION("expired-token") {
    f.fault("GetObject", "expired-token");
    CHECK(code(f.get()) == "ExpiredToken");
  }
  SECTION("reset") {
    f.fault("GetObject", "reset");
    const RawReply reply = f.get();
    CHECK(reply.reset);
    CHECK(reply.status == 0);
  }
  SECTION("reset-mid") {
    f.fault("GetObject", "reset-mid");
    const RawReply reply = f.get();
    CHECK(reply.reset);
    CHECK(reply.body.size() < 1000);
  }
  SECTION("truncate") {
    f.fault("GetObject", "truncate");
    const RawReply reply = f.get();
    CHECK_FALSE(reply.reset);
    CHECK(reply.body.size() == 500);
  }
  SECTION("truncate:BYTES") {
    f.fault("GetObject", "truncate:7");
    CHECK(f.get().body.size() == 7);
  }
  SECTION("stall") {
    f.fault("GetObject", "stall");
    const RawReply reply = f.get();
    CHECK(reply.timed_out);
    CHECK(reply.status == 200);
    CHECK(reply.body.empty());
  }
  SECTION("stall-mid") {
    f.fault("GetObject", "stall-mid");
    const RawReply reply = f.get();
    CHECK(reply.timed_out);
    CHECK(reply.body.size() == 500);
  }
  SECTION("hang") {
    f.fault("GetObject", "hang");
    const RawReply reply = f.get();
    CHECK(reply.timed_out);
    CHECK(reply.status == 0);
  }
  SECTION("corrupt") {
    f.fault("GetObject", "corrupt");
    const RawReply reply = f.get();
    CHECK(reply.complete);
    CHECK(reply.body.size() == 1000);
    CHECK(std::count(reply.body.begin(), reply.body.end(), 'b') == 999);
  }
  SECTION("wrong-etag") {
    const std::string etag = f.get().headers.at("etag");
    f.fault("GetObject", "wrong-etag");
    CHECK(f.get().headers.at("etag") != etag);
  }
  CHECK(f.get().body == std::string(1000, 'b'));  // once, and nothing else was harmed
}

TEST_CASE("faults of uploads", "[server]") {
  Fixture f;
  const std::string body(100000, 'u');
  SECTION("nothing is stored") {
    for (const char* kind : {"reset", "reset-mid", "truncate", "stall", "stall-mid", "hang",
                             "error:503:SlowDown", "error-in-200:InternalError"}) {
      f.fault("PutObject", kind);
      const RawReply reply = f.put(body);
      INFO(kind);
      CHECK((reply.status != 200 || code(reply) == "InternalError"));
      CHECK_FALSE(f.server.object("test", "new"));
    }
  }
  SECTION("lost-reply: it is stored") {
    f.fault("PutObject", "lost-reply");
    CHECK(f.put(body).reset);
    CHECK(f.server.object("test", "new") == body);
  }
  SECTION("corrupt: a checksum notices") {
    f.server.add_fault({.operation = "PutObject", .kind = "corrupt", .times = 2});
    CHECK(code(f.put(body, {{"x-amz-checksum-crc32c",
                             base64(digest(DigestKind::crc32c, body))}})) == "BadDigest");
    CHECK(f.put(body).status == 200);
    CHECK(f.server.object("test", "new") != body);
  }
}

TEST_CASE("faults match by operation and key, after some and for some times", "[server]") {
  Fixture f;
  f.server.add_fault({.operation = "GetObject", .key = "other", .kind = "error:500:X"});
  f.server.add_fault({.operation = "PutObject", .key = "k", .kind = "error:500:X"});
  f.server.add_fault({.operation = "*", .key = "k", .kind = "error:500:X", .times = 2, .skip = 1});
  CHECK(f.get().status == 200);
  CHECK(f.get().status == 500);
  CHECK(f.get().status == 500);
  CHECK(f.get().status == 200);
  f.server.add_fault({.operation = "GetObject", .kind = "error:500:X", .times = -1});
  for (int i = 0; i < 5; ++i) CHECK(f.get().status == 500);
  f.server.clear_faults();
  CHECK(f.get().status == 200);
  CHECK(f.server.stats().faults == std::map<std::string, uint64_t>{{"error:500:X", 7}});
  f.server.reset_stats();
  CHECK(f.server.stats().faults.empty());
  CHECK_THROWS_AS(f.server.add_fault({.kind = "no such"}), std::invalid_argument);
  CHECK_THROWS_AS(f.server.add_fault({.kind = "error:500"}), std::invalid_argument);
}

TEST_CASE("the clock may be off", "[server]") {
  Fixture f({.clock_skew = std::chrono::seconds(3600)});
  const RawReply refused = f.get();
  CHECK(code(refused) == "RequestTimeTooSkewed");
  const std::optional<time_t> says = parse_http_date(refused.headers.at("date"));
  REQUIRE(says);
  CHECK(std::abs(*says - time(nullptr) - 3600) < 60);
}

TEST_CASE("credentials may be changed", "[server]") {
  Fixture f;
  f.server.set_credentials("other", "secret", "token");
  CHECK(f.get().status == 403);
  f.client.credentials = {.access_key = "other", .secret_key = "secret", .session_token = "token"};
  CHECK(f.get().status == 200);
}

TEST_CASE("answers are no sooner than the latency and the bandwidth allow", "[server]") {
  ServerOptions options;
  options.first_byte = std::chrono::milliseconds(40);
  options.connection_mbps = 10;
  Fixture f(options);
  CHECK(seconds_of([&] { CHECK(f.get().status == 200); }) >= 0.040);
  f.server.put_synthetic("test", "k", 1'000'000);
  CHECK(seconds_of([&] { CHECK(f.get().body.size() == 1'000'000); }) >= 0.130);
  CHECK(seconds_of([&] { CHECK(f.put(std::string(500'000, 'x')).status == 200); }) >= 0.085);
  options.connection_mbps = 0;
  options.first_byte = std::chrono::milliseconds(0);
  options.list_latency = std::chrono::milliseconds(50);
  f.server.set_timing(options);
  CHECK(seconds_of([&] {
          CHECK(f.client.send({.path = "/test", .query = {{"list-type", "2"}}}).status == 200);
        }) >= 0.050);
}

TEST_CASE("all connections together share one link", "[server]") {
  ServerOptions options;
  options.total_mbps = 20;
  TestServer server(options);
  server.put_synthetic("test", "k", 1'000'000);
  const double seconds = seconds_of([&] {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { RawClient(server.port()).send({.path = "/test/k"}); });
    }
  });
  CHECK(seconds >= 0.19);
  // A client has the last bytes a moment before the server has counted them.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (server.stats().bytes_out != 4'000'000 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  CHECK(server.stats().bytes_out == 4'000'000);
  CHECK(server.stats().requests.at("GetObject") == 4);
}

TEST_CASE("waiting for latency holds no thread", "[server]") {
  ServerOptions options;
  options.first_byte = std::chrono::milliseconds(300);
  options.threads = 1;
  TestServer server(options);
  const double seconds = seconds_of([&] {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 20; ++i) {
      threads.emplace_back([&] { RawClient(server.port()).send({.path = "/test/none"}); });
    }
  });
  CHECK(seconds < 20 * 0.3 / 2);
  CHECK(server.stats().peak_concurrency > 1);
}

TEST_CASE("what is not HTTP ends the connection, and only that one", "[server]") {
  Fixture f;
  CHECK(f.client.send_bytes("nonsense\r\n\r\n").status == 0);
  CHECK(f.client.send_bytes("GET / SPDY/9\r\n\r\n").status == 0);
  CHECK(f.get().status == 200);
}

}  // namespace penstock::test
