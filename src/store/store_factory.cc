// SPDX-License-Identifier: Apache-2.0
#include "store/store_factory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <random>
#include <stdexcept>
#include <utility>

#include "http/http_client.h"
#include "store/dir/dir_store.h"
#include "store/metered_store.h"
#include "store/retrying_store.h"
#include "store/s3/aws_config.h"
#include "store/s3/credentials_provider.h"
#include "store/s3/s3_store.h"

namespace penstock {
namespace {

/// Retries around meters around the store, so that every try is counted.
class Opened final : public OpenedStore {
 public:
  /// `http` is what `inner` talks through; null: it does not.
  Opened(std::unique_ptr<ObjectStore> inner, std::shared_ptr<const HttpClient> http, bool ordered,
         Scheduler& scheduler, const std::shared_ptr<Log>& log)
      : inner_(std::move(inner)),
        http_(std::move(http)),
        ordered_(ordered),
        metered_(*inner_, metrics_),
        retrying_(metered_, scheduler, RetryPolicy{}, std::random_device()(), log, metrics_) {}

  ObjectStore& store() override { return retrying_; }
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

 private:
  const std::unique_ptr<ObjectStore> inner_;
  const std::shared_ptr<const HttpClient> http_;
  const bool ordered_;
  const std::shared_ptr<StoreMetrics> metrics_ = std::make_shared<StoreMetrics>();
  MeteredStore metered_;
  RetryingStore retrying_;
};

Result<std::unique_ptr<ObjectStore>> open_directory(const StoreUrl& url, Scheduler& scheduler,
                                                    const std::shared_ptr<Log>& log) {
  if (auto checked = DirStore::check_root(url.directory); !checked.has_value())
    return checked.error();
  if (access(url.directory.c_str(), W_OK) != 0) {
    log->warning("{} cannot be written to: the mount will only be read", url.directory);
  }
  return std::unique_ptr<ObjectStore>(std::make_unique<DirStore>(url.directory, scheduler, log));
}

/// Below the hidden name (src/fs/own_names.h), where later mounts remove what is left.
std::string trial_prefix(const StoreUrl& url) {
  std::random_device random;
  return fmt::format("{}.penstock/trials/{:08x}{:08x}", url.prefix, random(), random());
}

Result<std::unique_ptr<ObjectStore>> open_s3(const StoreOptions& given, const StoreUrl& url,
                                             Scheduler& scheduler, const std::shared_ptr<Log>& log,
                                             std::shared_ptr<HttpClient>& http) {
  Variables variables = process_variables();
  auto resolved = resolve_aws_options(given, variables);
  if (!resolved.has_value()) return resolved.error();
  const StoreOptions options = std::move(resolved).value();
  try {
    http = std::make_shared<HttpClient>(HttpOptions{.threads = options.http_threads,
                                                    .max_connections = options.max_connections,
                                                    .ca_bundle = options.ca_bundle});
  } catch (const std::runtime_error& failure) {
    return Error(Code::unavailable,
                 fmt::format("cannot start the HTTP client: {}", failure.what()));
  }
  std::shared_ptr<CredentialsProvider> credentials;
  if (!options.no_sign_request) {
    credentials = make_credentials_provider(options, std::move(variables), scheduler, log);
  }
  auto store = S3Store::create({.bucket = url.bucket,
                                .endpoint = options.endpoint_url,
                                .region = options.region,
                                .path_style = options.path_style,
                                .rename_object = options.rename_object,
                                .rename_trial_prefix = trial_prefix(url)},
                               std::move(credentials), http, log);
  if (!store.has_value()) return store.error();
  return std::unique_ptr<ObjectStore>(std::move(store).value());
}

}  // namespace

Result<std::unique_ptr<OpenedStore>> open_store(const StoreOptions& options, const StoreUrl& url,
                                                Scheduler& scheduler,
                                                const std::shared_ptr<Log>& log) {
  const bool s3 = url.kind == StoreUrl::Kind::s3;
  std::shared_ptr<HttpClient> http;
  auto inner =
      s3 ? open_s3(options, url, scheduler, log, http) : open_directory(url, scheduler, log);
  if (!inner.has_value()) return inner.error();
  return std::unique_ptr<OpenedStore>(
      std::make_unique<Opened>(std::move(inner).value(), std::move(http),
                               !s3 || !is_directory_bucket(url.bucket), scheduler, log));
}

}  // namespace penstock
