// SPDX-License-Identifier: Apache-2.0
#include "data/upload_registry.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/word.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

// A file is lines of words: first "penstock-uploads 1 IDENTITY PREFIX", then "add KEY ID" and "end
// KEY ID". Words are percent-encoded, so that neither spaces nor line ends of keys matter; an empty
// one is "%".
constexpr std::string_view header = "penstock-uploads 1";

fs::path uploads_folder(const std::string& directory) { return fs::path(directory) / "uploads"; }

std::string first_line(const std::string& identity, const std::string& prefix) {
  return fmt::format("{} {} {}", header, encode_word(identity), encode_word(prefix));
}

class NoRegistry final : public UploadRegistry {
 public:
  void added(const std::string&, const std::string&) override {}
  void ended(const std::string&, const std::string&) override {}
};

/// The registry of this process. Lines are appended without fsync: a process that is killed leaves
/// them in the page cache, and after a power cut the worst is an upload that the bucket's lifecycle
/// rule has to remove.
class FileRegistry final : public UploadRegistry {
 public:
  FileRegistry(int descriptor, fs::path path, std::shared_ptr<Log> log)
      : descriptor_(descriptor), path_(std::move(path)), log_(std::move(log)) {}

  ~FileRegistry() override {
    {
      const MutexLock lock(mutex_);
      // Nothing is left to remember: no need for the next mount to look.
      if (open_.empty()) unlink(path_.c_str());
    }
    close(descriptor_);
  }

  void added(const std::string& key, const std::string& upload_id) override {
    const MutexLock lock(mutex_);
    open_.insert(upload_id);
    append("add", key, upload_id);
  }
  void ended(const std::string& key, const std::string& upload_id) override {
    const MutexLock lock(mutex_);
    if (open_.erase(upload_id) != 0) append("end", key, upload_id);
  }

 private:
  void append(std::string_view what, const std::string& key, const std::string& upload_id)
      REQUIRES(mutex_) {
    const std::string line =
        fmt::format("{} {} {}\n", what, encode_word(key), encode_word(upload_id));
    if (write(descriptor_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) return;
    if (!std::exchange(said_, true)) {
      log_->warning(
          "{} cannot be written ({}): uploads that a crash leaves behind may not be aborted",
          path_.string(), strerror(errno));
    }
  }

  const int descriptor_;
  const fs::path path_;
  const std::shared_ptr<Log> log_;
  Mutex mutex_;
  std::set<std::string> open_ GUARDED_BY(mutex_);
  bool said_ GUARDED_BY(mutex_) = false;
};

struct LeftUpload {
  std::string key;
  std::string id;
};

/// What a file says is unfinished; nullopt where it is not about this store and prefix, or is no
/// such file.
std::optional<std::vector<LeftUpload>> read_left(const fs::path& path, const std::string& expected,
                                                 Log& log) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  if (!line.starts_with(header)) {
    log.warning("{} is not a list of uploads: left alone", path.string());
    return std::nullopt;
  }
  if (line != expected) return std::nullopt;
  std::map<std::string, std::string> open;
  while (std::getline(file, line)) {
    const size_t first = line.find(' ');
    const size_t second = first == std::string::npos ? first : line.find(' ', first + 1);
    std::optional<std::string> key;
    std::optional<std::string> id;
    if (second != std::string::npos && second > first + 1) {
      key = decode_word(std::string_view(line).substr(first + 1, second - first - 1));
      id = decode_word(std::string_view(line).substr(second + 1));
    }
    const bool readable = key && id && !id->empty();
    if (readable && line.starts_with("add ")) {
      open[*id] = *key;
    } else if (readable && line.starts_with("end ")) {
      open.erase(*id);
    } else {
      log.warning("{} has an unreadable line, which is skipped", path.string());
    }
  }
  std::vector<LeftUpload> left;
  left.reserve(open.size());
  for (auto& [id, key] : open) left.push_back({key, id});
  return left;
}

/// Aborts the uploads of one dead process; its file goes when all of them are gone.
struct Orphans {
  fs::path path;
  int descriptor = -1;  ///< Holds the lock, so that two mounts do not do this at once.
  Mutex mutex;
  size_t missing GUARDED_BY(mutex) = 0;
  bool failed GUARDED_BY(mutex) = false;

  ~Orphans() {
    if (descriptor >= 0) close(descriptor);
  }
};

/// Counts over all files, and reports when the last abort has been answered.
struct OrphanCount {
  explicit OrphanCount(Callback<void(uint64_t)> the_done) : done(std::move(the_done)) {}
  ~OrphanCount() { done(aborted); }
  Callback<void(uint64_t)> done;
  std::atomic<uint64_t> aborted = 0;
};

void abort_left(ObjectStore& store, const std::shared_ptr<Orphans>& orphans, const LeftUpload& left,
                const std::shared_ptr<Log>& log, const std::shared_ptr<OrphanCount>& count) {
  store.abort_upload(left.key, left.id, [orphans, left, log, count](const Result<void>& result) {
    const bool gone = result || result.code() == Code::not_found;
    if (gone) {
      ++count->aborted;
    } else {
      log->warning("an unfinished upload of '{}' could not be aborted: {}", left.key,
                   result.error().describe());
    }
    const MutexLock lock(orphans->mutex);
    orphans->failed |= !gone;
    if (--orphans->missing == 0 && !orphans->failed) unlink(orphans->path.c_str());
  });
}

}  // namespace

std::unique_ptr<UploadRegistry> open_upload_registry(const std::string& directory,
                                                     const std::string& identity,
                                                     const std::string& prefix,
                                                     std::shared_ptr<Log> log) {
  const fs::path folder = uploads_folder(directory);
  std::error_code error;
  fs::create_directories(folder, error);
  std::random_device random;
  const fs::path path = folder / fmt::format("{:08x}{:08x}", random(), random());
  const int descriptor =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  const std::string line = first_line(identity, prefix) + "\n";
  const bool usable =
      descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0 &&
      write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (usable) return std::make_unique<FileRegistry>(descriptor, path, std::move(log));
  log->warning(
      "{} cannot be written ({}): uploads that a crash leaves behind will not be aborted by the "
      "next mount; "
      "see --state-dir",
      path.string(), strerror(errno));
  if (descriptor >= 0) close(descriptor);
  return std::make_unique<NoRegistry>();
}

void abort_orphaned_uploads(const std::string& directory, const std::string& identity,
                            const std::string& prefix, ObjectStore& store,
                            const std::shared_ptr<Log>& log, Callback<void(uint64_t)> done) {
  const auto count = std::make_shared<OrphanCount>(std::move(done));
  const std::string expected = first_line(identity, prefix);
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(uploads_folder(directory), error)) {
    auto orphans = std::make_shared<Orphans>();
    orphans->path = entry.path();
    orphans->descriptor = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    // A process that holds the file's lock is alive, and goes on with its uploads.
    if (orphans->descriptor < 0 || flock(orphans->descriptor, LOCK_EX | LOCK_NB) != 0) continue;
    const auto left = read_left(entry.path(), expected, *log);
    if (!left) continue;
    if (left->empty()) {
      unlink(entry.path().c_str());
      continue;
    }
    {
      const MutexLock lock(orphans->mutex);
      orphans->missing = left->size();
    }
    for (const LeftUpload& upload : *left) abort_left(store, orphans, upload, log, count);
  }
}

}  // namespace penstock
