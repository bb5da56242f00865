// SPDX-License-Identifier: Apache-2.0
// Requests through a proxy, whose own words are no answer of the server's, and over TLS to order.
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "http/http_client.h"
#include "support/await.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "unit/http/scripted_server.h"

namespace penstock {
namespace {

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* pointer) const {
    free(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Free<SSL_free>>;

/// Of "localhost", signed by itself.
Certificate make_certificate(EVP_PKEY* key) {
  Certificate made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), key);
  X509_NAME* name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(made.get(), name);
  std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> names(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost"));
  X509_add_ext(made.get(), names.get(), -1);
  REQUIRE(X509_sign(made.get(), key, EVP_sha256()) > 0);
  return made;
}

/// Accepts connections on a port of its own; each is served on a thread of its own.
class Listener {
 public:
  explicit Listener(std::function<void(int)> serve) : serve_(std::move(serve)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(listen(fd_, 16) == 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~Listener() {
    shutdown(fd_, SHUT_RDWR);
    acceptor_.join();
    for (const int connection : connections_) shutdown(connection, SHUT_RDWR);
    for (std::thread& thread : threads_) thread.join();
    for (const int connection : connections_) close(connection);
    close(fd_);
  }
  int port() const { return port_; }

 private:
  void accept_all() {
    while (true) {
      const int connection = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      connections_.push_back(connection);
      threads_.emplace_back([this, connection] {
        serve_(connection);
        shutdown(connection, SHUT_RDWR);
      });
    }
  }

  const std::function<void(int)> serve_;
  int fd_ = -1;
  int port_ = 0;
  std::vector<int> connections_;  // Of the acceptor's thread until that has ended.
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// An HTTPS server that answers every request with the same text.
class TlsServer {
 public:
  TlsServer() {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate = make_certificate(key.get());
    REQUIRE(SSL_CTX_use_certificate(context_.get(), certificate.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context_.get(), key.get()) == 1);
    FILE* file = std::fopen(bundle().c_str(), "w");
    REQUIRE(file != nullptr);
    PEM_write_X509(file, certificate.get());
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }
  /// Speaks no newer version.
  void speak_at_most(int version) { SSL_CTX_set_max_proto_version(context_.get(), version); }
  /// Serves only who has the server's own certificate.
  void want_certificate() {
    REQUIRE(SSL_CTX_load_verify_locations(context_.get(), bundle().c_str(), nullptr) == 1);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  /// Its certificate, and the key.
  std::string bundle() const { return folder_.path() + "/ca.pem"; }
  std::string url() const { return "https://localhost:" + std::to_string(listener_.port()); }

 private:
  void serve(int connection) {
    const Ssl ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), connection);
    if (SSL_accept(ssl.get()) != 1) return;
    std::string input;
    std::array<char, 4096> piece{};
    while (true) {
      const int got = SSL_read(ssl.get(), piece.data(), piece.size());
      if (got <= 0) return;
      input.append(piece.data(), static_cast<size_t>(got));
      if (!input.ends_with("\r\n\r\n")) continue;
      input.clear();
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"the server's\"\r\n\r\nhello";
      if (SSL_write(ssl.get(), answer.data(), static_cast<int>(answer.size())) <= 0) return;
    }
  }

  const test::TempDir folder_;
  const Context context_{SSL_CTX_new(TLS_server_method())};
  Listener listener_{[this](int connection) { serve(connection); }};
};

/// A proxy that opens tunnels to this machine, and has something to say about each.
class ConnectProxy {
 public:
  std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()); }
  int tunnels() const { return tunnels_; }

 private:
  void serve(int client) {
    std::string head;
    char byte = 0;
    while (!head.ends_with("\r\n\r\n")) {
      if (recv(client, &byte, 1, 0) != 1) return;
      head += byte;
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(std::stoi(head.substr(head.find(':') + 1))));
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      const std::string answer =
          "HTTP/1.1 200 Connection established\r\nETag: \"the proxy's\"\r\nContent-Length: "
          "0\r\n\r\n";
      send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
      ++tunnels_;
      relay(client, server);
    }
    close(server);
  }
  static void relay(int one, int other) {
    std::array<pollfd, 2> ends{{{one, POLLIN, 0}, {other, POLLIN, 0}}};
    std::array<char, 4096> piece{};
    while (poll(ends.data(), ends.size(), -1) > 0) {
      for (size_t i = 0; i < ends.size(); ++i) {
        if (ends[i].revents == 0) continue;
        const ssize_t got = recv(ends[i].fd, piece.data(), piece.size(), 0);
        if (got <= 0) return;
        send(ends[1 - i].fd, piece.data(), static_cast<size_t>(got), MSG_NOSIGNAL);
      }
    }
  }

  std::atomic<int> tunnels_ = 0;
  Listener listener_{[this](int client) { serve(client); }};
};

/// The variables that name proxies, as a test wants them.
class ProxyVariables {
 public:
  ProxyVariables(const char* name, const std::string& url) : name_(name) {
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    setenv(name, url.c_str(), 1);
  }
  ~ProxyVariables() { unsetenv(name_); }
  ProxyVariables(const ProxyVariables&) = delete;
  ProxyVariables& operator=(const ProxyVariables&) = delete;

 private:
  const char* const name_;
};

struct HeadSink final : HttpSink {
  std::optional<Error> started(const HttpResponse& head) noexcept override {
    ++starts;
    etag = head.headers.find("etag");
    return std::nullopt;
  }
  std::optional<Error> write(std::span<const std::byte> bytes) noexcept override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return std::nullopt;
  }
  int starts = 0;
  std::string etag;
  std::string text;
};

Result<HttpResponse> send(HttpClient& client, HttpRequest request) {
  return test::await<HttpResponse>(
      [&](auto done) { client.send(std::move(request), std::move(done)); });
}

TEST_CASE("behind a proxy a GET over https sees the server's answer alone") {
  const TlsServer server;
  const ConnectProxy proxy;
  const ProxyVariables variables("https_proxy", proxy.url());
  HttpClient client({.threads = 1, .ca_bundle = server.bundle()});
  const auto sink = std::make_shared<HeadSink>();
  const auto result = send(client, {.url = server.url() + "/key", .sink = sink});
  REQUIRE(result);
  CHECK(proxy.tunnels() == 1);
  CHECK(sink->starts == 1);
  CHECK(sink->etag == "\"the server's\"");
  CHECK(sink->text == "hello");
  CHECK(result->headers.find("etag") == "\"the server's\"");
}

TEST_CASE("a direct request takes no proxy") {
  test::ScriptedServer server(
      [](const auto&) { return test::ScriptedServer::answer(200, "here"); });
  test::ScriptedServer proxy(
      [](const auto&) { return test::ScriptedServer::answer(200, "proxy"); });
  const ProxyVariables variables("http_proxy", proxy.url());
  HttpClient client({.threads = 1});
  const auto direct = send(client, {.url = server.url() + "/", .direct = true});
  REQUIRE(direct);
  CHECK(direct->body == "here");
  // Handles are used again: the next request is as the environment says.
  const auto other = send(client, {.url = server.url() + "/"});
  REQUIRE(other);
  CHECK(other->body == "proxy");
}

TEST_CASE("a proxy that is given counts, whatever the environment says") {
  test::ScriptedServer server(
      [](const auto&) { return test::ScriptedServer::answer(200, "here"); });
  test::ScriptedServer given(
      [](const auto&) { return test::ScriptedServer::answer(200, "given"); });
  const ProxyVariables variables("no_proxy", "*");
  HttpClient client({.threads = 1, .connection = {.proxy = given.url()}});
  const auto sent = send(client, {.url = server.url() + "/"});
  REQUIRE(sent);
  CHECK(sent->body == "given");
  const auto direct = send(client, {.url = server.url() + "/", .direct = true});
  REQUIRE(direct);
  CHECK(direct->body == "here");
}

TEST_CASE("a certificate is checked unless that is not wanted") {
  const TlsServer server;
  HttpClient strict({.threads = 1});
  const auto refused = send(strict, {.url = server.url() + "/"});
  REQUIRE_FALSE(refused);
  CHECK(refused.code() == Code::access_denied);
  HttpClient careless({.threads = 1, .connection = {.no_verify_ssl = true}});
  CHECK(send(careless, {.url = server.url() + "/"})->body == "hello");
}

TEST_CASE("an older TLS than is wanted is not spoken") {
  TlsServer server;
  server.speak_at_most(TLS1_2_VERSION);
  for (const char* version : {"", "1.2"}) {
    HttpClient client(
        {.threads = 1, .ca_bundle = server.bundle(), .connection = {.tls_min_version = version}});
    CHECK(send(client, {.url = server.url() + "/"}));
  }
  HttpClient newer(
      {.threads = 1, .ca_bundle = server.bundle(), .connection = {.tls_min_version = "1.3"}});
  CHECK_FALSE(send(newer, {.url = server.url() + "/"}));
}

TEST_CASE("a server that wants to see a certificate is shown the client's") {
  TlsServer server;
  server.want_certificate();
  HttpClient without({.threads = 1, .ca_bundle = server.bundle()});
  CHECK_FALSE(send(without, {.url = server.url() + "/"}));
  HttpClient with(
      {.threads = 1, .ca_bundle = server.bundle(), .connection = {.client_cert = server.bundle()}});
  const auto sent = send(with, {.url = server.url() + "/"});
  REQUIRE(sent);
  CHECK(sent->body == "hello");
}

}  // namespace
}  // namespace penstock
