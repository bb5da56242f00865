// SPDX-License-Identifier: Apache-2.0
#include "http/http_client.h"

#include <atomic>
#include <future>
#include <set>

#include "support/await.h"
#include "support/catch.h"
#include "unit/http/scripted_server.h"

namespace penstock {
namespace {

using test::ScriptedServer;
using Reply = ScriptedServer::Reply;

/// One thread, and limits that only a machine in trouble meets.
HttpOptions long_limits() {
  HttpOptions options;
  options.threads = 1;
  options.connect_timeout = options.first_byte_timeout = options.stall_timeout =
      std::chrono::seconds(60);
  return options;
}

/// For requests that shall run into them.
HttpOptions short_limits() {
  HttpOptions options = long_limits();
  options.first_byte_timeout = options.stall_timeout = std::chrono::milliseconds(40);
  return options;
}

Result<HttpResponse> send(HttpClient& client, HttpRequest request) {
  return test::await<HttpResponse>(
      [&](auto done) { client.send(std::move(request), std::move(done)); });
}

Body body_of(std::vector<std::string> pieces) {
  auto owner = std::make_shared<std::vector<std::string>>(std::move(pieces));
  Body body;
  for (const std::string& piece : *owner)
    body.pieces.push_back(std::as_bytes(std::span(piece.data(), piece.size())));
  body.owner = owner;
  return body;
}

/// Answers requests for "/slow" once it is released, and all others at once.
class SlowServer {
 public:
  void release() { release_.set_value(); }
  std::string url() const { return server_.url(); }
  auto requests() const { return server_.requests(); }

 private:
  std::promise<void> release_;
  const std::shared_future<void> released_{release_.get_future().share()};
  ScriptedServer server_{[this](const auto& request) {
    if (request.line.find("/slow") != std::string::npos) released_.wait();
    return ScriptedServer::answer(200, "done");
  }};
};

struct StringSink final : HttpSink {
  std::optional<Error> started(const HttpResponse& head) noexcept override {
    ++starts;
    status = head.status;
    return refuse_start ? std::optional<Error>(Error(Code::changed)) : std::nullopt;
  }
  std::optional<Error> write(std::span<const std::byte> bytes) noexcept override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() > refuse_after) return Error(Code::cancelled, "enough");
    return std::nullopt;
  }
  std::string text;
  int starts = 0;
  int status = 0;
  bool refuse_start = false;
  size_t refuse_after = std::string::npos;
};

TEST_CASE("a GET returns status, headers in lower case and the body, over one kept connection") {
  ScriptedServer server([](const auto&) {
    return ScriptedServer::answer(200, "hello", "X-Amz-Thing:  a b \r\nETag: \"1\"\r\n");
  });
  HttpClient client(long_limits());
  for (int i = 0; i < 3; ++i) {
    const auto result =
        send(client, {.url = server.url() + "/a/../b//c?x=%20", .headers = {"X-One: 1"}});
    REQUIRE(result);
    CHECK((*result).status == 200);
    CHECK((*result).body == "hello");
    CHECK((*result).headers.find("x-amz-thing") == "a b");
    CHECK((*result).headers.contains("etag"));
    CHECK_FALSE((*result).headers.contains("x-other"));
    CHECK((*result).first_byte.count() > 0);
    CHECK((*result).reused_connection == (i > 0));
  }
  const auto requests = server.requests();
  CHECK(requests.back().line == "GET /a/../b//c?x=%20 HTTP/1.1");
  CHECK(requests.back().header("x-one") == "1");
  CHECK(requests.back().connection == 1);
}

TEST_CASE("a fresh connection is made when asked for") {
  ScriptedServer server([](const auto&) { return ScriptedServer::answer(200, ""); });
  HttpClient client(long_limits());
  REQUIRE(send(client, {.url = server.url() + "/"}));
  REQUIRE(send(client, {.url = server.url() + "/", .fresh_connection = true}));
  CHECK(server.requests().back().connection == 2);
}

TEST_CASE("a PUT sends its pieces with a length and without Expect") {
  ScriptedServer server([](const auto&) { return ScriptedServer::answer(200, ""); });
  HttpClient client(long_limits());
  const std::string large(3 << 20, 'x');
  Body body = body_of({"ab", "", "cd", large});
  body.pieces.insert(body.pieces.begin() + 1, std::span<const std::byte>());
  auto result = send(client, {.method = HttpMethod::put,
                              .url = server.url() + "/k",
                              .headers = {"x-amz-meta-empty: "},
                              .body = std::move(body)});
  REQUIRE(result);
  result = send(client, {.method = HttpMethod::post, .url = server.url() + "/k?uploads"});
  REQUIRE(result);
  result = send(client, {.method = HttpMethod::remove, .url = server.url() + "/k"});
  REQUIRE(result);
  const auto requests = server.requests();
  CHECK(requests[0].line == "PUT /k HTTP/1.1");
  CHECK(requests[0].body == "abcd" + large);
  CHECK(requests[0].header("content-length") == std::to_string(4 + large.size()));
  CHECK(requests[0].head.find("Expect") == std::string::npos);
  CHECK(requests[0].head.find("x-amz-meta-empty:") != std::string::npos);
  CHECK(requests[0].header("content-type").empty());
  CHECK(requests[1].line == "POST /k?uploads HTTP/1.1");
  CHECK(requests[1].header("content-length") == "0");
  CHECK(requests[2].line == "DELETE /k HTTP/1.1");
}

TEST_CASE("a body is sent again when a kept connection turns out to be closed") {
  std::atomic<int> count{0};
  ScriptedServer server([&](const auto&) {
    if (++count == 2) return Reply{"", Reply::Then::close};
    return ScriptedServer::answer(200, "");
  });
  HttpClient client(long_limits());
  REQUIRE(send(client, {.url = server.url() + "/"}));
  REQUIRE(send(
      client,
      {.method = HttpMethod::put, .url = server.url() + "/", .body = body_of({"one", "two"})}));
  CHECK(server.requests().back().body == "onetwo");
  CHECK(server.requests().size() == 3);
}

TEST_CASE("a sink gets the bytes of a 2xx answer, an error body is collected and bounded") {
  const std::string large(5 << 20, 'y');
  int status = 206;
  ScriptedServer server([&](const auto&) { return ScriptedServer::answer(status, large); });
  HttpClient client(long_limits());
  auto sink = std::make_shared<StringSink>();
  auto result = send(client, {.url = server.url() + "/", .sink = sink});
  REQUIRE(result);
  CHECK(sink->text == large);
  CHECK(sink->starts == 1);
  CHECK((*result).body.empty());

  status = 503;
  auto untouched = std::make_shared<StringSink>();
  result = send(client, {.url = server.url() + "/", .sink = untouched});
  REQUIRE(result);
  CHECK(untouched->starts == 0);
  CHECK((*result).status == 503);
  CHECK((*result).body.size() == max_error_body);
}

TEST_CASE("a sink can refuse the answer or end it") {
  ScriptedServer server(
      [&](const auto&) { return ScriptedServer::answer(200, std::string(1 << 20, 'z')); });
  HttpClient client(long_limits());
  auto sink = std::make_shared<StringSink>();
  sink->refuse_start = true;
  CHECK(send(client, {.url = server.url() + "/", .sink = sink}).code() == Code::changed);
  CHECK(sink->text.empty());
  sink = std::make_shared<StringSink>();
  sink->refuse_after = 1000;
  CHECK(send(client, {.url = server.url() + "/", .sink = sink}).code() == Code::cancelled);
}

TEST_CASE("an answer that is cut, reset, stalled or missing is an error of its kind") {
  using Then = Reply::Then;
  const std::string half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc";
  // The path says which: the server's threads read this while the test goes on.
  const std::vector<std::pair<Reply, Code>> answers = {
      {{half, Then::close}, Code::unavailable},
      {{half, Then::reset}, Code::unavailable},
      {{"", Then::close}, Code::unavailable},
      {{"", Then::reset}, Code::unavailable},
      {{half, Then::hang}, Code::timed_out},
      {{"", Then::hang}, Code::timed_out},
      {{"SSH-2.0-OpenSSH\r\n", Then::close}, Code::corrupt}};
  ScriptedServer server([&](const ScriptedServer::Request& request) {
    return answers.at(std::stoul(request.line.substr(std::string_view("GET /").size()))).first;
  });
  HttpClient patient(long_limits());
  HttpClient impatient(short_limits());
  for (size_t i = 0; i < answers.size(); ++i) {
    HttpClient& client = answers[i].second == Code::timed_out ? impatient : patient;
    const auto result =
        send(client, {.url = server.url() + "/" + std::to_string(i), .fresh_connection = true});
    INFO("answer " << i);
    CHECK(result.code() == answers[i].second);
    if (i == 0) CHECK(result.error().message().find("closed early") != std::string::npos);
  }
}

TEST_CASE("a request with a limit of its own outlives the first-byte limit") {
  constexpr std::chrono::seconds long_time{60};
  const auto own = GENERATE(&HttpRequest::silence_limit, &HttpRequest::first_byte_limit);
  SlowServer server;
  HttpClient client(short_limits());
  std::promise<Code> impatient;
  std::promise<int> patient;
  HttpRequest request{.url = server.url() + "/slow"};
  request.*own = long_time;
  client.send(std::move(request),
              [&](auto result) { patient.set_value(result ? (*result).status : -1); });
  client.send({.url = server.url() + "/slow"},
              [&](auto result) { impatient.set_value(result.code()); });
  CHECK(impatient.get_future().get() == Code::timed_out);
  server.release();
  CHECK(patient.get_future().get() == 200);
}

TEST_CASE("connections that cannot be made are errors of their kind") {
  HttpClient client(long_limits());
  CHECK(send(client, {.url = "http://127.0.0.1:1/"}).code() == Code::unavailable);
  CHECK(send(client, {.url = "ftp://127.0.0.1/"}).code() == Code::invalid_argument);
  CHECK(send(client, {.url = "http://127.0.0.1:99999/"}).code() == Code::invalid_argument);
  HttpOptions options = long_limits();
  options.connect_timeout = std::chrono::milliseconds(300);
  HttpClient impatient(options);
  ScriptedServer server([](const auto&) { return ScriptedServer::answer(200, ""); });
  CHECK(send(impatient, {.url = "https" + server.url().substr(4)}).code() == Code::timed_out);
}

TEST_CASE("requests can be cancelled before they start, in line and in flight") {
  HttpOptions options = long_limits();
  options.max_connections = 1;
  ScriptedServer server([](const auto&) { return Reply{"", Reply::Then::hang}; });
  HttpClient client(options);
  std::stop_source before;
  before.request_stop();
  CHECK(send(client, {.url = server.url() + "/", .cancel = before.get_token()}).code() ==
        Code::cancelled);

  std::stop_source flying;
  std::stop_source waiting;
  std::promise<Code> first;
  std::promise<Code> second;
  client.send({.url = server.url() + "/", .cancel = flying.get_token()},
              [&](auto r) { first.set_value(r.code()); });
  client.send({.url = server.url() + "/", .cancel = waiting.get_token()},
              [&](auto r) { second.set_value(r.code()); });
  waiting.request_stop();
  CHECK(second.get_future().get() == Code::cancelled);
  while (server.requests().empty()) std::this_thread::yield();
  flying.request_stop();
  CHECK(first.get_future().get() == Code::cancelled);
}

TEST_CASE("destroying the client cancels what is in flight and in line") {
  ScriptedServer server([](const auto&) { return Reply{"", Reply::Then::hang}; });
  std::atomic<int> cancelled{0};
  {
    HttpOptions options = long_limits();
    options.threads = 2;
    options.max_connections = 4;
    HttpClient client(options);
    for (int i = 0; i < 20; ++i) {
      client.send({.url = server.url() + "/"}, [&](auto result) {
        if (result.code() == Code::cancelled) ++cancelled;
      });
    }
    while (server.requests().size() < 4) std::this_thread::yield();
  }
  CHECK(cancelled == 20);
}

TEST_CASE("no more requests are under way than allowed, with however many threads") {
  std::atomic<uint32_t> now{0};
  std::atomic<uint32_t> most{0};
  ScriptedServer server([&](const auto&) {
    const uint32_t own = ++now;
    for (uint32_t seen = most; seen < own && !most.compare_exchange_weak(seen, own);) continue;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    --now;
    return ScriptedServer::answer(200, "");
  });
  const uint32_t allowed = GENERATE(1U, 3U);
  HttpOptions options = long_limits();
  options.threads = 2;
  options.max_connections = allowed;
  std::atomic<int> answered{0};
  HttpClient client(options);
  constexpr int requests = 20;
  for (int i = 0; i < requests; ++i)
    client.send({.url = server.url() + "/"}, [&](const auto&) { ++answered; });
  while (answered < requests) std::this_thread::yield();
  CHECK(most == allowed);
}

TEST_CASE("a small request begins at once while slow ones have all that they may have") {
  SlowServer server;
  HttpOptions options = long_limits();
  options.max_connections = 16;
  std::atomic<int> answered{0};
  {
    HttpClient client(options);
    for (int i = 0; i < 40; ++i) {
      client.send({.url = server.url() + "/slow",
                   .request_class = i < 20 ? RequestClass::background : RequestClass::demand},
                  [&](const auto& result) { answered += result ? 1 : 0; });
    }
    while (server.requests().size() < 15) std::this_thread::yield();
    CHECK(send(client, {.method = HttpMethod::head, .url = server.url() + "/"}));
    CHECK(answered == 0);
    server.release();
    while (answered < 40) std::this_thread::yield();
  }
}

TEST_CASE("a request of the background for which somebody waits passes the others") {
  SlowServer server;
  HttpOptions options = long_limits();
  options.max_connections = 16;
  options.threads = 1;
  std::atomic<int> answered{0};
  std::stop_source awaited;
  std::stop_source known;
  known.request_stop();
  {
    HttpClient client(options);
    for (int i = 0; i < 40; ++i) {
      client.send({.url = server.url() + "/slow", .request_class = RequestClass::background},
                  [&](const auto& result) { answered += result ? 1 : 0; });
    }
    std::promise<void> first;
    std::promise<void> second;
    client.send({.url = server.url() + "/a",
                 .request_class = RequestClass::background,
                 .awaited = awaited.get_token()},
                [&](const auto&) { first.set_value(); });
    while (server.requests().size() < 13) std::this_thread::yield();
    // All slots that the background may have are taken, and none is given back.
    awaited.request_stop();
    first.get_future().wait();
    client.send({.url = server.url() + "/b",
                 .request_class = RequestClass::background,
                 .awaited = known.get_token()},
                [&](const auto&) { second.set_value(); });
    second.get_future().wait();
    CHECK(answered == 0);
    server.release();
    while (answered < 40) std::this_thread::yield();
  }
}

TEST_CASE("many requests from many threads share the loops, and callbacks may send again") {
  ScriptedServer server(
      [](const auto& request) { return ScriptedServer::answer(200, request.line); });
  HttpOptions options = long_limits();
  options.threads = 2;
  options.max_connections = 8;
  HttpClient client(options);
  std::atomic<int> good{0};
  std::atomic<int> left{400};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
        client.send({.url = server.url() + path}, [&, path](auto result) {
          if (result && (*result).body == "GET " + path + " HTTP/1.1") ++good;
          client.send({.url = server.url() + path}, [&](auto again) {
            if (again && (*again).status == 200) ++good;
            --left;
          });
          --left;
        });
      }
    });
  }
  threads.clear();
  while (left > 0) std::this_thread::yield();
  CHECK(good == 400);
  std::set<int> connections;
  for (const auto& request : server.requests()) connections.insert(request.connection);
  CHECK(connections.size() <= 8);
}

TEST_CASE("a collected answer beyond its limit is refused") {
  ScriptedServer server([](const auto&) {
    return ScriptedServer::answer(200, std::string(max_collected_body + 1, 'a'));
  });
  HttpClient client(long_limits());
  CHECK(send(client, {.url = server.url() + "/"}).code() == Code::corrupt);
}

}  // namespace
}  // namespace penstock
