// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "penstock/object_store.h"
#include "store/dir/dir_tree.h"

namespace penstock {

/// The unfinished multipart uploads of a DirStore: .penstock/uploads/ID/ with the file "upload"
/// (key and metadata) and one file per part. Blocking; thread-safe, also across processes.
class DirUploads {
 public:
  DirUploads(DirTree& tree, const StoreLimits& limits) : tree_(tree), limits_(limits) {}

  Result<std::string> create(const CreateUpload& request);
  Result<CompletedPart> add_part(const UploadPart& request);
  Result<CompletedPart> copy_part(const UploadPartCopy& request);
  /// Joins the parts in a temporary file, which takes the key's place at once.
  Result<ObjectInfo> complete(const CompleteUpload& request);
  Result<void> abort(const std::string& key, const std::string& id);
  Result<std::vector<CompletedPart>> parts(const std::string& key, const std::string& id) const;
  Result<std::vector<UploadInfo>> list(const std::string& prefix) const;

 private:
  struct Upload {
    Fd folder;
    std::string key;
    Metadata metadata;
    int64_t initiated_ns = 0;
  };

  Result<Upload> open(const std::string& key, const std::string& id) const;
  static Result<StagedFile> stage_part(const Upload& upload);
  Result<CompletedPart> place_part(StagedFile staged, uint32_t number,
                                   const std::string& key) const;
  Result<void> join(const Upload& upload, const CompleteUpload& request, int target) const;
  Result<void> discard(const std::string& key, const std::string& id) const;

  DirTree& tree_;
  const StoreLimits limits_;
};

}  // namespace penstock
