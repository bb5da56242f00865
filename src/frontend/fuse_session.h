// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/log.h"
#include "frontend/features.h"
#include "frontend/file_metrics.h"
#include "penstock/file_system.h"
#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// One FUSE mount. Not thread-safe except where said.
class FuseSession {
 public:
  /// Checks the mountpoint and mounts there: from then on programs wait for run() to serve them.
  /// `source` is what mount(8) shows. Errors are sentences for a person: no /dev/fuse, no such
  /// folder, already mounted, not allowed. `negative_ttl` is how long the kernel may believe that a
  /// name does not exist.
  static Result<std::unique_ptr<FuseSession>> mount(FileSystem& file_system,
                                                    const MountOptions& options,
                                                    std::chrono::milliseconds negative_ttl,
                                                    const std::string& source,
                                                    std::shared_ptr<Log> log);

  virtual ~FuseSession() = default;  ///< Unmounts if still mounted.

  /// Where the file system tells this mount's kernel what to forget. Lives as long as the session;
  /// thread-safe.
  virtual KernelCache& kernel_cache() = 0;
  /// What was settled with the kernel when it was mounted.
  virtual const FuseFeatures& features() const = 0;
  /// Thread-safe.
  virtual const FileMetrics& metrics() const = 0;
  /// Serves requests on options.fuse_threads threads until the file system is unmounted or exit()
  /// was called.
  virtual Result<void> run() = 0;
  /// False where all threads of run() have been at the same requests since the last call: they
  /// never wait for anybody, so they hang. (Over io_uring libfuse has threads of its own, of which
  /// nothing is known.) For one thread at a time, any one.
  virtual bool moves() = 0;
  /// Makes run() return soon. Thread-safe.
  virtual void exit() = 0;
  /// Takes the mount away; with `lazy` also while programs have files open there. Idempotent,
  /// thread-safe.
  virtual void unmount(bool lazy) = 0;
  /// Unmounts, and serves nothing any more: the file system may go. After run() has returned, or
  /// instead of it.
  virtual void end() = 0;
};

}  // namespace penstock
