// SPDX-License-Identifier: Apache-2.0
#include "http/curl_library.h"

#include <curl/curl.h>

#include <mutex>
#include <stdexcept>

namespace penstock {

void initialise_curl() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      throw std::runtime_error("libcurl cannot be initialised");
    }
  });
}

}  // namespace penstock
