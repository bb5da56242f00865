// SPDX-License-Identifier: Apache-2.0
#include "contract/subjects.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "base/log.h"
#include "base/worker_pool.h"
#include "http/http_client.h"
#include "server/test_server.h"
#include "store/dir/dir_store.h"
#include "store/s3/s3_store.h"
#include "support/fixed_credentials.h"
#include "support/memory_store.h"

namespace penstock::test {
namespace {

class MemorySubject final : public Subject {
 public:
  ObjectStore& store() override { return store_; }

 private:
  MemoryStore store_{{.limits = {.renames = true}}};
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path =
        (std::filesystem::temp_directory_path() / "penstock-contract-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make " + path);
    path_ = path;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class DirSubject final : public Subject {
 public:
  ObjectStore& store() override { return store_; }

 private:
  TemporaryFolder folder_;
  WorkerPool pool_{"dir", 4};
  DirStore store_{folder_.path(), pool_, Log::none(), {.sync = false}};
};

/// One bucket of a server, and the keys to it.
struct Bucket {
  std::string endpoint;
  std::string access_key;
  std::string secret_key;
  std::string name;
};

class S3Subject final : public Subject {
 public:
  explicit S3Subject(const Bucket& bucket) {
    auto credentials = std::make_shared<FixedCredentials>(
        Credentials{.access_key = bucket.access_key, .secret_key = bucket.secret_key});
    auto created = S3Store::create({.bucket = bucket.name,
                                    .endpoint = bucket.endpoint,
                                    .region = "us-east-1",
                                    .rename_trial_prefix = "contract-trial"},
                                   std::move(credentials),
                                   std::make_shared<HttpClient>(HttpOptions{}), Log::none());
    if (!created) throw std::runtime_error(created.error().describe());
    store_ = std::move(*created);
  }
  ObjectStore& store() override { return *store_; }

 private:
  std::unique_ptr<S3Store> store_;
};

/// A server of its own for every test: nothing is left from the one before.
class OwnServerSubject final : public Subject {
 public:
  explicit OwnServerSubject(const std::string& bucket = "test", const std::string& like = "")
      : options_(options_like(bucket, like)),
        client_({server_.endpoint(), options_.access_key, options_.secret_key, bucket}) {}
  ObjectStore& store() override { return client_.store(); }

 private:
  static ServerOptions options_like(const std::string& bucket, const std::string& server) {
    ServerOptions options{.buckets = {bucket}};
    if (!server.empty()) make_like(options, server);
    return options;
  }

  const ServerOptions options_;
  TestServer server_{options_};
  S3Subject client_;
};

/// "NAME=ENDPOINT,ACCESS,SECRET,BUCKET"
SubjectKind parse_server(const std::string& word) {
  std::vector<std::string> fields;
  std::istringstream text(word.substr(word.find('=') + 1));
  for (std::string field; std::getline(text, field, ',');) fields.push_back(field);
  if (word.find('=') == std::string::npos || fields.size() != 4)
    throw std::runtime_error("PENSTOCK_CONTRACT_SERVERS: not NAME=ENDPOINT,ACCESS,SECRET,BUCKET: " +
                             word);
  const Bucket bucket{fields[0], fields[1], fields[2], fields[3]};
  return {word.substr(0, word.find('=')), [bucket] { return std::make_unique<S3Subject>(bucket); }};
}

}  // namespace

std::vector<SubjectKind> subject_kinds() {
  std::vector<SubjectKind> kinds = {
      {"memory", [] { return std::make_unique<MemorySubject>(); }},
      {"dir", [] { return std::make_unique<DirSubject>(); }},
      {"s3", [] { return std::make_unique<OwnServerSubject>(); }},
      {"s3-directory", [] { return std::make_unique<OwnServerSubject>("test--x-s3"); }},
      {"like-r2", [] { return std::make_unique<OwnServerSubject>("test", "r2"); }},
      {"like-gcs", [] { return std::make_unique<OwnServerSubject>("test", "gcs"); }},
      {"like-object-lock",
       [] { return std::make_unique<OwnServerSubject>("test", "object-lock"); }},
  };
  const char* servers = std::getenv("PENSTOCK_CONTRACT_SERVERS");
  std::istringstream words(servers == nullptr ? "" : servers);
  for (std::string word; words >> word;) kinds.push_back(parse_server(word));
  return kinds;
}

}  // namespace penstock::test
