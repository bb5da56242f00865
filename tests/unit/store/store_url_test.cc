// SPDX-License-Identifier: Apache-2.0
#include "scripted_store.h"
#include "store/store_factory.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

StoreUrl parsed(const std::string& url) {
  auto result = parse_store_url(url);
  if (!result.has_value()) FAIL(url << ": " << result.error().message());
  return *result;
}

std::string refused(const std::string& url) {
  auto result = parse_store_url(url);
  if (result.has_value()) FAIL(url << " was taken");
  CHECK(result.code() == Code::invalid_argument);
  return std::string(result.error().message());
}

TEST_CASE("No order is expected of a directory bucket's listings") {
  test::ManualScheduler scheduler;
  StoreOptions options;
  options.endpoint_url = "http://127.0.0.1:1";
  options.region = "us-east-1";
  options.no_sign_request = true;
  for (const bool directory : {false, true}) {
    const StoreUrl url = parsed(directory ? "s3://fast--x-s3/a" : "s3://bucket/a");
    CHECK(open_store(options, url, scheduler, Log::none()).value()->ordered_listings() !=
          directory);
  }
}

TEST_CASE("A bucket and a prefix that ends in a slash") {
  CHECK(parsed("s3://bucket").bucket == "bucket");
  CHECK(parsed("s3://bucket").prefix.empty());
  CHECK(parsed("s3://bucket/").prefix.empty());
  CHECK(parsed("s3://bucket/a").prefix == "a/");
  CHECK(parsed("s3://bucket/a/b/").prefix == "a/b/");
  CHECK(parsed("s3://My_old.Bucket-1/a").bucket == "My_old.Bucket-1");
}

TEST_CASE("Prefixes and folders are taken literally") {
  CHECK(parsed("s3://bucket/50%25 off?#+ü").prefix == "50%25 off?#+ü/");
  CHECK(parsed("s3://bucket//a//b").prefix == "/a//b/");
  CHECK(parsed("s3://bucket/../x").prefix == "../x/");
  CHECK(parsed("file:///a b/%20").directory == "/a b/%20");
}

TEST_CASE("A folder is absolute") {
  CHECK(parsed("file:///data").kind == StoreUrl::Kind::directory);
  CHECK(parsed("file:///data//").directory == "/data");
  CHECK(parsed("file:///").directory == "/");
}

TEST_CASE("What is wrong with a URL is said") {
  const auto [url, message] = GENERATE(table<std::string, std::string>({
      {"", "it is empty"},
      {"s3://", "the bucket is missing"},
      {"s3:///a", "the bucket is missing"},
      {"s3:/bucket", "slashes are missing after 's3:'"},
      {"s3:bucket", "slashes are missing after 's3:'"},
      {"file:/data", "slashes are missing after 'file:'"},
      {"file://data", "the folder must be absolute, with three slashes in all (file:///data)"},
      {"file://", "the folder is missing"},
      {"gs://bucket", "'gs://' is not known"},
      {"https://s3.example/bucket", "the address of a server goes into --endpoint-url"},
      {"/data", "did you mean file:///data?"},
      {"bucket/a", "it does not begin with s3:// or file://"},
      {"s3://ab", "fewer than 3 characters"},
      {"s3://buck et", "blanks"},
      {"s3://büro", "not ASCII"},
      {"s3://buck%20et", "it has a '%'"},
      {"s3://user@bucket", "it has a '@'"},
      {"s3://-bucket", "begin and end with a letter or digit"},
      {"s3://buck..et", "two dots in a row"},
      {"s3://192.168.0.1/a", "the form of an IP address"},
      {"s3://bucket/" + std::string(1024, 'x'), "longer than a key can be"},
      {std::string("s3://bucket/a\0b", 15), "zero byte"},
  }));
  const std::string said = refused(url);
  CHECK_THAT(said, Catch::Matchers::Contains(message));
  CHECK_THAT(said, Catch::Matchers::EndsWith("; a store is s3://BUCKET[/PREFIX] or file:///DIR"));
}

struct Checked {
  test::ScriptedStore store;
  test::Outcome<void> outcome;
  ListRequest asked;

  std::string failing(Code code, Error::Detail detail, const std::string& prefix = "") {
    store.on_list = [&](ListRequest request, Done<ListPage> done) {
      asked = std::move(request);
      done(Error(code, std::move(detail)));
    };
    check_store(store, prefix, outcome.done());
    CHECK(outcome.code() == code);
    return outcome.message();
  }
};

TEST_CASE("A store that answers is all right") {
  Checked checked;
  checked.store.on_list = [&](ListRequest request, Done<ListPage> done) {
    checked.asked = std::move(request);
    done(ListPage{});
  };
  check_store(checked.store, "a/", checked.outcome.done());
  CHECK(checked.outcome.ok());
  CHECK(checked.asked.prefix == "a/");
  CHECK(checked.asked.max_keys == 1);
  CHECK(checked.asked.patience == std::chrono::seconds(15));
}

TEST_CASE("What keeps a mount from working is said to a person") {
  Checked checked;
  using Catch::Matchers::Contains;
  CHECK(
      checked.failing(Code::not_found,
                      {.message = "x", .service_code = "NoSuchBucket", .http_status = 404}) ==
      "there is no bucket scripted (check the name, --region and --endpoint-url) [x (NoSuchBucket, "
      "HTTP 404)]");
  CHECK(checked.failing(Code::not_found, {.message = "The specified key does not exist.",
                                          .service_code = "NoSuchKey",
                                          .http_status = 404}) ==
        "cannot use scripted: the server says: The specified key does not exist. (NoSuchKey, HTTP "
        "404); check the bucket's name and --endpoint-url: is an S3 server there?");
  CHECK_THAT(
      checked.failing(Code::access_denied,
                      {.message = "x", .service_code = "InvalidAccessKeyId", .http_status = 403}),
      Contains("the access key is not known there"));
  CHECK_THAT(checked.failing(
                 Code::access_denied,
                 {.message = "x", .service_code = "SignatureDoesNotMatch", .http_status = 403}),
             Contains("the secret access key is wrong"));
  CHECK_THAT(checked.failing(Code::access_denied,
                             {.message = "x", .service_code = "ExpiredToken", .http_status = 400}),
             Contains("get new credentials"));
  CHECK(checked.failing(
            Code::access_denied,
            {.message = "Access Denied", .service_code = "AccessDenied", .http_status = 403},
            "a/") ==
        "cannot use scripted: these credentials may not list 'a/' (s3:ListBucket), or, for a "
        "public bucket, use "
        "--no-sign-request [Access Denied (AccessDenied, HTTP 403)]");
  CHECK(checked.failing(Code::unavailable, {.message = "could not connect"}) ==
        "cannot use scripted: could not connect; is the server running, and --endpoint-url right?");
  CHECK(checked.failing(Code::access_denied, {.message = "no credentials found"}) ==
        "cannot use scripted: no credentials found");
  CHECK(checked.failing(Code::unavailable, {.message = "oops", .http_status = 500}) ==
        "cannot use scripted: oops (HTTP 500)");
}

TEST_CASE("A server that may want TLS is said to") {
  Checked checked;
  checked.store.name = "s3://b at http://h:1";
  const std::string hint = "; perhaps it speaks https: --endpoint-url https://...";
  const std::string closed = "connection closed early: Empty reply from server";
  CHECK(checked.failing(Code::unavailable, {.message = closed}) ==
        "cannot use s3://b at http://h:1: " + closed + hint);
  CHECK(checked.failing(Code::corrupt, {.message = "the answer is not HTTP"}) ==
        "cannot use s3://b at http://h:1: the answer is not HTTP" + hint);
  CHECK(checked.failing(Code::invalid_argument, {.message = "m", .http_status = 400}) ==
        "cannot use s3://b at http://h:1: m" + hint);
  CHECK(checked
            .failing(Code::invalid_argument,
                     {.message = "m", .service_code = "InvalidBucketName", .http_status = 400})
            .find(hint) == std::string::npos);
  checked.store.name = "s3://b at https://h:1";
  CHECK(checked.failing(Code::unavailable, {.message = closed}).find(hint) == std::string::npos);
}

}  // namespace
}  // namespace penstock
