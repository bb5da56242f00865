// SPDX-License-Identifier: Apache-2.0
#include "support/memory_store.h"

#include <algorithm>
#include <span>
#include <utility>

#include "support/memory_state.h"

namespace penstock::test {
namespace {

// Gives one version to a sink, piece by piece.
class Delivery : public std::enable_shared_from_this<Delivery> {
 public:
  Delivery(GetRequest request, StoredVersion version, Done<ObjectInfo> done)
      : request_(std::move(request)), version_(std::move(version)), done_(std::move(done)) {
    range_ = request_.range.value_or(ByteRange{0, version_.bytes->size()});
  }

  void start(Scheduler* scheduler, size_t piece_size) {
    scheduler_ = scheduler;
    piece_size_ = std::max<size_t>(piece_size, 1);
    if (request_.sink) request_.sink->started(describe(request_.key, version_, true));
    next();
  }

 private:
  void next() {
    if (scheduler_ != nullptr) {
      scheduler_->post([self = shared_from_this()] { self->step(); });
    } else {
      while (!step()) {
      }
    }
  }

  // True when the get has ended.
  bool step() {
    if (request_.cancel.stop_requested())
      return finish(failure(Code::cancelled, request_.key, "cancelled"));
    if (range_.length == 0) return finish(describe(request_.key, version_, true));
    const uint64_t size = std::min<uint64_t>(piece_size_, range_.length);
    const auto piece = std::as_bytes(std::span(*version_.bytes)).subspan(range_.offset, size);
    const uint64_t offset = std::exchange(range_.offset, range_.offset + size);
    range_.length -= size;
    if (request_.sink && !request_.sink->write(offset, piece)) {
      return finish(failure(Code::cancelled, request_.key, "the sink takes no more"));
    }
    if (range_.length == 0) return finish(describe(request_.key, version_, true));
    if (scheduler_ != nullptr) next();
    return false;
  }

  bool finish(Result<ObjectInfo> result) {
    request_.sink.reset();
    std::exchange(done_, nullptr)(std::move(result));
    return true;
  }

  GetRequest request_;
  StoredVersion version_;
  Done<ObjectInfo> done_;
  ByteRange range_;
  Scheduler* scheduler_ = nullptr;
  size_t piece_size_ = 1;
};

}  // namespace

MemoryStore::MemoryStore(MemoryStoreOptions options)
    : state_(std::make_shared<State>(std::move(options))) {}
MemoryStore::~MemoryStore() = default;

void MemoryStore::turn_clock(std::chrono::nanoseconds ahead) {
  const MutexLock lock(state_->mutex);
  state_->clock_ahead += ahead;
}

StoreLimits MemoryStore::limits() const { return state_->options.limits; }

template <typename T, typename Operation>
void MemoryStore::run(LoggedRequest logged, Done<T> done, Operation operation) {
  {
    const MutexLock lock(state_->mutex);
    state_->log.push_back(std::move(logged));
  }
  auto work = [state = state_, done = std::move(done), operation = std::move(operation)]() mutable {
    done(operation(*state));
  };
  if (state_->options.scheduler != nullptr) {
    state_->options.scheduler->post(std::move(work));
  } else {
    work();
  }
}

void MemoryStore::get(GetRequest request, Done<ObjectInfo> done) {
  {
    const MutexLock lock(state_->mutex);
    state_->log.push_back({"Get", request.key, request.range});
  }
  auto work = [state = state_, request = std::move(request), done = std::move(done)]() mutable {
    if (request.cancel.stop_requested())
      return done(failure(Code::cancelled, request.key, "cancelled"));
    auto version = state->find(request.key, request.if_match);
    if (!version) return done(version.error());
    const auto& range = request.range;
    if (range && (range->length == 0 || range->end() > version->bytes->size())) {
      return done(failure(Code::invalid_argument, request.key, "the range is not inside the object",
                          "InvalidRange"));
    }
    const auto delivery =
        std::make_shared<Delivery>(std::move(request), std::move(*version), std::move(done));
    delivery->start(state->options.scheduler, state->options.piece_size);
  };
  if (state_->options.scheduler != nullptr) {
    state_->options.scheduler->post(std::move(work));
  } else {
    work();
  }
}

void MemoryStore::head(HeadRequest request, Done<ObjectInfo> done) {
  LoggedRequest logged{"Head", request.key, {}};
  run(std::move(logged), std::move(done),
      [request = std::move(request)](State& state) -> Result<ObjectInfo> {
        if (request.cancel.stop_requested())
          return failure(Code::cancelled, request.key, "cancelled");
        auto version = state.find(request.key, {});
        if (!version) return version.error();
        return describe(request.key, *version, true);
      });
}

void MemoryStore::put(PutRequest request, Done<ObjectInfo> done) {
  LoggedRequest logged{"Put", request.key, {}};
  run(std::move(logged), std::move(done),
      [request = std::move(request)](State& state) { return state.put(request); });
}

void MemoryStore::list(ListRequest request, Done<ListPage> done) {
  LoggedRequest logged{"List", request.prefix, {}};
  run(std::move(logged), std::move(done),
      [request = std::move(request)](State& state) { return state.list(request); });
}

void MemoryStore::remove(std::string key, Done<void> done) {
  LoggedRequest logged{"Remove", key, {}};
  run(std::move(logged), std::move(done), [key = std::move(key)](State& state) {
    state.erase(key);
    return Result<void>();
  });
}

void MemoryStore::remove_many(std::vector<std::string> keys,
                              Done<std::vector<DeleteFailure>> done) {
  LoggedRequest logged{"RemoveMany", keys.empty() ? std::string() : keys.front(), {}};
  run(std::move(logged), std::move(done),
      [keys = std::move(keys)](State& state) { return state.remove_many(keys); });
}

void MemoryStore::copy(CopyRequest request, Done<ObjectInfo> done) {
  LoggedRequest logged{"Copy", request.target, {}};
  run(std::move(logged), std::move(done),
      [request = std::move(request)](State& state) { return state.copy(request); });
}

void MemoryStore::rename(RenameRequest request, Done<ObjectInfo> done) {
  LoggedRequest logged{"Rename", request.target, {}};
  run(std::move(logged), std::move(done),
      [request = std::move(request)](State& state) { return state.rename(request); });
}

void MemoryStore::create_upload(CreateUpload request, Done<std::string> done) {
  LoggedRequest logged{"CreateUpload", request.key, {}};
  run(std::move(logged), std::move(done),
      [request = std::move(request)](State& state) { return state.create_upload(request); });
}

void MemoryStore::upload_part(UploadPart request, Done<CompletedPart> done) {
  LoggedRequest logged{"UploadPart", request.key, {}};
  run(std::move(logged), std::move(done), [request = std::move(request)](State& state) {
    return state.add_part(request.key, request.upload_id, request.number, flatten(request.body));
  });
}

void MemoryStore::upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) {
  LoggedRequest logged{"UploadPartCopy", request.key, request.source_range};
  run(std::move(logged), std::move(done),
      [request = std::move(request)](State& state) { return state.upload_part_copy(request); });
}

void MemoryStore::complete_upload(CompleteUpload request, Done<ObjectInfo> done) {
  LoggedRequest logged{"CompleteUpload", request.key, {}};
  run(std::move(logged), std::move(done),
      [request = std::move(request)](State& state) { return state.complete_upload(request); });
}

void MemoryStore::abort_upload(std::string key, std::string upload_id, Done<void> done) {
  LoggedRequest logged{"AbortUpload", key, {}};
  run(std::move(logged), std::move(done),
      [key = std::move(key), id = std::move(upload_id)](State& state) {
        const MutexLock lock(state.mutex);
        if (state.find_upload(key, id) != nullptr) state.uploads.erase(id);
        return Result<void>();
      });
}

void MemoryStore::list_parts(std::string key, std::string upload_id,
                             Done<std::vector<CompletedPart>> done) {
  LoggedRequest logged{"ListParts", key, {}};
  run(std::move(logged), std::move(done),
      [key = std::move(key), id = std::move(upload_id)](State& state) {
        return state.list_parts(key, id);
      });
}

void MemoryStore::list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) {
  LoggedRequest logged{"ListUploads", prefix, {}};
  run(std::move(logged), std::move(done), [prefix = std::move(prefix)](State& state) {
    return Result<std::vector<UploadInfo>>(state.list_uploads(prefix));
  });
}

ETag MemoryStore::set(const std::string& key, std::string_view contents, Metadata metadata) {
  const MutexLock lock(state_->mutex);
  auto bytes = std::make_shared<const std::string>(contents);
  ETag etag = state_->etag_for(*bytes);
  return state_->write(key, std::move(bytes), std::move(metadata), std::move(etag)).etag;
}

void MemoryStore::erase(const std::string& key) { state_->erase(key); }

std::optional<std::string> MemoryStore::contents(const std::string& key) const {
  const auto version = state_->find(key, {});
  if (!version) return std::nullopt;
  return *version->bytes;
}

std::optional<ObjectInfo> MemoryStore::info(const std::string& key) const {
  const auto version = state_->find(key, {});
  if (!version) return std::nullopt;
  return describe(key, *version, true);
}

std::vector<std::string> MemoryStore::keys() const {
  std::vector<std::string> all;
  const MutexLock lock(state_->mutex);
  for (const auto& [key, version] : state_->objects) all.push_back(key);
  return all;
}

std::vector<UploadInfo> MemoryStore::unfinished_uploads() const { return state_->list_uploads(""); }

std::vector<LoggedRequest> MemoryStore::requests() const {
  const MutexLock lock(state_->mutex);
  return state_->log;
}

size_t MemoryStore::count(std::string_view operation) const {
  const MutexLock lock(state_->mutex);
  return static_cast<size_t>(std::count_if(
      state_->log.begin(), state_->log.end(),
      [&](const auto& request) { return operation.empty() || request.operation == operation; }));
}

void MemoryStore::clear_requests() {
  const MutexLock lock(state_->mutex);
  state_->log.clear();
}

}  // namespace penstock::test
