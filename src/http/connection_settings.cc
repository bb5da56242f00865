// SPDX-License-Identifier: Apache-2.0
#include "http/connection_settings.h"

#include <new>

namespace penstock {
namespace {

template <typename T>
void must_set(CURL* easy, CURLoption option, T value) {
  if (curl_easy_setopt(easy, option, value) != CURLE_OK) throw std::bad_alloc();
}

void set_text(CURL* easy, CURLoption option, const std::string& value) {
  if (!value.empty()) must_set(easy, option, value.c_str());
}

}  // namespace

void set_connection(CURL* easy, const std::string& ca_bundle, const ConnectionOptions& options) {
  set_text(easy, CURLOPT_CAINFO, ca_bundle);
  if (!options.proxy.empty()) {
    set_text(easy, CURLOPT_PROXY, options.proxy);
    must_set(easy, CURLOPT_NOPROXY, "");  // Nor counts NO_PROXY.
  }
  if (options.no_verify_ssl) {
    must_set(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    must_set(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  set_text(easy, CURLOPT_SSLCERT, options.client_cert);
  set_text(easy, CURLOPT_SSLKEY, options.client_key);
  if (options.tls_min_version == "1.2")
    must_set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (options.tls_min_version == "1.3")
    must_set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_3));
}

}  // namespace penstock
