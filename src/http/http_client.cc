// SPDX-License-Identifier: Apache-2.0
#include "http/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>

#include "http/http_loop.h"

namespace penstock {
namespace {

/// libcurl's one piece of process-wide state: set up before the first client and kept until the
/// process ends, for other users of libcurl in the same process may come and go as well.
void initialise_curl() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      throw std::runtime_error("libcurl cannot be initialised");
    }
  });
}

bool has_http_scheme(const std::string& url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

}  // namespace

HttpClient::HttpClient(const HttpOptions& options) : options_(options) {
  initialise_curl();
  const uint32_t most = std::max<uint32_t>(options_.max_connections, 1);
  const uint32_t threads = std::clamp<uint32_t>(options_.threads, 1, most);
  for (uint32_t i = 0; i < threads; ++i) {
    const uint32_t own = most / threads + (i < most % threads ? 1 : 0);
    loops_.push_back(std::make_unique<HttpLoop>(options_, own, "http-" + std::to_string(i)));
  }
}

HttpClient::~HttpClient() = default;

HttpLoad HttpClient::load() const {
  HttpLoad all;
  for (const auto& loop : loops_) {
    // Closed first: what is read later is larger.
    const uint64_t closed = loop->connections().closed.value();
    const uint64_t opened = loop->connections().opened.value();
    all.connections += opened - closed;
    all.connections_opened += opened;
    const uint64_t under_way = loop->under_way();
    const uint64_t load = loop->load();
    all.waiting += load - std::min(load, under_way);
  }
  return all;
}

void HttpClient::send(HttpRequest request, Done<HttpResponse> done) {
  if (!has_http_scheme(request.url)) {
    return done(Error(Code::invalid_argument, "not an http or https URL: " + request.url));
  }
  // The least loaded loop; among equals, each in turn.
  const size_t start = turn_.fetch_add(1, std::memory_order_relaxed) % loops_.size();
  HttpLoop* best = loops_[start].get();
  for (size_t i = 1; i < loops_.size(); ++i) {
    HttpLoop* other = loops_[(start + i) % loops_.size()].get();
    if (other->load() < best->load()) best = other;
  }
  best->submit(std::move(request), std::move(done));
}

}  // namespace penstock
