// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "penstock/object_store.h"

namespace penstock {

/// Remembers on the local disk which multipart uploads this process has begun, so that the next
/// mount of the same store and prefix aborts those of a process that died, and only those: S3 does
/// not tell whose an upload is.
///
/// One file per process, locked (flock) while it lives; a file whose lock is free belongs to the
/// dead. Thread-safe.
class UploadRegistry {
 public:
  virtual ~UploadRegistry() = default;
  /// The process has begun the upload: should it die, the next mount aborts the upload.
  virtual void added(const std::string& key, const std::string& upload_id) = 0;
  /// The upload was completed or aborted: there is nothing to clean up.
  virtual void ended(const std::string& key, const std::string& upload_id) = 0;
};

/// Opens the registry of this process under `directory` (made if need be) for the store named
/// `identity` and the mount's `prefix`. Where the directory cannot be written, logs a warning once
/// and remembers nothing.
std::unique_ptr<UploadRegistry> open_upload_registry(const std::string& directory,
                                                     const std::string& identity,
                                                     const std::string& prefix,
                                                     std::shared_ptr<Log> log);

/// Aborts what dead processes left under `directory` for the same identity and prefix, then forgets
/// it. Calls `done` with the number of uploads aborted; what could not be aborted stays remembered
/// for the next mount.
void abort_orphaned_uploads(const std::string& directory, const std::string& identity,
                            const std::string& prefix, ObjectStore& store,
                            const std::shared_ptr<Log>& log, Callback<void(uint64_t)> done);

}  // namespace penstock
