// SPDX-License-Identifier: Apache-2.0
#include "store/connection_check.h"

#include <fstream>

#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

std::string refusal(const StoreOptions& options) {
  const Result<void> checked = check_connection(options);
  return checked ? "" : std::string(checked.error().message());
}

bool says(const StoreOptions& options, const std::string& part) {
  const std::string told = refusal(options);
  CAPTURE(told);
  return told.find(part) != std::string::npos;
}

StoreOptions with_proxy(const std::string& url) {
  StoreOptions options;
  options.connection.proxy = url;
  return options;
}

}  // namespace

TEST_CASE("a proxy is named as libcurl takes it, and a password in it is not repeated") {
  for (const char* url : {"proxy:3128", "http://proxy:3128", "https://proxy",
                          "socks5h://[::1]:1080", "http://user:secret@proxy:3128"}) {
    CAPTURE(url);
    CHECK(refusal(with_proxy(url)).empty());
  }
  for (const char* url : {"ftp://user:secret@proxy", "http://", "http://pro xy"}) {
    CHECK(says(with_proxy(url), "--proxy is no address"));
    CHECK_FALSE(says(with_proxy(url), "secret"));
  }
}

TEST_CASE("options of connections that contradict one another are refused") {
  StoreOptions unchecked;
  unchecked.connection.no_verify_ssl = true;
  CHECK(refusal(unchecked).empty());
  StoreOptions both = unchecked;
  both.ca_bundle = "/ca.pem";
  CHECK(says(both, "--no-verify-ssl and --ca-bundle exclude"));
  StoreOptions key = unchecked;
  key.terms.sse_c_key_file = "/key";
  CHECK(says(key, "given to whoever says that he is the server"));
}

TEST_CASE("a client's certificate is a file that can be read") {
  const test::TempDir folder;
  const std::string file = folder.path() + "/cert.pem";
  StoreOptions options;
  options.connection.client_key = file;
  CHECK(says(options, "--client-key means nothing without"));
  options.connection.client_cert = file;
  CHECK(says(options, "--client-cert: cannot read"));
  std::ofstream(file) << "x";
  CHECK(refusal(options).empty());
  options.connection.client_key = folder.path() + "/none.pem";
  CHECK(says(options, "--client-key: cannot read"));
}

}  // namespace penstock
