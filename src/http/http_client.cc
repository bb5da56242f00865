// SPDX-License-Identifier: Apache-2.0
#include "http/http_client.h"

#include <algorithm>
#include <stdexcept>

#include "http/curl_library.h"
#include "http/http_loop.h"

namespace penstock {
namespace {

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
