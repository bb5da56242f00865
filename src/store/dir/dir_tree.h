// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "penstock/object_store.h"
#include "store/dir/file_tags.h"
#include "store/dir/key_path.h"
#include "store/dir/posix.h"

namespace penstock {

/// An object that was found, open.
struct FoundObject {
  Fd file;                ///< Invalid where the object is a folder's mark.
  struct stat status {};  ///< Of `file`.
  ObjectInfo info;        ///< With metadata if they were asked for.
};

/// A file of .penstock that is to become an object or a part. Removed again if it does not.
class StagedFile {
 public:
  StagedFile(Fd folder, std::string name, Fd file)
      : folder_(std::move(folder)), name_(std::move(name)), file_(std::move(file)) {}
  StagedFile(StagedFile&& other) noexcept = default;
  ~StagedFile();

  int file() const noexcept { return file_.get(); }
  int folder() const noexcept { return folder_.get(); }
  const std::string& name() const noexcept { return name_; }
  /// Says that it was renamed.
  void placed() noexcept { folder_ = Fd(); }

 private:
  Fd folder_;
  std::string name_;
  Fd file_;
};

/// The files below the root of a DirStore, by key: finds, places and removes objects. Knows where a
/// key lies (its plain path, a folder's mark, or .penstock/odd) and follows no links. Blocking;
/// thread-safe, also across processes.
class DirTree {
 public:
  DirTree(const std::string& root, bool sync);

  /// Empty keys and keys over 1,024 bytes.
  static std::optional<Error> check_key(const std::string& key);

  /// not_found where there is none.
  Result<FoundObject> find(const std::string& key, bool with_metadata) const;
  /// What `condition` says against the object that is there now; nothing if it holds.
  std::optional<Error> check(const std::string& key, const Precondition& condition) const;

  /// An empty file in .penstock/tmp.
  Result<StagedFile> stage(const std::string& key) const;
  /// Makes `staged` the object `key` if `condition` holds.
  Result<ObjectInfo> commit(const std::string& key, StagedFile staged, const Metadata& metadata,
                            const Precondition& condition);
  /// Success also where there is none. Removes folders that become empty.
  Result<void> remove(const std::string& key);

  /// The folder `names` below the root; the errno in `error` where it cannot be opened. `create`
  /// makes what is missing.
  Fd open_folder(std::span<const std::string> names, bool create, int& error) const;
  /// A folder of .penstock.
  Fd open_private(const std::string& name, bool create, int& error) const;
  /// Holds a lock of all Penstocks on this folder until it is closed. Locks of two kinds may be
  /// held together if "u" is taken before "k"; of one kind never two.
  Result<Fd> lock(char kind, const std::string& name) const;
  /// fsync, if the store was asked to.
  Result<void> sync(int file, const std::string& key) const;
  /// Removes what crashes left in .penstock/tmp before `before_ns`; the number of files.
  size_t remove_leftovers(int64_t before_ns) const;

  /// The object that a folder is: its mark, or (with `or_empty`) that it is empty.
  std::optional<ObjectInfo> folder_object(int folder, const std::string& key, bool or_empty) const;

 private:
  enum class Placing { done, occupied, exists };

  Result<FoundObject> open_object(int folder, const std::string& name, const std::string& key,
                                  bool with_metadata) const;
  Result<FoundObject> find_plain(const PlainPath& path, const std::string& key,
                                 bool with_metadata) const;
  Result<FoundObject> find_odd(const std::string& key, bool with_metadata) const;
  Metadata metadata_of(const FoundObject& found) const;

  // Each of these is called under the key's lock, but for seal and prune.
  Result<void> seal(const StagedFile& staged, const Metadata& metadata, const std::string& key);
  Result<void> write_sidecar(const StagedFile& staged, const Metadata& metadata,
                             const std::string& key) const;
  void remove_sidecar(const struct stat& status) const;
  Result<ObjectInfo> commit_file(const std::optional<PlainPath>& path, StagedFile& staged,
                                 bool exclusive, const std::string& key, bool& in_place) const;
  Result<ObjectInfo> commit_folder(const PlainPath& path, StagedFile& staged,
                                   const Metadata& metadata, const std::string& key,
                                   bool& in_place);
  Result<Placing> place(const std::vector<std::string>& folders, const std::string& leaf,
                        StagedFile& staged, bool exclusive, const std::string& key) const;
  Result<std::optional<ObjectInfo>> place_mark(const PlainPath& path, const Metadata& metadata,
                                               const std::string& key);
  Result<void> place_odd(StagedFile& staged, const std::string& key) const;
  Result<void> remove_plain(const PlainPath& path, const std::string& key) const;
  void remove_odd(const std::string& key) const;
  void prune(std::vector<std::string> folders) const;
  int64_t unique_time();

  const bool sync_;
  Fd root_;
  int root_error_ = 0;
  std::atomic<int64_t> last_time_{0};
};

/// 32 random hexadecimal digits.
std::string random_name();

}  // namespace penstock
