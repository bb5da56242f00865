// SPDX-License-Identifier: Apache-2.0
#include "store/dir/dir_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <utility>

#include "store/dir/dir_get.h"
#include "store/dir/dir_listing.h"
#include "store/dir/dir_tree.h"
#include "store/dir/dir_uploads.h"
#include "store/dir/key_path.h"

namespace penstock {
namespace {

StoreLimits dir_limits() {
  StoreLimits limits;
  // Copies of any size are one call here: no reason to take them apart.
  limits.max_put_size = limits.max_object_size;
  limits.utf8_keys = false;
  return limits;
}

// One operation on its way to a thread that may block. If the scheduler drops it, `done` is called
// all the same.
template <typename T, typename Work>
class Job {
 public:
  Job(Gate::Pass pass, Done<T> done, Work work)
      : pass_(std::move(pass)), done_(std::move(done)), work_(std::move(work)) {}
  Job(Job&& other) noexcept
      : pass_(std::move(other.pass_)),
        done_(std::exchange(other.done_, nullptr)),
        work_(std::move(other.work_)) {}
  ~Job() {
    if (done_) done_(key_error(Code::cancelled, "", "the store is stopping"));
  }

  void operator()() {
    Result<T> result = work_();
    std::exchange(done_, nullptr)(std::move(result));
  }

 private:
  Gate::Pass pass_;  // Given back last of all.
  Done<T> done_;
  Work work_;
};

Result<ObjectInfo> put_object(DirTree& tree, const PutRequest& request, const StoreLimits& limits) {
  if (auto error = DirTree::check_key(request.key)) return *error;
  if (request.body.size() > limits.max_put_size) {
    return key_error(Code::too_large, request.key, "larger than an object may be");
  }
  // Again before it takes its place; here so that nothing is written in vain.
  if (auto error = tree.check(request.key, request.condition)) return *error;
  auto staged = tree.stage(request.key);
  if (!staged) return staged.error();
  if (auto written = write_body(staged->file(), request.body, request.key); !written)
    return written.error();
  return tree.commit(request.key, std::move(*staged), request.metadata, request.condition);
}

Result<ObjectInfo> copy_object(DirTree& tree, const CopyRequest& request) {
  if (auto error = DirTree::check_key(request.target)) return *error;
  if (request.source == request.target && !request.metadata) {
    return key_error(Code::invalid_argument, request.target,
                     "a copy onto itself must change something");
  }
  const auto source = tree.find(request.source, true);
  if (!source) return source.error();
  if (!request.source_if_match.empty() && request.source_if_match != source->info.etag) {
    return key_error(Code::changed, request.source, "the source is another version");
  }
  if (auto error = tree.check(request.target, request.condition)) return *error;
  auto staged = tree.stage(request.target);
  if (!staged) return staged.error();
  if (source->file) {
    const ByteRange all{0, source->info.size};
    const auto copied = append_range(source->file.get(), all, staged->file(), request.source);
    if (!copied) return copied.error();
  }
  const Metadata theirs = source->info.metadata.value_or(Metadata());
  Metadata metadata = request.metadata.value_or(theirs);
  if (const auto tags = theirs.find(header::tagging); tags != theirs.end()) metadata.insert(*tags);
  return tree.commit(request.target, std::move(*staged), metadata, request.condition);
}

/// Whether names that differ in their case alone are two names in the folder.
bool tells_case(int folder) {
  struct stat plain {};
  struct stat upper {};
  const bool made = mkdirat(folder, private_folder, 0777) == 0;
  // Where there is none and none can be made, nothing is ever written.
  if (fstatat(folder, private_folder, &plain, 0) != 0) return true;
  std::string other = private_folder;
  std::transform(other.begin(), other.end(), other.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const bool same = fstatat(folder, other.c_str(), &upper, 0) == 0 &&
                    upper.st_dev == plain.st_dev && upper.st_ino == plain.st_ino;
  if (made) unlinkat(folder, private_folder, AT_REMOVEDIR);
  return !same;
}

}  // namespace

DirStore::DirStore(std::string root, Scheduler& scheduler, std::shared_ptr<Log> log,
                   DirStoreOptions options)
    : root_(std::move(root)),
      scheduler_(scheduler),
      log_(std::move(log)),
      tree_(std::make_unique<DirTree>(root_, options.sync)),
      listing_(std::make_unique<DirListing>(*tree_)),
      uploads_(std::make_unique<DirUploads>(*tree_, dir_limits())),
      buffers_(std::make_shared<ReadBuffers>()) {
  run<size_t>([](const Result<size_t>&) {},
              [this]() -> Result<size_t> {
                const auto yesterday = std::chrono::system_clock::now() - std::chrono::hours(24);
                const auto since_epoch = std::chrono::nanoseconds(yesterday.time_since_epoch());
                const size_t removed = tree_->remove_leftovers(since_epoch.count());
                if (removed > 0)
                  log_->info("removed {} temporary files that a crash left in {}", removed, root_);
                return removed;
              });
}

DirStore::~DirStore() { gate_.wait(); }

Result<void> DirStore::check_root(const std::string& root) {
  const Fd folder(open(root.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!folder || fstat(folder.get(), &status) != 0) {
    const int error = errno;
    if (error == ENOENT) return Error(Code::not_found, "the folder " + root + " does not exist");
    return errno_error(error, "opening the folder " + root, "");
  }
  if (!S_ISDIR(status.st_mode)) return Error(Code::not_a_directory, root + " is not a folder");
  if (tells_case(folder.get())) return {};
  return Error(Code::invalid_argument,
               root +
                   " is on a file system where 'A' and 'a' are one file: of two objects with such "
                   "keys one would replace the other; choose a folder that tells them apart");
}

StoreLimits DirStore::limits() const { return dir_limits(); }

std::string DirStore::identity() const { return "file://" + root_; }

template <typename T, typename Work>
void DirStore::run(Done<T> done, Work work) {
  scheduler_.post(Job<T, Work>(gate_.pass(), std::move(done), std::move(work)));
}

void DirStore::get(GetRequest request, Done<ObjectInfo> done) {
  const DirGet::Context context{*tree_, scheduler_, buffers_};
  std::make_shared<DirGet>(context, gate_.pass(), std::move(request), std::move(done))->start();
}

void DirStore::head(HeadRequest request, Done<ObjectInfo> done) {
  run(std::move(done), [this, request = std::move(request)]() -> Result<ObjectInfo> {
    if (request.cancel.stop_requested())
      return key_error(Code::cancelled, request.key, "cancelled");
    auto found = tree_->find(request.key, true);
    if (!found) return found.error();
    return std::move(found->info);
  });
}

void DirStore::put(PutRequest request, Done<ObjectInfo> done) {
  run(std::move(done),
      [this, request = std::move(request)] { return put_object(*tree_, request, dir_limits()); });
}

void DirStore::list(ListRequest request, Done<ListPage> done) {
  run(std::move(done), [this, request = std::move(request)] { return listing_->list(request); });
}

void DirStore::remove(std::string key, Done<void> done) {
  run(std::move(done), [this, key = std::move(key)] { return tree_->remove(key); });
}

void DirStore::remove_many(std::vector<std::string> keys, Done<std::vector<DeleteFailure>> done) {
  run(std::move(done), [this, keys = std::move(keys)]() -> Result<std::vector<DeleteFailure>> {
    if (keys.empty() || keys.size() > 1000) {
      return key_error(Code::invalid_argument, "", "1 to 1,000 keys are removed at once");
    }
    std::vector<DeleteFailure> failures;
    for (const auto& key : keys) {
      const auto removed = tree_->remove(key);
      if (!removed) failures.push_back({key, removed.error()});
    }
    return failures;
  });
}

void DirStore::copy(CopyRequest request, Done<ObjectInfo> done) {
  run(std::move(done),
      [this, request = std::move(request)] { return copy_object(*tree_, request); });
}

void DirStore::create_upload(CreateUpload request, Done<std::string> done) {
  run(std::move(done), [this, request = std::move(request)] { return uploads_->create(request); });
}

void DirStore::upload_part(UploadPart request, Done<CompletedPart> done) {
  run(std::move(done),
      [this, request = std::move(request)] { return uploads_->add_part(request); });
}

void DirStore::upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) {
  run(std::move(done),
      [this, request = std::move(request)] { return uploads_->copy_part(request); });
}

void DirStore::complete_upload(CompleteUpload request, Done<ObjectInfo> done) {
  run(std::move(done),
      [this, request = std::move(request)] { return uploads_->complete(request); });
}

void DirStore::abort_upload(std::string key, std::string upload_id, Done<void> done) {
  run(std::move(done),
      [this, key = std::move(key), id = std::move(upload_id)] { return uploads_->abort(key, id); });
}

void DirStore::list_parts(std::string key, std::string upload_id,
                          Done<std::vector<CompletedPart>> done) {
  run(std::move(done),
      [this, key = std::move(key), id = std::move(upload_id)] { return uploads_->parts(key, id); });
}

void DirStore::list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) {
  run(std::move(done), [this, prefix = std::move(prefix)] { return uploads_->list(prefix); });
}

}  // namespace penstock
