// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/gate.h"
#include "base/log.h"
#include "base/scheduler.h"
#include "penstock/object_store.h"

namespace penstock {

class DirListing;
class DirTree;
class DirUploads;
class ReadBuffers;

struct DirStoreOptions {
  /// Every write is on the disk (fsync of file and folder) before it is reported done, as S3
  /// promises.
  bool sync = true;
};

/// A folder as an object store (file:///DIR): one object is one plain file, its key the path below
/// the folder, so that other programs read and write the same objects. Everything of its own lies
/// in the hidden folder ".penstock".
///
/// It behaves as S3 does:
/// - Writes are atomic: a temporary file takes the key's place by rename. If-None-Match is
/// exclusive also against other
///   programs; If-Match against every Penstock on this machine (flock), not against programs that
///   know nothing of it.
/// - ETags are made of inode, size, mtime and ctime: another program's change gives another ETag
/// (within the file
///   system's clock tick, up to 10 ms, a rewrite in place of the same length can go unseen).
/// - Metadata are extended attributes `user.penstock.meta.NAME` (headers with their colon), or a
/// file
///   in .penstock/meta where the file system has none. They are only stored.
/// - An object "d/" without contents is the folder d with a mark. An empty folder without mark,
/// made by another program,
///   is listed as such an object too. Folders that a removal leaves empty are removed, unless
///   marked.
/// - Keys that cannot be a file there ("a//b", "/a", "..", a component over 255 bytes,
/// ".penstock/x", "a/b" beside a
///   file "a", "a" beside a folder "a") are kept, under another name, in .penstock/odd: other
///   programs do not see them, this class makes no difference. Listing them costs time for all of
///   them on every page.
/// - Links and special files are no objects: they are not listed, followed or replaced.
///
/// All work happens on `scheduler`, whose threads may block on the disk; `done` and sinks are
/// called there. Bodies are delivered in pieces of at most 512 KiB, one scheduler step each.
/// Thread-safe. Errors: no_space, access_denied, read_only (of the file system below), unavailable
/// (I/O errors, no descriptors left), name_too_long (keys over 1,024 bytes), and those that
/// ObjectStore names.
class DirStore final : public ObjectStore {
 public:
  /// `root` should exist (check_root says so in words); without it every operation fails. Temporary
  /// files that a crash left behind, older than a day, are removed in the background. `scheduler`
  /// must outlive the store.
  DirStore(std::string root, Scheduler& scheduler, std::shared_ptr<Log> log,
           DirStoreOptions options = {});
  ~DirStore() override;

  /// Whether `root` is a folder that can be read; else not_found, not_a_directory or access_denied,
  /// and invalid_argument where its file system does not tell upper from lower case, with a
  /// sentence for a person. May block.
  static Result<void> check_root(const std::string& root);

  StoreLimits limits() const override;
  std::string identity() const override;

  void get(GetRequest request, Done<ObjectInfo> done) override;
  void head(HeadRequest request, Done<ObjectInfo> done) override;
  void put(PutRequest request, Done<ObjectInfo> done) override;
  void list(ListRequest request, Done<ListPage> done) override;
  void remove(std::string key, Done<void> done) override;
  void remove_many(std::vector<std::string> keys, Done<std::vector<DeleteFailure>> done) override;
  void copy(CopyRequest request, Done<ObjectInfo> done) override;
  void create_upload(CreateUpload request, Done<std::string> done) override;
  void upload_part(UploadPart request, Done<CompletedPart> done) override;
  void upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) override;
  void complete_upload(CompleteUpload request, Done<ObjectInfo> done) override;
  void abort_upload(std::string key, std::string upload_id, Done<void> done) override;
  void list_parts(std::string key, std::string upload_id,
                  Done<std::vector<CompletedPart>> done) override;
  void list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) override;

 private:
  // Runs `work` (returning Result<T>) on the scheduler and gives its result to `done`.
  template <typename T, typename Work>
  void run(Done<T> done, Work work);

  const std::string root_;
  Scheduler& scheduler_;
  const std::shared_ptr<Log> log_;
  const std::unique_ptr<DirTree> tree_;
  const std::unique_ptr<DirListing> listing_;
  const std::unique_ptr<DirUploads> uploads_;
  const std::shared_ptr<ReadBuffers> buffers_;
  Gate gate_;
};

}  // namespace penstock
