// SPDX-License-Identifier: Apache-2.0
#include "server/test_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "server/event_loop.h"
#include "server/text.h"

namespace penstock::test {

/// Not in a namespace without a name: Impl, which other files know of, has one.
class Listener {
 public:
  explicit Listener(uint16_t port)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd_, generic, length) != 0 || listen(fd_, 1024) != 0 ||
        getsockname(fd_, generic, &length) != 0) {
      const int problem = errno;
      close(fd_);
      throw std::runtime_error("cannot listen on 127.0.0.1:" + std::to_string(port) + ": " +
                               std::strerror(problem));
    }
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { close(fd_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int fd() const { return fd_; }
  uint16_t port() const { return port_; }

 private:
  int fd_;
  uint16_t port_ = 0;
};

struct TestServer::Impl {
  explicit Impl(const ServerOptions& options) : service(options), listener(options.port) {
    std::vector<EventLoop*> pointers;
    for (uint32_t i = 0; i < std::max(options.threads, 1U); ++i) {
      loops.push_back(std::make_unique<EventLoop>(service, links));
      pointers.push_back(loops.back().get());
    }
    loops.front()->accept_for(listener.fd(), pointers);
    for (const auto& loop : loops) loop->start();
  }
  // The first loop gives connections to the others: all of them stop before one of them goes.
  ~Impl() {
    for (const auto& loop : loops) loop->stop();
  }

  std::shared_ptr<const Object> find(const std::string& bucket, const std::string& key) const {
    const MutexLock lock(service.store().mutex);
    const auto found = service.store().buckets.find(bucket);
    if (found == service.store().buckets.end()) return nullptr;
    const auto object = found->second.objects.find(key);
    return object == found->second.objects.end() ? nullptr : object->second;
  }

  void put(const std::string& bucket, const std::string& key,
           std::shared_ptr<Object> object) const {
    const auto ahead = service.options()->clock_skew - service.options()->object_age;
    object->last_modified = time(nullptr) + static_cast<time_t>(ahead.count());
    const MutexLock lock(service.store().mutex);
    service.store().buckets[bucket].objects[key] = std::move(object);
  }

  mutable Service service;
  SharedLinks links;
  Listener listener;
  std::vector<std::unique_ptr<EventLoop>> loops;
};

TestServer::TestServer(ServerOptions options) : impl_(std::make_unique<Impl>(options)) {}
TestServer::~TestServer() = default;

uint16_t TestServer::port() const { return impl_->listener.port(); }
std::string TestServer::endpoint() const { return "http://127.0.0.1:" + std::to_string(port()); }

void TestServer::add_fault(Fault fault) { impl_->service.faults().add(std::move(fault)); }
void TestServer::clear_faults() { impl_->service.faults().clear(); }
ServerStats TestServer::stats() const { return impl_->service.stats(); }
void TestServer::reset_stats() { impl_->service.reset_stats(); }
std::map<std::string, std::string> TestServer::last_headers(const std::string& operation) const {
  return impl_->service.last_headers(operation);
}
void TestServer::set_timing(const ServerOptions& timing) { impl_->service.set_timing(timing); }
void TestServer::set_credentials(const std::string& access_key, const std::string& secret_key,
                                 const std::string& session_token) {
  impl_->service.set_credentials(access_key, secret_key, session_token);
}

std::optional<std::string> TestServer::object(const std::string& bucket,
                                              const std::string& key) const {
  const std::shared_ptr<const Object> object = impl_->find(bucket, key);
  if (object == nullptr) return std::nullopt;
  return object->body.read(0, object->body.size());
}

std::optional<std::map<std::string, std::string>> TestServer::metadata(
    const std::string& bucket, const std::string& key) const {
  const std::shared_ptr<const Object> object = impl_->find(bucket, key);
  if (object == nullptr) return std::nullopt;
  return object->headers.metadata;
}

void TestServer::put_object(const std::string& bucket, const std::string& key, std::string bytes,
                            std::map<std::string, std::string> metadata) {
  auto object = std::make_shared<Object>();
  object->etag = hex(digest(DigestKind::md5, bytes));
  object->body = Content::of_string(std::move(bytes));
  object->headers.metadata = std::move(metadata);
  impl_->put(bucket, key, std::move(object));
}

void TestServer::put_synthetic(const std::string& bucket, const std::string& key, uint64_t size) {
  auto object = std::make_shared<Object>();
  object->etag = hex(digest(DigestKind::md5, key + ":" + std::to_string(size)));
  object->body = Content::synthetic(key, size);
  impl_->put(bucket, key, std::move(object));
}

void TestServer::set_storage_class(const std::string& bucket, const std::string& key,
                                   const std::string& storage_class,
                                   const std::string& archive_tier) {
  auto object = std::make_shared<Object>(*impl_->find(bucket, key));
  object->headers.storage_class = storage_class == "STANDARD" ? "" : storage_class;
  object->archive_tier = archive_tier;
  object->restored.reset();
  const MutexLock lock(impl_->service.store().mutex);
  impl_->service.store().buckets[bucket].objects[key] = std::move(object);
}

std::string TestServer::storage_class(const std::string& bucket, const std::string& key) const {
  const std::shared_ptr<const Object> object = impl_->find(bucket, key);
  if (object == nullptr) return "";
  return object->headers.storage_class.empty() ? "STANDARD" : object->headers.storage_class;
}

std::string TestServer::lifecycle(const std::string& bucket) const {
  const MutexLock lock(impl_->service.store().mutex);
  return impl_->service.store().buckets[bucket].lifecycle;
}

void TestServer::set_lifecycle(const std::string& bucket, const std::string& document,
                               const std::string& small_objects) {
  const MutexLock lock(impl_->service.store().mutex);
  Bucket& changed = impl_->service.store().buckets[bucket];
  changed.lifecycle = document;
  changed.small_objects = small_objects;
}

std::string TestServer::small_objects(const std::string& bucket) const {
  const MutexLock lock(impl_->service.store().mutex);
  return impl_->service.store().buckets[bucket].small_objects;
}

void TestServer::delete_object(const std::string& bucket, const std::string& key) {
  const MutexLock lock(impl_->service.store().mutex);
  const auto found = impl_->service.store().buckets.find(bucket);
  if (found != impl_->service.store().buckets.end()) found->second.objects.erase(key);
}

std::vector<std::string> TestServer::keys(const std::string& bucket) const {
  std::vector<std::string> keys;
  const MutexLock lock(impl_->service.store().mutex);
  const auto found = impl_->service.store().buckets.find(bucket);
  if (found == impl_->service.store().buckets.end()) return keys;
  for (const auto& [key, object] : found->second.objects) keys.push_back(key);
  return keys;
}

size_t TestServer::unfinished_uploads(const std::string& bucket) const {
  const MutexLock lock(impl_->service.store().mutex);
  const auto found = impl_->service.store().buckets.find(bucket);
  return found == impl_->service.store().buckets.end() ? 0 : found->second.uploads.size();
}

}  // namespace penstock::test
