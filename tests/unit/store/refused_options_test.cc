// SPDX-License-Identifier: Apache-2.0
// Options of a store that can never work together, or that a person is warned of, before anything
// is sent.
#include <filesystem>
#include <fstream>

#include "store/store_factory.h"
#include "support/captured_log.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

const std::string bucket = "s3://bucket";
const std::string directory_bucket = "s3://buck--use1-az4--x-s3";

StoreOptions with(void (*change)(StoreOptions&)) {
  StoreOptions options;
  options.endpoint_url = "https://store.example";
  options.region = "us-east-1";
  change(options);
  return options;
}

/// What opening the store says; empty: it is opened. What is logged is added to `log`.
std::string opening(
    const std::string& url, const StoreOptions& options,
    const std::shared_ptr<test::CapturedLog>& log = std::make_shared<test::CapturedLog>()) {
  test::ManualScheduler scheduler;
  const auto opened = open_store(options, parse_store_url(url).value(), scheduler, log);
  return opened ? "" : std::string(opened.error().message());
}

bool says(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("encryption that is asked for is not left out where a folder is the store") {
  const test::TempDir folder;
  const std::string url = "file://" + folder.path();
  CHECK(says(opening(url, with([](StoreOptions& o) { o.terms.sse = "AES256"; })),
             "--sse encrypts in a bucket"));
  CHECK(says(opening(url, with([](StoreOptions& o) { o.terms.sse_c_key_file = "/key"; })),
             "--sse-c-key-file encrypts in a bucket"));
}

TEST_CASE("who pays must be known, and what directory buckets lack is not asked of them") {
  CHECK(says(opening(bucket, with([](StoreOptions& o) {
                       o.terms.requester_pays = o.no_sign_request = true;
                     })),
             "--requester-pays and --no-sign-request exclude"));
  const auto lacking = [](void (*change)(StoreOptions&), const std::string& option) {
    return says(opening(directory_bucket, with(change)), option + ": directory buckets") &&
           !says(opening(bucket, with(change)), "directory buckets");
  };
  CHECK(lacking([](StoreOptions& o) { o.terms.sse = "aws:kms:dsse"; }, "--sse=aws:kms:dsse"));
  CHECK(lacking([](StoreOptions& o) { o.terms.sse_c_key_file = "/key"; }, "--sse-c-key-file"));
  CHECK(lacking([](StoreOptions& o) { o.terms.requester_pays = true; }, "--requester-pays"));
  CHECK(lacking([](StoreOptions& o) { o.terms.acl = "private"; }, "--acl"));
  CHECK(lacking([](StoreOptions& o) { o.terms.tags = "a=b"; }, "--tags"));
  CHECK(lacking([](StoreOptions& o) { o.dual_stack = true; }, "--dual-stack"));
  CHECK(lacking([](StoreOptions& o) { o.accelerate = true; }, "--accelerate"));
  CHECK(opening(directory_bucket, with([](StoreOptions& o) { o.terms.sse = "aws:kms"; })).empty());
}

TEST_CASE("a mount is warned of certificates that nobody checks, and of a key that all may read") {
  const auto log = std::make_shared<test::CapturedLog>();
  CHECK(opening(bucket, with([](StoreOptions& o) { o.connection.no_verify_ssl = true; }), log)
            .empty());
  REQUIRE(log->lines().size() == 1);
  CHECK(says(log->lines()[0], "certificates are not checked (--no-verify-ssl)"));

  const test::TempDir folder;
  const std::string file = folder.path() + "/key";
  std::ofstream(file) << std::string(32, 'k');
  using std::filesystem::perms;
  permissions(std::filesystem::path(folder.path()), perms(0755));
  StoreOptions options = with([](StoreOptions&) {});
  options.terms.sse_c_key_file = file;
  permissions(std::filesystem::path(file), perms(0600));
  CHECK(opening(bucket, options, log).empty());
  CHECK(log->lines().size() == 1);
  permissions(std::filesystem::path(file), perms(0644));
  CHECK(opening(bucket, options, log).empty());
  REQUIRE(log->lines().size() == 2);
  CHECK(says(log->lines()[1], "every user of this machine may read the encryption key in " + file));
}

}  // namespace penstock
