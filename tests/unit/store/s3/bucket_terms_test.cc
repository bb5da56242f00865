// SPDX-License-Identifier: Apache-2.0
#include "store/s3/bucket_terms.h"

#include <map>

#include "store/s3/base64.h"
#include "store/s3/endpoint.h"
#include "store/s3/s3_requests.h"
#include "support/catch.h"
#include "temporary_files.h"

namespace penstock {
namespace {

using test::TemporaryFiles;

const std::string sse = "x-amz-server-side-encryption";
const std::string of_source = "x-amz-copy-source-server-side-encryption";
/// MD5 of 32 times 'k', in base64: by `printf 'k%.0s' {1..32} | openssl md5 -binary | base64`.
const std::string key_md5 = "mT2HRsMGJ5IX5C+0rreZ8Q==";
const std::string key(32, 'k');

using Sent = std::map<std::string, std::string>;

Sent terms_of(const BucketTerms& terms, ObjectUse use) {
  BucketTerms::Headers headers;
  terms.add_headers(use, headers);
  Sent sent(headers.begin(), headers.end());
  CHECK(sent.size() == headers.size());  // A header that is sent twice is signed wrongly.
  return sent;
}

/// What goes with each kind of request that has to do with objects, by S3's name of it.
std::map<std::string, Sent> with_each(const BucketTerms& terms) {
  const CompleteUpload complete{.key = "k", .parts = {{.number = 1}}};
  const UploadPartCopy part{.key = "k", .number = 1, .source = "s", .source_range = {0, 1}};
  return {
      {"GetObject", terms_of(terms, get_request({.key = "k"}).use)},
      {"PutObject", terms_of(terms, put_request({.key = "k"})->use)},
      {"CopyObject", terms_of(terms, copy_request({.source = "k", .target = "l"}, "b")->use)},
      {"CreateMultipartUpload", terms_of(terms, create_upload_request({.key = "k"}, true)->use)},
      {"UploadPart", terms_of(terms, upload_part_request({.key = "k", .number = 1}).use)},
      {"UploadPartCopy",
       terms_of(terms, upload_part_copy_request(part, "b", SourceSpelling::once).use)},
      {"CompleteMultipartUpload", terms_of(terms, complete_upload_request(complete, {}).use)},
      {"ListObjectsV2", terms_of(terms, list_request({}).use)},
      {"RenameObject", terms_of(terms, rename_request({.source = "k", .target = "l"}).use)},
      {"RestoreObject", terms_of(terms, restore_request({.key = "k"}).use)},
      {"ListParts", terms_of(terms, list_parts_request("k", "id", {}).use)},
      {"DeleteObjects", terms_of(terms, remove_many_request({"k"}).use)}};
}

std::string refusal(const BucketTermsOptions& options) {
  const Result<BucketTerms> terms = BucketTerms::make(options);
  return terms ? "" : std::string(terms.error().message());
}

bool says(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("server-side encryption is asked for where an object's encryption is settled") {
  const BucketTerms terms = BucketTerms::make({.sse = "aws:kms",
                                               .sse_kms_key_id = "alias/a",
                                               .sse_kms_context = R"({"project": "a"})",
                                               .sse_bucket_key = true})
                                .value();
  const Sent asked = {{sse, "aws:kms"},
                      {sse + "-aws-kms-key-id", "alias/a"},
                      {sse + "-context", base64_encode(R"({"project":"a"})")},
                      {sse + "-bucket-key-enabled", "true"}};
  for (const auto& [operation, sent] : with_each(terms)) {
    CAPTURE(operation);
    const bool settles = operation == "PutObject" || operation == "CopyObject" ||
                         operation == "CreateMultipartUpload";
    CHECK(sent == (settles ? asked : Sent()));
  }
  CHECK(terms.opaque_etags());
  CHECK_FALSE(terms.has_key());
}

TEST_CASE("a key of one's own goes with all that touches bytes, and for the source of a copy") {
  const TemporaryFiles files;
  files.write("key", key);
  const BucketTerms terms = BucketTerms::make({.sse_c_key_file = files.path("key")}).value();
  const Sent own = {{sse + "-customer-algorithm", "AES256"},
                    {sse + "-customer-key", base64_encode(key)},
                    {sse + "-customer-key-md5", key_md5}};
  Sent both = own;
  both.insert({{of_source + "-customer-algorithm", "AES256"},
               {of_source + "-customer-key", base64_encode(key)},
               {of_source + "-customer-key-md5", key_md5}});
  const auto with = with_each(terms);
  for (const char* operation : {"GetObject", "PutObject", "CreateMultipartUpload", "UploadPart",
                                "CompleteMultipartUpload"}) {
    CAPTURE(operation);
    CHECK(with.at(operation) == own);
  }
  for (const char* operation : {"CopyObject", "UploadPartCopy"}) {
    CAPTURE(operation);
    CHECK(with.at(operation) == both);
  }
  for (const char* operation :
       {"ListObjectsV2", "RenameObject", "RestoreObject", "ListParts", "DeleteObjects"}) {
    CAPTURE(operation);
    CHECK(with.at(operation).empty());
  }
  CHECK(terms.opaque_etags());
  CHECK(terms.has_key());
}

TEST_CASE("without terms nothing is asked for, and with AES256 ETags stay MD5s") {
  for (const auto& [operation, sent] : with_each({})) CHECK(sent.empty());
  CHECK_FALSE(BucketTerms().opaque_etags());
  CHECK_FALSE(BucketTerms::make({.sse = "AES256"})->opaque_etags());
  CHECK(BucketTerms::make({.sse = "aws:kms:dsse"})->opaque_etags());
}

TEST_CASE(
    "the file of a key holds 32 bytes, or those in base64, and the refusal shows none of it") {
  const TemporaryFiles files;
  const auto sent_with = [&](const std::string& text) {
    files.write("key", text);
    const Result<BucketTerms> terms = BucketTerms::make({.sse_c_key_file = files.path("key")});
    return terms ? terms_of(*terms, ObjectUse::reads).at(sse + "-customer-key") : "";
  };
  CHECK(sent_with(key) == base64_encode(key));
  CHECK(sent_with(base64_encode(key)) == base64_encode(key));
  CHECK(sent_with(base64_encode(key) + "\n") == base64_encode(key));
  CHECK(sent_with(base64_encode(key) + "\r\n") == base64_encode(key));
  // Bytes that end like lines are bytes.
  const std::string binary = key.substr(1) + "\n";
  CHECK(sent_with(binary) == base64_encode(binary));
  for (const std::string& wrong :
       {std::string(), key.substr(1), key + "\n", base64_encode(key) + "====", std::string(64, 'k'),
        base64_encode(key.substr(1)),
        base64_encode(key).substr(0, 20) + "\n" + base64_encode(key).substr(20)}) {
    files.write("key", wrong);
    const std::string told = refusal({.sse_c_key_file = files.path("key")});
    CHECK(says(told, "must hold 32 bytes, or those in base64"));
    CHECK(told.find("kkk") == std::string::npos);
  }
  CHECK(says(refusal({.sse_c_key_file = files.path("none")}), "cannot read"));
}

TEST_CASE("terms that cannot work together are refused with a reason") {
  CHECK(says(refusal({.sse_kms_key_id = "a"}), "--sse-kms-key-id means nothing without"));
  CHECK(says(refusal({.sse = "AES256", .sse_kms_context = "{}"}), "--sse-kms-context means"));
  CHECK(says(refusal({.sse = "AES256", .sse_bucket_key = true}), "--sse-bucket-key means"));
  CHECK(says(refusal({.sse = "aws:kms:dsse", .sse_bucket_key = true}), "no bucket keys"));
  CHECK(says(refusal({.sse = "AES256", .sse_c_key_file = "/k"}), "exclude one another"));
  CHECK(says(refusal({.sse = "aws:kms", .sse_kms_key_id = "a b"}), "has blanks"));
}

TEST_CASE("an encryption context is a JSON object of texts, or that in base64") {
  const auto context = [](const std::string& text) {
    const auto terms = BucketTerms::make({.sse = "aws:kms", .sse_kms_context = text});
    return terms ? terms_of(*terms, ObjectUse::stores).at(sse + "-context") : "";
  };
  CHECK(context(R"({"a":"b"})") == base64_encode(R"({"a":"b"})"));
  CHECK(context(base64_encode(R"({"a": "b"})")) == base64_encode(R"({"a": "b"})"));
  for (const char* wrong : {"{}", R"({"a":1})", R"(["a"])", R"({"a":"b")", "a=b", "e30=", "%%%%"}) {
    CAPTURE(wrong);
    CHECK(context(wrong).empty());
  }
}

TEST_CASE("the owner and who pays go with every request, the owner also for the source of a copy") {
  const BucketTerms terms =
      BucketTerms::make({.expected_owner = "111122223333", .requester_pays = true}).value();
  const Sent always = {{"x-amz-expected-bucket-owner", "111122223333"},
                       {"x-amz-request-payer", "requester"}};
  Sent copied = always;
  copied["x-amz-source-expected-bucket-owner"] = "111122223333";
  for (const auto& [operation, sent] : with_each(terms)) {
    CAPTURE(operation);
    CHECK(sent == (operation.ends_with("Copy") || operation == "CopyObject" ? copied : always));
  }
  CHECK(terms.expected_owner() == "111122223333");
  CHECK_FALSE(terms.opaque_etags());
  CHECK(says(refusal({.expected_owner = "11 22"}), "is no account's id"));
}

TEST_CASE("an ACL goes where an object is made") {
  const BucketTerms terms = BucketTerms::make({.acl = "bucket-owner-full-control"}).value();
  for (const auto& [operation, sent] : with_each(terms)) {
    CAPTURE(operation);
    const bool makes = operation == "PutObject" || operation == "CopyObject" ||
                       operation == "CreateMultipartUpload";
    CHECK(sent == (makes ? Sent{{"x-amz-acl", "bucket-owner-full-control"}} : Sent()));
  }
}

TEST_CASE("an ACL that S3 does not have is refused") {
  CHECK(says(refusal({.acl = "bucket-owner"}), "none of S3's canned ACLs, which are private"));
}

TEST_CASE("tags are added to those that an object has, and count where both have a name") {
  const BucketTerms terms = BucketTerms::make({.tags = "team=a%20b&stage=raw%26new"}).value();
  CHECK(terms.has_tags());
  CHECK_FALSE(BucketTerms().has_tags());
  CHECK(terms.tags_beside("") == "team=a%20b&stage=raw%26new");
  CHECK(terms.tags_beside("owner=c&te%61m=x") == "owner=c&team=a%20b&stage=raw%26new");
}

TEST_CASE("tags that S3 would not take are refused") {
  const auto with = [](const std::string& tags) { return refusal({.tags = tags}); };
  CHECK(says(with("team"), "a tag without a value"));
  CHECK(says(with("=a"), "a tag without a name"));
  CHECK(says(with("a=%zz"), "is not percent-encoded"));
  CHECK(says(with("a=1&%61=2"), "has a name twice"));
  CHECK(says(with("a=" + std::string(257, 'v')), "more than 256"));
  CHECK(says(with(std::string(129, 'n') + "=v"), "more than 128"));
  std::string many = "t0=";
  for (int i = 1; i < 10; ++i) many += "&t" + std::to_string(i) + '=';
  CHECK(with(many).empty());
  CHECK(says(with(many + "&t10="), "1 to 10 tags"));
  std::string wide = "a=";
  for (int i = 0; i < 256; ++i) wide += "%C3%A9";
  CHECK(with(wide).empty());
}

TEST_CASE("base64 is taken only as it is written") {
  for (const std::string& bytes : {std::string("a"), std::string("ab"), std::string("abc"), key})
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
  CHECK(base64_encode("a") == "YQ==");
  for (const char* wrong :
       {"", "YQ", "YQ=", "Y===", "YQ==YQ==", " YQ==", "YQ==\n", "Y!==", "    YQ=="})
    CHECK_FALSE(base64_decode(wrong));
}

TEST_CASE("only what nobody on the way can read is trusted with a key") {
  const auto trusted = [](const std::string& url) {
    return Endpoint::choose({.bucket = "b", .url = url, .region = {}})->is_unobserved();
  };
  for (const char* url : {"", "https://example.com", "https://10.0.0.1:9000", "http://127.0.0.1",
                          "http://127.0.0.2:9000", "http://localhost:9000", "http://[::1]:9000"}) {
    CAPTURE(url);
    CHECK(trusted(url));
  }
  for (const char* url : {"http://example.com", "http://10.0.0.1:9000", "http://127.0.0.1.example",
                          "http://localhost.example", "http://[::2]", "http://128.0.0.1"}) {
    CAPTURE(url);
    CHECK_FALSE(trusted(url));
  }
}

}  // namespace penstock
