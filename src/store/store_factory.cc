// SPDX-License-Identifier: Apache-2.0
#include "store/store_factory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

#include "base/trusted_path.h"
#include "http/http_client.h"
#include "store/checking_store.h"
#include "store/connection_check.h"
#include "store/dir/dir_store.h"
#include "store/hedging_store.h"
#include "store/metered_store.h"
#include "store/retrying_lifecycle.h"
#include "store/retrying_store.h"
#include "store/retrying_sums.h"
#include "store/s3/aws_config.h"
#include "store/s3/credentials_provider.h"
#include "store/s3/s3_store.h"

namespace penstock {
namespace {

/// Retries around hedges around meters around the store, so that every try is counted.
class Opened final : public OpenedStore {
 public:
  /// A store with what only some of them have.
  struct Parts {
    std::unique_ptr<ObjectStore> store;
    std::shared_ptr<const HttpClient> http = nullptr;  ///< What it talks through.
    LifecycleRules* rules = nullptr;                   ///< A part of it.
    ObjectSums* sums = nullptr;                        ///< Likewise.
    bool hedges = false;                               ///< Slow reads are sent a second time.
    bool checks = false;                               ///< Large objects are checked by `sums`.
  };

  Opened(Parts parts, bool ordered, Scheduler& scheduler, const std::shared_ptr<Log>& log,
         const RetryPolicy& retries)
      : inner_(std::move(parts.store)),
        http_(std::move(parts.http)),
        ordered_(ordered),
        metered_(*inner_, metrics_),
        hedging_(parts.hedges ? std::make_unique<HedgingStore>(metered_, scheduler, metrics_)
                              : nullptr),
        retrying_(hedging_ ? static_cast<ObjectStore&>(*hedging_) : metered_, scheduler, retries,
                  std::random_device()(), log, metrics_) {
    const auto shared = [&] {
      return std::make_shared<RetryShared>(*inner_, scheduler, retries, std::random_device()(), log,
                                           metrics_);
    };
    if (parts.rules != nullptr)
      lifecycle_ = std::make_unique<RetryingLifecycle>(*parts.rules, shared());
    if (parts.sums != nullptr) sums_ = std::make_unique<RetryingSums>(*parts.sums, shared());
    if (parts.checks && sums_ != nullptr) {
      checking_ = std::make_unique<CheckingStore>(retrying_, *sums_, scheduler, log, metrics_);
    }
  }

  ObjectStore& store() override { return retrying_; }
  ObjectStore& checked_store() override {
    return checking_ ? static_cast<ObjectStore&>(*checking_) : retrying_;
  }
  const StoreMetrics& metrics() const override { return *metrics_; }
  StoreLoad load() const override {
    StoreLoad load = retrying_.load();
    if (http_ == nullptr) return load;
    const HttpLoad http = http_->load();
    load.connection_waiting = http.waiting;
    load.connections = http.connections;
    load.connections_opened = http.connections_opened;
    return load;
  }
  bool ordered_listings() const override { return ordered_; }
  LifecycleRules* lifecycle() override { return lifecycle_.get(); }
  ObjectSums* sums() override { return sums_.get(); }

 private:
  const std::unique_ptr<ObjectStore> inner_;
  const std::shared_ptr<const HttpClient> http_;
  const bool ordered_;
  const std::shared_ptr<StoreMetrics> metrics_ = std::make_shared<StoreMetrics>();
  MeteredStore metered_;
  const std::unique_ptr<HedgingStore> hedging_;  ///< Null: slow reads are waited for.
  std::unique_ptr<RetryingLifecycle> lifecycle_;
  std::unique_ptr<RetryingSums> sums_;  ///< The gets of retrying_ may ask it.
  RetryingStore retrying_;
  std::unique_ptr<CheckingStore> checking_;  ///< Null: nothing is checked by `sums_`.
};

Result<Opened::Parts> open_directory(const StoreUrl& url, Scheduler& scheduler,
                                     const std::shared_ptr<Log>& log) {
  if (auto checked = DirStore::check_root(url.directory); !checked.has_value())
    return checked.error();
  if (access(url.directory.c_str(), W_OK) != 0) {
    log->warning("{} cannot be written to: the mount will only be read", url.directory);
  }
  return Opened::Parts{.store = std::make_unique<DirStore>(url.directory, scheduler, log)};
}

/// Below the hidden name (src/fs/names/own_names.h), where later mounts remove what is left.
std::string trial_prefix(const StoreUrl& url) {
  std::random_device random;
  return fmt::format("{}.penstock/trials/{:08x}{:08x}", url.prefix, random(), random());
}

void warn_of_exposed_key(const BucketTermsOptions& terms, Log& log) {
  if (terms.sse_c_key_file.empty() || !everybody_may_read(terms.sse_c_key_file)) return;
  log.warning("every user of this machine may read the encryption key in {}: chmod 600 it",
              terms.sse_c_key_file);
}

/// What can never work, with a reason.
Result<void> check_terms(const StoreOptions& options, const std::string& bucket) {
  const BucketTermsOptions& terms = options.terms;
  if (terms.requester_pays && options.no_sign_request) {
    return Error(Code::invalid_argument,
                 "--requester-pays and --no-sign-request exclude one another: who pays is known by "
                 "the signature");
  }
  if (!is_directory_bucket(bucket)) return {};
  // The API reference of S3, per header: "not supported for directory buckets".
  for (const auto& [option, given] :
       {std::pair("--sse=aws:kms:dsse", terms.sse == "aws:kms:dsse"),
        std::pair("--sse-c-key-file", !terms.sse_c_key_file.empty()),
        std::pair("--requester-pays", terms.requester_pays),
        std::pair("--dual-stack", options.dual_stack),
        std::pair("--accelerate", options.accelerate), std::pair("--acl", !terms.acl.empty()),
        std::pair("--tags", !terms.tags.empty())}) {
    if (!given) continue;
    return Error(
        Code::invalid_argument,
        fmt::format("{}: directory buckets, as {} is one, do not have that", option, bucket));
  }
  return {};
}

/// What is asked for must not be left out without a word.
Result<void> check_directory_terms(const BucketTermsOptions& terms) {
  if (terms.sse.empty() && terms.sse_c_key_file.empty()) return {};
  return Error(Code::invalid_argument,
               fmt::format("--{} encrypts in a bucket (s3://); a folder (file://) would be "
                           "written as it is",
                           terms.sse.empty() ? "sse-c-key-file" : "sse"));
}

Result<Opened::Parts> open_s3(const StoreOptions& given, const StoreUrl& url, Scheduler& scheduler,
                              const std::shared_ptr<Log>& log) {
  if (Result<void> checked = check_connection(given); !checked) return checked.error();
  Variables variables = process_variables();
  auto resolved = resolve_aws_options(given, variables);
  if (!resolved.has_value()) return resolved.error();
  const StoreOptions options = std::move(resolved).value();
  std::shared_ptr<HttpClient> http;
  try {
    http =
        std::make_shared<HttpClient>(HttpOptions{.threads = options.http_threads,
                                                 .max_connections = options.max_connections,
                                                 .ca_bundle = options.ca_bundle,
                                                 .connection = options.connection,
                                                 .first_byte_timeout = options.response_timeout});
  } catch (const std::runtime_error& failure) {
    return Error(Code::unavailable,
                 fmt::format("cannot start the HTTP client: {}", failure.what()));
  }
  std::shared_ptr<CredentialsProvider> credentials;
  if (!options.no_sign_request) {
    credentials = make_credentials_provider(options, std::move(variables), scheduler, log);
  }
  if (Result<void> checked = check_terms(options, url.bucket); !checked) return checked.error();
  Result<BucketTerms> terms = BucketTerms::make(options.terms);
  if (!terms) return terms.error();
  warn_of_exposed_key(options.terms, *log);
  if (options.connection.no_verify_ssl) {
    log->warning(
        "certificates are not checked (--no-verify-ssl): whoever is on the way can read and change "
        "what is sent");
  }
  auto store = S3Store::create({.bucket = url.bucket,
                                .endpoint = options.endpoint_url,
                                .region = options.region,
                                .path_style = options.path_style,
                                .rename_object = options.rename_object,
                                .equal_parts = options.equal_parts,
                                .rename_trial_prefix = trial_prefix(url),
                                .verify = options.verify == StoreOptions::Verify::automatic,
                                .first_byte_limit = options.response_timeout,
                                .dual_stack = options.dual_stack,
                                .fips = options.fips,
                                .accelerate = options.accelerate,
                                .terms = std::move(*terms)},
                               std::move(credentials), http, log);
  if (!store.has_value()) return store.error();
  LifecycleRules& rules = store.value()->lifecycle();
  ObjectSums& sums = store.value()->sums();
  return Opened::Parts{.store = std::move(store).value(),
                       .http = std::move(http),
                       .rules = &rules,
                       .sums = &sums,
                       .hedges = options.hedge == StoreOptions::Hedge::automatic,
                       .checks = options.verify == StoreOptions::Verify::automatic};
}

/// A request that times out is to be repeated a few times before it is given up.
RetryPolicy with_time_for(std::chrono::milliseconds response_timeout, RetryPolicy policy) {
  constexpr int tries = 6;
  if (response_timeout <= StoreOptions().response_timeout) return policy;
  policy.least_patience = 2 * response_timeout;
  policy.read_limit = std::max(policy.read_limit, tries * response_timeout);
  policy.write_limit = std::max(policy.write_limit, tries * response_timeout);
  return policy;
}

}  // namespace

Result<std::unique_ptr<OpenedStore>> open_store(const StoreOptions& options, const StoreUrl& url,
                                                Scheduler& scheduler,
                                                const std::shared_ptr<Log>& log,
                                                const RetryPolicy& retries) {
  const bool s3 = url.kind == StoreUrl::Kind::s3;
  if (!s3) {
    if (Result<void> checked = check_directory_terms(options.terms); !checked)
      return checked.error();
  }
  auto parts = s3 ? open_s3(options, url, scheduler, log) : open_directory(url, scheduler, log);
  if (!parts.has_value()) return parts.error();
  return std::unique_ptr<OpenedStore>(
      std::make_unique<Opened>(std::move(parts).value(), !s3 || !is_directory_bucket(url.bucket),
                               scheduler, log, with_time_for(options.response_timeout, retries)));
}

}  // namespace penstock
