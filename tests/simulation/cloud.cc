// SPDX-License-Identifier: Apache-2.0
#include "simulation/cloud.h"

#include <algorithm>

namespace penstock::sim {
namespace {

Error failure(Code code, const std::string& key, std::string message) {
  return Error(code, Error::Detail{.message = std::move(message), .key = key});
}

/// Takes a whole body at once.
class Collect final : public BodySink {
 public:
  bool write(uint64_t, std::span<const std::byte> bytes) noexcept override {
    body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  }
  std::string body;
};

test::MemoryStoreOptions memory_options(const CloudOptions& options) {
  return {.limits = options.limits, .content_etags = true};
}

}  // namespace

Cloud::Cloud(World& the_world, CloudOptions the_options)
    : world(the_world), options(std::move(the_options)), memory(memory_options(options)) {}

StoredState Cloud::state(const std::string& key) const {
  const World::Atomic at_once;
  const auto info = memory.info(key);
  if (!info) return {};
  return {.exists = true,
          .bytes = memory.contents(key).value_or(""),
          .etag = info->etag,
          .metadata = info->metadata.value_or(Metadata{}),
          .modified_ns = info->last_modified_ns};
}

void Cloud::change(int actor, const char* operation, const std::vector<std::string>& keys,
                   const std::function<void()>& effect) {
  const World::Atomic at_once;
  std::vector<StoredState> before;
  for (const std::string& key : keys) before.push_back(state(key));
  effect();
  for (size_t i = 0; i < keys.size(); ++i) {
    StoreChange told{keys[i], actor, operation, std::move(before[i]), state(keys[i])};
    const bool same = told.before.exists == told.after.exists &&
                      told.before.etag == told.after.etag &&
                      told.before.metadata == told.after.metadata &&
                      told.before.modified_ns == told.after.modified_ns;
    if (same) continue;
    world.trace("  store: {} by {}: {} {}", operation, actor, keys[i],
                told.after.exists ? fmt::format("{} bytes {}", told.after.bytes.size(),
                                                told.after.etag.substr(0, 8))
                                  : "absent");
    if (on_change) on_change(told);
  }
}

void Cloud::put(const std::string& key, const std::string& bytes) {
  change(foreign_client, "put", {key}, [&] { memory.set(key, bytes); });
}

void Cloud::remove(const std::string& key) {
  change(foreign_client, "remove", {key}, [&] { memory.erase(key); });
}

CloudClient::CloudClient(Cloud& cloud, int node, GroupPtr group)
    : cloud_(cloud),
      node_(node),
      group_(std::move(group)),
      loops_(cloud.world, group_, "http", 2) {}

Nanos CloudClient::latency(const std::string& kind) {
  World& world = cloud_.world;
  if (world.chance("slow " + kind, cloud_.options.slow_one_in))
    return world.between(kind, cloud_.options.fastest, cloud_.options.slow);
  return world.between(kind, cloud_.options.fastest, cloud_.options.slowest);
}

template <typename T>
void CloudClient::answer(Nanos delay, Result<T> result, Done<T> done, std::stop_token cancel) {
  cloud_.world.after(
      delay, group_, [this, result = std::move(result), done = std::move(done), cancel]() mutable {
        loops_.post([this, result = std::move(result), done = std::move(done), cancel]() mutable {
          --cloud_.in_flight;
          if (cancel.stop_requested()) result = failure(Code::cancelled, "", "cancelled");
          done(std::move(result));
        });
      });
}

template <typename T>
void CloudClient::send(const char* name, const std::string& key, std::vector<std::string> changed,
                       Callback<Result<T>()> effect, Done<T> done, std::stop_token cancel) {
  World& world = cloud_.world;
  world.check_unlocked(std::string("the store's ") + name);
  const std::string kind = fmt::format("{} {} {}", name, node_, key);
  const bool faults = cloud_.faults;
  const bool refused = faults && world.chance("refuse " + kind, cloud_.options.refuse_one_in);
  const bool lost = faults && world.chance("lose " + kind, cloud_.options.lose_one_in);
  const Nanos there = latency(kind);
  const Nanos back = latency(kind);
  world.trace("  n{} sends {} {}{}", node_, name, key,
              refused ? " (refused)"
              : lost  ? " (lost)"
                      : "");
  ++cloud_.in_flight;
  auto arrive = [this, name, kind, refused, lost, back, changed = std::move(changed),
                 effect = std::move(effect), done = std::move(done), cancel]() mutable {
    if (refused)
      return answer<T>(back, failure(Code::unavailable, kind, "injected: refused"), std::move(done),
                       cancel);
    std::optional<Result<T>> result;
    cloud_.change(actor(), name, changed, [&] { result = effect(); });
    if (lost) result = failure(Code::unavailable, kind, "injected: the answer is lost");
    cloud_.world.trace("  store: {} -> {}", kind, *result ? "ok" : (*result).error().describe());
    auto delivered = [this, at = cloud_.world.now(), changed = std::move(changed),
                      done = std::move(done)](Result<T> told) mutable {
      for (const std::string& each : changed)
        if (told && cloud_.on_answered) cloud_.on_answered(actor(), each, at);
      done(std::move(told));
    };
    answer<T>(back, std::move(*result), std::move(delivered), cancel);
  };
  world.after(there, cloud_.group, std::move(arrive));
}

template <typename T, typename Request>
void CloudClient::pass(const char* name, const std::string& key, std::vector<std::string> changed,
                       void (ObjectStore::*method)(Request, Done<T>), Request request, Done<T> done,
                       std::stop_token cancel) {
  send<T>(
      name, key, std::move(changed),
      [this, method, request = std::move(request)]() mutable -> Result<T> {
        std::optional<Result<T>> answer;
        (cloud_.memory.*method)(std::move(request),
                                [&](Result<T> result) { answer = std::move(result); });
        return std::move(*answer);
      },
      std::move(done), std::move(cancel));
}

/// A body on its way: the first piece may come long before the last.
struct CloudClient::Delivery {
  GetRequest request;
  ObjectInfo info;
  std::string body;
  uint64_t offset = 0;
  size_t sent = 0;
  size_t cut = std::string::npos;
  bool started = false;
  std::string kind;
  Done<ObjectInfo> done;
};

void CloudClient::deliver(std::shared_ptr<Delivery> d) {
  const auto end = [&](Result<ObjectInfo> result) {
    --cloud_.in_flight;
    d->request.sink.reset();
    std::exchange(d->done, nullptr)(std::move(result));
  };
  if (d->request.cancel.stop_requested())
    return end(failure(Code::cancelled, d->request.key, "cancelled"));
  if (!std::exchange(d->started, true) && d->request.sink != nullptr)
    d->request.sink->started(d->info);
  const size_t piece =
      std::min<size_t>(d->body.size() - d->sent, 1 + cloud_.world.below(d->kind, 16 << 10));
  if (d->sent >= d->cut)
    return end(failure(Code::unavailable, d->request.key, "injected: the body broke off"));
  if (piece > 0 && d->request.sink != nullptr &&
      !d->request.sink->write(d->offset + d->sent,
                              std::as_bytes(std::span(d->body.data() + d->sent, piece))))
    return end(failure(Code::cancelled, d->request.key, "the sink takes no more"));
  d->sent += piece;
  if (d->sent == d->body.size()) return end(d->info);
  cloud_.world.after(latency(d->kind) / 4, group_,
                     [this, d] { loops_.post([this, d] { deliver(d); }); });
}

void CloudClient::get(GetRequest request, Done<ObjectInfo> done) {
  auto d = std::make_shared<Delivery>();
  const std::string key = request.key;
  d->request = std::move(request);
  d->kind = fmt::format("body {} {}", node_, key);
  const std::stop_token cancel = d->request.cancel;
  auto got = [this, d, done = std::move(done)](Result<ObjectInfo> result) mutable {
    if (!result) return done(result.error());
    d->info = std::move(*result);
    if (cloud_.on_got) cloud_.on_got(actor(), d->info);
    d->done = std::move(done);
    if (cloud_.faults && cloud_.world.chance("cut " + d->kind, cloud_.options.cut_one_in))
      d->cut = cloud_.world.below("cut at " + d->kind, d->body.size() + 1);
    ++cloud_.in_flight;
    deliver(d);
  };
  send<ObjectInfo>(
      "get", key, {},
      [this, d]() -> Result<ObjectInfo> {
        auto collected = std::make_shared<Collect>();
        GetRequest whole = d->request;
        whole.sink = collected;
        whole.cancel = {};
        std::optional<Result<ObjectInfo>> answer;
        cloud_.memory.get(std::move(whole),
                          [&](Result<ObjectInfo> result) { answer = std::move(result); });
        d->body = std::move(collected->body);
        d->offset = d->request.range ? d->request.range->offset : 0;
        return std::move(*answer);
      },
      std::move(got), cancel);
}

void CloudClient::head(HeadRequest request, Done<ObjectInfo> done) {
  const std::stop_token cancel = std::exchange(request.cancel, {});
  const std::string key = request.key;
  pass<ObjectInfo>("head", key, {}, &ObjectStore::head, std::move(request), std::move(done),
                   cancel);
}

void CloudClient::put(PutRequest request, Done<ObjectInfo> done) {
  const std::string key = request.key;
  pass<ObjectInfo>("put", key, {key}, &ObjectStore::put, std::move(request), std::move(done));
}

void CloudClient::list(ListRequest request, Done<ListPage> done) {
  const std::stop_token cancel = std::exchange(request.cancel, {});
  const std::string key = request.prefix;
  const uint64_t spread =
      cloud_.options.page - std::min(cloud_.options.page, cloud_.options.list_page_least);
  const auto page = static_cast<uint32_t>(
      cloud_.options.page - (spread == 0 ? 0 : cloud_.world.below("page " + key, spread + 1)));
  request.max_keys = std::clamp<uint32_t>(request.max_keys, 1, std::max<uint32_t>(page, 1));
  pass<ListPage>("list", key, {}, &ObjectStore::list, std::move(request), std::move(done), cancel);
}

void CloudClient::remove(std::string key, Done<void> done) {
  pass<void>("remove", key, {key}, &ObjectStore::remove, key, std::move(done));
}

void CloudClient::remove_many(std::vector<std::string> keys,
                              Done<std::vector<DeleteFailure>> done) {
  const std::string first = keys.empty() ? "" : keys.front();
  pass<std::vector<DeleteFailure>>("remove many", first, keys, &ObjectStore::remove_many, keys,
                                   std::move(done));
}

void CloudClient::copy(CopyRequest request, Done<ObjectInfo> done) {
  const std::string key = request.target;
  pass<ObjectInfo>("copy", key, {key}, &ObjectStore::copy, std::move(request), std::move(done));
}

void CloudClient::rename(RenameRequest request, Done<ObjectInfo> done) {
  const std::string key = request.target;
  pass<ObjectInfo>("rename", key, {request.source, key}, &ObjectStore::rename, std::move(request),
                   std::move(done));
}

void CloudClient::create_upload(CreateUpload request, Done<std::string> done) {
  const std::string key = request.key;
  pass<std::string>("create upload", key, {}, &ObjectStore::create_upload, std::move(request),
                    std::move(done));
}

void CloudClient::upload_part(UploadPart request, Done<CompletedPart> done) {
  const std::string key = request.key;
  pass<CompletedPart>("upload part", key, {}, &ObjectStore::upload_part, std::move(request),
                      std::move(done));
}

void CloudClient::upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) {
  const std::string key = request.key;
  pass<CompletedPart>("upload part copy", key, {}, &ObjectStore::upload_part_copy,
                      std::move(request), std::move(done));
}

void CloudClient::complete_upload(CompleteUpload request, Done<ObjectInfo> done) {
  const std::string key = request.key;
  pass<ObjectInfo>("complete upload", key, {key}, &ObjectStore::complete_upload, std::move(request),
                   std::move(done));
}

void CloudClient::abort_upload(std::string key, std::string upload_id, Done<void> done) {
  send<void>("abort upload", key, {},
             [this, key, upload_id]() -> Result<void> {
               Result<void> answer;
               cloud_.memory.abort_upload(key, upload_id,
                                          [&](Result<void> r) { answer = std::move(r); });
               return answer;
             },
             std::move(done), {});
}

void CloudClient::list_parts(std::string key, std::string upload_id,
                             Done<std::vector<CompletedPart>> done) {
  send<std::vector<CompletedPart>>("list parts", key, {},
                                   [this, key, upload_id]() -> Result<std::vector<CompletedPart>> {
                                     std::optional<Result<std::vector<CompletedPart>>> answer;
                                     cloud_.memory.list_parts(
                                         key, upload_id, [&](auto r) { answer = std::move(r); });
                                     return std::move(*answer);
                                   },
                                   std::move(done), {});
}

void CloudClient::list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) {
  pass<std::vector<UploadInfo>>("list uploads", prefix, {}, &ObjectStore::list_uploads, prefix,
                                std::move(done));
}

}  // namespace penstock::sim
