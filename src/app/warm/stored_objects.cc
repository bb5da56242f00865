// SPDX-License-Identifier: Apache-2.0
#include "app/warm/stored_objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>

#include "app/listed_objects.h"
#include "app/warm/manifest.h"
#include "app/warm/pace.h"

namespace penstock {
namespace {

constexpr uint32_t worker_threads = 3;
/// HEADs of a manifest's objects at once.
constexpr size_t heads_at_once = 64;

/// Starts an asynchronous call; the answer is waited for where it is needed.
template <typename T, typename Call>
std::future<Result<T>> start(Call call) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  call([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return promise->get_future();
}

/// A listing does not tell whether Intelligent-Tiering has archived an object; nor do all stores
/// say there what was restored.
bool leaves_open(const ObjectInfo& object) {
  const bool restored = object.restore && !object.restore->ongoing;
  return !restored &&
         (is_archive_class(object.storage_class) || is_tiering_class(object.storage_class));
}

WarmFile file_of(const ObjectInfo& object) {
  return {.name = object.key,
          .size = object.size,
          .etag = object.etag,
          .ask_archive = leaves_open(object)};
}

std::string without_slash(std::string text) {
  if (text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace

StoredObjects::StoredObjects(const Options& options, const StoreUrl& url, std::string manifest)
    : base_(without_slash(options.store.url)),
      prefix_(url.prefix),
      manifest_(std::move(manifest)),
      workers_("worker", worker_threads),
      budget_(options.mount.memory_limit != 0 ? options.mount.memory_limit
                                              : default_memory_limit()),
      buffers_(budget_.limit() / 4) {}

StoredObjects::~StoredObjects() {
  if (cache_ != nullptr) cache_->drain();
}

Result<std::unique_ptr<StoredObjects>> StoredObjects::open(const Options& options,
                                                           const StoreUrl& url,
                                                           std::string manifest,
                                                           const std::shared_ptr<Log>& log) {
  std::unique_ptr<StoredObjects> self(new StoredObjects(options, url, std::move(manifest)));
  Result<std::unique_ptr<OpenedStore>> store = open_store(options.store, url, self->workers_, log);
  if (!store) return store.error();
  self->store_ = std::move(*store);
  ObjectStore& objects = self->store_->store();
  if (Result<void> checked = start<void>([&](Done<void> done) {
                               check_store(objects, url.prefix, std::move(done));
                             }).get();
      !checked)
    return checked.error();
  CacheOptions cache = options.cache;
  // Nobody waits for the bytes themselves: half of the memory may wait for the disk.
  cache.queue_limit = self->budget_.limit() / 2;
  self->cache_ = DiskCache::open(cache, objects.identity(), log);
  if (!self->cache_->usable()) {
    return Error(Code::unavailable,
                 fmt::format("the cache in {} cannot be used", options.cache.directory));
  }
  self->reads_ = make_read_engine({.store = objects,
                                   .budget = self->budget_,
                                   .buffers = self->buffers_,
                                   .scheduler = self->workers_,
                                   .log = log,
                                   .cache = self->cache_.get()},
                                  options.read);
  return self;
}

void StoredObjects::list(const WarmVisitor& visit, const WarmFailure& failed) {
  manifest_.empty() ? list_prefix(visit, failed) : list_manifest(visit, failed);
}

void StoredObjects::list_prefix(const WarmVisitor& visit, const WarmFailure& failed) {
  const Result<bool> found =
      for_each_object(store_->store(), {.prefix = prefix_, .with_restore = true},
                      [&](const ObjectInfo& object) { return visit(file_of(object)); });
  if (!found) return failed(base_, found.error().describe());
  // Then the URL may be that of one object.
  if (!*found && !prefix_.empty()) {
    visit_keys({without_slash(prefix_)}, visit, failed);
  } else if (!*found) {
    failed(base_, "is empty");
  }
}

void StoredObjects::list_manifest(const WarmVisitor& visit, const WarmFailure& failed) {
  std::vector<std::string> keys;
  bool more = true;
  const auto flush = [&] {
    more = visit_keys(keys, visit, failed);
    keys.clear();
  };
  const Result<void> read = read_manifest(manifest_, [&](const std::string& name) {
    const bool absolute = name.find("://") != std::string::npos;
    if (absolute && !name.starts_with(base_ + "/")) {
      failed(name, fmt::format("does not lie below {}", base_));
      return true;
    }
    keys.push_back(prefix_ + (absolute ? name.substr(base_.size() + 1) : name));
    if (keys.size() == heads_at_once) flush();
    return more;
  });
  if (!read) failed(manifest_, std::string(read.error().message()));
  if (more) flush();
}

bool StoredObjects::visit_keys(const std::vector<std::string>& keys, const WarmVisitor& visit,
                               const WarmFailure& failed) {
  std::vector<std::future<Result<ObjectInfo>>> heads;
  heads.reserve(keys.size());
  for (const std::string& key : keys) {
    heads.push_back(start<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_->store().head({.key = key, .cancel = {}}, std::move(done));
    }));
  }
  bool more = true;
  for (size_t i = 0; i < keys.size(); ++i) {
    Result<ObjectInfo> head = heads[i].get();
    if (!head) {
      failed(keys[i], head.code() == Code::not_found ? "does not exist" : head.error().describe());
    } else if (more) {
      head->key = keys[i];
      more = visit(file_of(*head));
    }
  }
  return more;
}

Result<CacheShare> StoredObjects::share(const WarmFile& file) {
  const auto cached =
      cache_->open({.key = file.name, .etag = file.etag, .size = file.size}, nullptr);
  CacheShare share = cached == nullptr ? CacheShare{} : cached->share();
  cache_->add_room(share);
  if (!file.ask_archive || share.present >= file.size) return share;
  const Result<ObjectInfo> head = start<ObjectInfo>([&](Done<ObjectInfo> done) {
                                    store_->store().head({.key = file.name}, std::move(done));
                                  }).get();
  if (!head) return head.error();
  share.archived = is_archived(*head) ? 1 : 0;
  return share;
}

Result<void> StoredObjects::read(const WarmFile& file, ByteRange range,
                                 std::span<std::byte> scratch, const WarmStep& step) {
  const auto reader =
      reads_->open({.key = file.name, .etag = file.etag, .size = file.size}, nullptr);
  for (uint64_t at = range.offset; at < range.end();) {
    const ByteRange next{at, std::min<uint64_t>(scratch.size(), range.end() - at)};
    Result<Slices> bytes =
        start<Slices>([&](Done<Slices> done) { reader->read(next, {}, std::move(done)); }).get();
    // The whole story: which request of which key, and what the server said.
    if (!bytes) return Error(bytes.code(), bytes.error().describe());
    at += next.length;
    pace(step(next.length), [&] {
      const Result<CacheShare> now = share(file);
      return now ? now->coming : 0;
    });
  }
  return {};
}

}  // namespace penstock
