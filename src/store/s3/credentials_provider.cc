// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials_provider.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <stdexcept>
#include <utility>

#include "base/mutex.h"
#include "http/http_client.h"
#include "store/s3/credentials_cache.h"
#include "store/s3/credentials_chain.h"

namespace penstock {
namespace {

/// Changes when the file does.
std::string file_stamp(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return "none;";
  return fmt::format("{}.{}:{}:{};", status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size,
                     status.st_ino);
}

HttpMethod method_of(const std::string& name) {
  if (name == "PUT") return HttpMethod::put;
  return name == "POST" ? HttpMethod::post : HttpMethod::get;
}

/// The HTTP client of the services that give credentials, made when the first of them is asked:
/// most mounts never do.
class ServiceClient {
 public:
  ServiceClient(std::string ca_bundle, std::string proxy)
      : ca_bundle_(std::move(ca_bundle)), proxy_(std::move(proxy)) {}

  void send(const CredentialsHttpRequest& request, std::stop_token cancel,
            Done<CredentialsHttpAnswer> done) {
    HttpRequest sent{.method = method_of(request.method), .url = request.url};
    for (const auto& [name, value] : request.headers)
      sent.headers.push_back(fmt::format("{}: {}", name, value));
    const auto body = std::make_shared<const std::string>(request.body);
    if (!body->empty()) {
      sent.body = {.pieces = {std::as_bytes(std::span<const char>(body->data(), body->size()))},
                   .owner = body};
    }
    sent.silence_limit = request.timeout;
    sent.direct = request.way == CredentialsHttpRequest::Way::direct;
    sent.cancel = std::move(cancel);
    HttpClient* const http = client();
    if (http == nullptr)
      return done(Error(Code::unavailable, "no resources for another connection"));
    http->send(std::move(sent), [done = std::move(done)](Result<HttpResponse> answer) mutable {
      if (!answer.has_value()) return done(answer.error());
      done(CredentialsHttpAnswer{.status = answer->status, .body = std::move(answer->body)});
    });
  }

 private:
  HttpClient* client() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (client_ != nullptr) return client_.get();
    try {
      client_ = std::make_unique<HttpClient>(
          HttpOptions{.threads = 1,
                      .max_connections = 4,
                      .ca_bundle = ca_bundle_,
                      .connection = {.proxy = proxy_},
                      .connect_timeout = std::chrono::milliseconds(1000)});
    } catch (const std::runtime_error&) {
      return nullptr;
    }
    return client_.get();
  }

  const std::string ca_bundle_;
  const std::string proxy_;
  Mutex mutex_;
  std::unique_ptr<HttpClient> client_ GUARDED_BY(mutex_);
};

class AwsCredentials final : public CredentialsProvider {
 public:
  AwsCredentials(const StoreOptions& options, Variables variables, Scheduler& scheduler,
                 std::shared_ptr<Log> log)
      : variables_(std::move(variables)),
        files_(find_aws_files(options.profile, variables_)),
        profile_(options.profile),
        region_(options.region.empty() ? "us-east-1" : options.region),
        log_(log),
        services_(options.ca_bundle, options.connection.proxy),
        cache_({.fetch = [this](const std::stop_token& stop,
                                Done<Credentials> done) { fetch(stop, std::move(done)); },
                .files =
                    [this] {
                      return file_stamp(files_.credentials_path) + file_stamp(files_.config_path);
                    }},
               scheduler, std::move(log)) {}

  void get(Done<Credentials> done) override { cache_.get(std::move(done)); }
  void invalidate(const Credentials& refused) override { cache_.invalidate(refused); }

 private:
  void fetch(const std::stop_token& stop, Done<Credentials> done) {
    warn_once();
    fetch_credentials({.variables = variables_,
                       .profile = profile_,
                       .region = region_,
                       .http =
                           [this, stop](const CredentialsHttpRequest& request,
                                        Done<CredentialsHttpAnswer> answer) {
                             services_.send(request, stop, std::move(answer));
                           },
                       .process = &process_,
                       .stop = stop},
                      std::move(done));
  }

  void warn_once() {
    if (std::exchange(warned_, true)) return;
    for (const std::string& path : exposed_key_files(files_))
      log_->warning("every user of this machine may read the secret keys in {0}: chmod 600 {0}",
                    path);
  }

  const Variables variables_;
  const AwsFiles files_;
  const std::string profile_;
  const std::string region_;
  const std::shared_ptr<Log> log_;
  bool warned_ = false;  ///< Only fetches touch it, which are never two at once.
  ServiceClient services_;
  CredentialsProcess process_;
  CredentialsCache cache_;  ///< Last: its destructor waits for a fetch, which uses the rest.
};

}  // namespace

std::shared_ptr<CredentialsProvider> make_credentials_provider(const StoreOptions& options,
                                                               Variables variables,
                                                               Scheduler& scheduler,
                                                               std::shared_ptr<Log> log) {
  return std::make_shared<AwsCredentials>(options, std::move(variables), scheduler, std::move(log));
}

}  // namespace penstock
