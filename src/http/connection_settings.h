// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <string>

#include "penstock/options.h"

namespace penstock {

/// Tells `easy` whom to trust (`ca_bundle`: PEM file, empty: the system's), and the rest of
/// `options`. Throws std::bad_alloc where memory is short or the library lacks something.
void set_connection(CURL* easy, const std::string& ca_bundle, const ConnectionOptions& options);

}  // namespace penstock
