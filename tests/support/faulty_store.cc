// SPDX-License-Identifier: Apache-2.0
#include "support/faulty_store.h"

#include <algorithm>
#include <utility>

namespace penstock::test {
namespace {

// Passes `left` bytes on and then ends the get.
class CuttingSink final : public BodySink {
 public:
  CuttingSink(std::shared_ptr<BodySink> sink, uint64_t left)
      : sink_(std::move(sink)), left_(left) {}

  void started(const ObjectInfo& info) noexcept override {
    if (sink_) sink_->started(info);
  }
  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    const auto piece = bytes.first(std::min<uint64_t>(bytes.size(), left_));
    left_ -= piece.size();
    if (sink_ && !piece.empty() && !sink_->write(offset, piece)) return false;
    return left_ > 0;
  }

 private:
  std::shared_ptr<BodySink> sink_;
  uint64_t left_;
};

}  // namespace

FaultyStore::~FaultyStore() {
  std::deque<Held> held;
  {
    const MutexLock lock(mutex_);
    held.swap(held_);
  }
  for (Held& call : held) call.go_on(false);
}

void FaultyStore::add(StoreFault fault) {
  const MutexLock lock(mutex_);
  faults_.push_back({std::move(fault), 0});
}

void FaultyStore::keep(std::string key, Error error) {
  const MutexLock lock(mutex_);
  kept_.insert_or_assign(std::move(key), std::move(error));
}

void FaultyStore::clear_faults() {
  const MutexLock lock(mutex_);
  faults_.clear();
  kept_.clear();
}

void FaultyStore::hold(std::string operation) {
  const MutexLock lock(mutex_);
  holding_.insert(std::move(operation));
}

void FaultyStore::release_all() {
  std::deque<Held> released;
  {
    const MutexLock lock(mutex_);
    holding_.clear();
    released.swap(held_);
  }
  for (Held& call : released) call.go_on(true);
}

void FaultyStore::cut_off() {
  std::deque<Held> held;
  {
    const MutexLock lock(mutex_);
    cut_off_ = true;
    held.swap(held_);
  }
  for (Held& call : held) call.go_on(false);
}

bool FaultyStore::release_one(std::string_view operation) { return release(operation, false); }

bool FaultyStore::release_last(std::string_view operation) { return release(operation, true); }

bool FaultyStore::release(std::string_view operation, bool last) {
  Held released;
  {
    const MutexLock lock(mutex_);
    auto chosen = held_.end();
    for (auto call = held_.begin(); call != held_.end(); ++call) {
      const bool fits = operation.empty() || call->operation == operation;
      if (fits && (last || chosen == held_.end())) chosen = call;
    }
    if (chosen == held_.end()) return false;
    released = std::move(*chosen);
    held_.erase(chosen);
  }
  released.go_on(true);
  return true;
}

size_t FaultyStore::held(std::string_view operation) const {
  const MutexLock lock(mutex_);
  return static_cast<size_t>(std::count_if(held_.begin(), held_.end(), [&](const Held& call) {
    return operation.empty() || call.operation == operation;
  }));
}

size_t FaultyStore::count(std::string_view operation) const {
  const MutexLock lock(mutex_);
  if (operation.empty()) return arrived_.size();
  return static_cast<size_t>(std::count(arrived_.begin(), arrived_.end(), operation));
}

std::optional<StoreFault> FaultyStore::find_fault(const std::string& operation,
                                                  const std::string& key) {
  std::optional<StoreFault> found;
  for (ActiveFault& active : faults_) {
    const StoreFault& fault = active.fault;
    if (!fault.operation.empty() && fault.operation != operation) continue;
    if (!fault.key.empty() && fault.key != key) continue;
    ++active.seen;
    if (!found && active.seen >= fault.nth && active.seen - fault.nth < fault.times) found = fault;
  }
  return found;
}

template <typename T, typename Forward>
void FaultyStore::pass(const std::string& operation, const std::string& key, Done<T> done,
                       Forward forward) {
  std::optional<StoreFault> fault;
  bool wait = false;
  bool dead = false;
  {
    const MutexLock lock(mutex_);
    dead = cut_off_;
    arrived_.push_back(operation);
    fault = find_fault(operation, key);
    wait = !dead && (holding_.contains(operation) || holding_.contains(""));
  }
  Callback<void(bool)> go_on = [fault, done = std::move(done),
                                forward = std::move(forward)](bool released) mutable {
    if (!released) return done(Error(Code::cancelled, "the store is going away"));
    if (!fault) return forward(fault, std::move(done));
    if (fault->when == StoreFault::When::before && !fault->after_body_bytes)
      return done(fault->error);
    forward(fault, Done<T>([error = fault->error, done = std::move(done)](Result<T>) mutable {
              done(error);
            }));
  };
  if (wait) {
    const MutexLock lock(mutex_);
    // Released in between: goes on at once, below.
    if (holding_.contains(operation) || holding_.contains("")) {
      held_.push_back({operation, std::move(go_on)});
      return;
    }
  }
  go_on(!dead);
}

void FaultyStore::get(GetRequest request, Done<ObjectInfo> done) {
  const std::string key = request.key;
  pass("Get", key, std::move(done),
       [this, request = std::move(request)](const std::optional<StoreFault>& fault,
                                            Done<ObjectInfo> next) mutable {
         if (fault && fault->after_body_bytes == 0) return next(fault->error);
         if (fault && fault->after_body_bytes) {
           request.sink =
               std::make_shared<CuttingSink>(std::move(request.sink), *fault->after_body_bytes);
         }
         inner_.get(std::move(request), std::move(next));
       });
}

template <typename Request, typename T>
void FaultyStore::pass_request(void (ObjectStore::*method)(Request, Done<T>),
                               const std::string& operation, const std::string& key,
                               Request request, Done<T> done) {
  pass(operation, key, std::move(done),
       [this, method, request = std::move(request)](const std::optional<StoreFault>&,
                                                    Done<T> next) mutable {
         (inner_.*method)(std::move(request), std::move(next));
       });
}

void FaultyStore::head(HeadRequest request, Done<ObjectInfo> done) {
  const std::string key = request.key;
  pass_request(&ObjectStore::head, "Head", key, std::move(request), std::move(done));
}
void FaultyStore::put(PutRequest request, Done<ObjectInfo> done) {
  const std::string key = request.key;
  pass_request(&ObjectStore::put, "Put", key, std::move(request), std::move(done));
}
void FaultyStore::list(ListRequest request, Done<ListPage> done) {
  const std::string key = request.prefix;
  pass_request(&ObjectStore::list, "List", key, std::move(request), std::move(done));
}
void FaultyStore::copy(CopyRequest request, Done<ObjectInfo> done) {
  const std::string key = request.target;
  pass_request(&ObjectStore::copy, "Copy", key, std::move(request), std::move(done));
}
void FaultyStore::rename(RenameRequest request, Done<ObjectInfo> done) {
  const std::string key = request.target;
  pass_request(&ObjectStore::rename, "Rename", key, std::move(request), std::move(done));
}
void FaultyStore::create_upload(CreateUpload request, Done<std::string> done) {
  const std::string key = request.key;
  pass_request(&ObjectStore::create_upload, "CreateUpload", key, std::move(request),
               std::move(done));
}
void FaultyStore::upload_part(UploadPart request, Done<CompletedPart> done) {
  const std::string key = request.key;
  pass_request(&ObjectStore::upload_part, "UploadPart", key, std::move(request), std::move(done));
}
void FaultyStore::upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) {
  const std::string key = request.key;
  pass_request(&ObjectStore::upload_part_copy, "UploadPartCopy", key, std::move(request),
               std::move(done));
}
void FaultyStore::complete_upload(CompleteUpload request, Done<ObjectInfo> done) {
  const std::string key = request.key;
  pass_request(&ObjectStore::complete_upload, "CompleteUpload", key, std::move(request),
               std::move(done));
}

void FaultyStore::remove(std::string key, Done<void> done) {
  pass("Remove", key, std::move(done),
       [this, key](const std::optional<StoreFault>&, Done<void> next) {
         inner_.remove(key, std::move(next));
       });
}

void FaultyStore::remove_many(std::vector<std::string> keys,
                              Done<std::vector<DeleteFailure>> done) {
  const std::string key = keys.empty() ? std::string() : keys.front();
  pass("RemoveMany", key, std::move(done),
       [this, keys = std::move(keys)](const std::optional<StoreFault>&,
                                      Done<std::vector<DeleteFailure>> next) mutable {
         std::vector<DeleteFailure> kept = take_kept(keys);
         if (kept.empty()) return inner_.remove_many(std::move(keys), std::move(next));
         inner_.remove_many(std::move(keys),
                            [kept = std::move(kept), next = std::move(next)](
                                Result<std::vector<DeleteFailure>> failures) mutable {
                              if (failures)
                                failures->insert(failures->end(), kept.begin(), kept.end());
                              next(std::move(failures));
                            });
       });
}

std::vector<DeleteFailure> FaultyStore::take_kept(std::vector<std::string>& keys) {
  std::vector<DeleteFailure> kept;
  const MutexLock lock(mutex_);
  for (const auto& [key, error] : kept_)
    if (std::erase(keys, key) > 0) kept.push_back({key, error});
  return kept;
}

void FaultyStore::abort_upload(std::string key, std::string upload_id, Done<void> done) {
  pass("AbortUpload", key, std::move(done),
       [this, key, id = std::move(upload_id)](const std::optional<StoreFault>&, Done<void> next) {
         inner_.abort_upload(key, id, std::move(next));
       });
}

void FaultyStore::list_parts(std::string key, std::string upload_id,
                             Done<std::vector<CompletedPart>> done) {
  pass("ListParts", key, std::move(done),
       [this, key, id = std::move(upload_id)](const std::optional<StoreFault>&,
                                              Done<std::vector<CompletedPart>> next) {
         inner_.list_parts(key, id, std::move(next));
       });
}

void FaultyStore::list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) {
  pass("ListUploads", prefix, std::move(done),
       [this, prefix](const std::optional<StoreFault>&, Done<std::vector<UploadInfo>> next) {
         inner_.list_uploads(prefix, std::move(next));
       });
}

}  // namespace penstock::test
