// SPDX-License-Identifier: Apache-2.0
#include "http/connection_probe.h"

#include <curl/curl.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "http/connection_settings.h"
#include "http/curl_library.h"

namespace penstock {
namespace {

using std::chrono::microseconds;
using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

/// "SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384": libcurl has no other way to tell it.
constexpr std::string_view tls_words = "SSL connection using ";
/// "Uses proxy env variable https_proxy == '...'", which may hold a password.
constexpr std::string_view proxy_words = "Uses proxy env variable ";

/// What is filled in while a request runs.
struct Probe {
  ConnectionFacts& facts;
  bool tls_begun = false;
  std::array<char, CURL_ERROR_SIZE> error_text{};
};

int on_debug(CURL* /*easy*/, curl_infotype type, char* data, size_t size, void* probe) noexcept {
  auto& self = *static_cast<Probe*>(probe);
  // CURLINFO_CONNECT_TIME stays 0 where the connection is there and TLS fails.
  if (type == CURLINFO_SSL_DATA_OUT) self.tls_begun = true;
  if (type != CURLINFO_TEXT) return 0;
  const std::string_view text(data, size);
  ConnectionFacts& known = self.facts;
  const auto word_behind = [&](std::string_view words) {
    const std::string_view rest = text.substr(words.size());
    return std::string(rest.substr(0, rest.find_first_of(" \n")));
  };
  try {
    if (text.starts_with(tls_words)) known.tls_version = word_behind(tls_words);
    if (text.starts_with(proxy_words)) known.proxy_variable = word_behind(proxy_words);
  } catch (const std::bad_alloc&) {  // then it stays unknown
  }
  return 0;
}

int on_progress(void* cancel, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
  return static_cast<const std::stop_token*>(cancel)->stop_requested() ? 1 : 0;
}

size_t on_header(char* data, size_t size, size_t count, void* facts) noexcept {
  const std::string_view line(data, size * count);
  constexpr std::string_view name = "date:";
  if (line.size() <= name.size()) return line.size();
  try {
    std::string begin(line.substr(0, name.size()));
    for (char& c : begin) c = static_cast<char>(c | 0x20);
    if (begin == name) {
      auto& known = *static_cast<ConnectionFacts*>(facts);
      known.server_time = curl_getdate(std::string(line.substr(name.size())).c_str(), nullptr);
      known.local_time = std::time(nullptr);
      if (known.server_time < 0) known.server_time = 0;
    }
  } catch (const std::bad_alloc&) {
  }
  return line.size();
}

size_t on_body(char* /*data*/, size_t size, size_t count, void* /*nothing*/) noexcept {
  return size * count;
}

void read_certificate(CURL* easy, ConnectionFacts& facts) {
  curl_certinfo* chain = nullptr;
  if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == nullptr) return;
  if (chain->num_of_certs == 0) return;
  for (const curl_slist* line = chain->certinfo[0]; line != nullptr; line = line->next) {
    const std::string_view text = line->data;
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = text.substr(0, colon);
    const std::string value(text.substr(colon + 1));
    if (name == "Issuer") facts.issuer = value;
    if (name == "Subject") facts.subject = value;
    if (name == "Expire date") facts.valid_until = curl_getdate(value.c_str(), nullptr);
  }
}

microseconds time_of(CURL* easy, CURLINFO which) {
  curl_off_t time = 0;
  curl_easy_getinfo(easy, which, &time);
  return microseconds(time);
}

void read_times(CURL* easy, ConnectionFacts& facts) {
  const microseconds named = time_of(easy, CURLINFO_NAMELOOKUP_TIME_T);
  const microseconds connected = time_of(easy, CURLINFO_CONNECT_TIME_T);
  const microseconds secured = time_of(easy, CURLINFO_APPCONNECT_TIME_T);
  const microseconds ready = time_of(easy, CURLINFO_PRETRANSFER_TIME_T);
  const microseconds begun = time_of(easy, CURLINFO_STARTTRANSFER_TIME_T);
  facts.name_time = named;
  if (connected > named) facts.connect_time = connected - named;
  if (secured > connected) facts.tls_time = secured - connected;
  if (begun > ready) facts.first_byte_time = begun - ready;
}

std::string host_of(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  char* host = nullptr;
  if (parsed == nullptr || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK)
    return "";
  std::string result = host;
  curl_free(host);
  return result;
}

/// All of a name that can be resolved, as libcurl has seen just before.
std::vector<std::string> addresses_of(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::vector<std::string> addresses;
  if (getaddrinfo(host.c_str(), nullptr, &wanted, &found) != 0) return addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) == 0)
      addresses.emplace_back(text.data());
  }
  freeaddrinfo(found);
  return addresses;
}

ConnectionFacts::Step step_of(CURL* easy, CURLcode code, const Probe& probe) {
  using Step = ConnectionFacts::Step;
  if (code == CURLE_OK) return Step::done;
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
      time_of(easy, CURLINFO_NAMELOOKUP_TIME_T).count() == 0)
    return Step::name;
  if (!probe.tls_begun && time_of(easy, CURLINFO_CONNECT_TIME_T).count() == 0) return Step::connect;
  if (probe.facts.tls && time_of(easy, CURLINFO_APPCONNECT_TIME_T).count() == 0) return Step::tls;
  return Step::answer;
}

void set_up(CURL* easy, const ProbeRequest& request, bool verify, Probe& probe) {
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  // The Date that counts is the server's, not a proxy's.
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "penstock/" PENSTOCK_VERSION);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(request.connect_limit.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.limit.count()));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, probe.error_text.data());
  curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
  curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
  curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, &on_debug);
  curl_easy_setopt(easy, CURLOPT_DEBUGDATA, &probe);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &request.cancel);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &probe.facts);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
  ConnectionOptions connection = request.connection;
  if (!verify) connection.no_verify_ssl = true;
  set_connection(easy, request.ca_bundle, connection);
}

/// False where the certificate was refused.
bool perform(const ProbeRequest& request, bool verify, ConnectionFacts& facts) {
  const Easy easy(curl_easy_init(), &curl_easy_cleanup);
  Probe probe{.facts = facts};
  if (easy == nullptr) throw std::bad_alloc();
  set_up(easy.get(), request, verify, probe);
  const CURLcode code = curl_easy_perform(easy.get());
  facts.reached = step_of(easy.get(), code, probe);
  if (code != CURLE_OK)
    facts.failure =
        probe.error_text[0] != '\0' ? probe.error_text.data() : curl_easy_strerror(code);
  read_times(easy.get(), facts);
  read_certificate(easy.get(), facts);
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  facts.status = static_cast<int>(status);
  char* address = nullptr;
  if (curl_easy_getinfo(easy.get(), CURLINFO_PRIMARY_IP, &address) == CURLE_OK &&
      address != nullptr)
    facts.address = address;
  return code != CURLE_PEER_FAILED_VERIFICATION;
}

}  // namespace

ConnectionFacts probe_connection(const ProbeRequest& request) {
  ConnectionFacts facts;
  try {
    initialise_curl();
    facts.host = host_of(request.url);
    facts.tls = request.url.starts_with("https://");
    if (!request.connection.proxy.empty()) facts.proxy_variable = "--proxy";
    facts.trusted = perform(request, true, facts);
    if (!facts.trusted) {
      // What the certificate says that was not accepted.
      ConnectionFacts seen;
      perform(request, false, seen);
      facts.issuer = seen.issuer;
      facts.subject = seen.subject;
      facts.valid_until = seen.valid_until;
    }
    if (facts.reached != ConnectionFacts::Step::name && facts.proxy_variable.empty())
      facts.addresses = addresses_of(facts.host);
  } catch (const std::exception& failure) {
    facts.failure = failure.what();
  }
  return facts;
}

}  // namespace penstock
