// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>

#include "frontend/features.h"
#include "frontend/fuse_api.h"
#include "frontend/fuse_reply.h"
#include "frontend/open_modes.h"
#include "frontend/processes.h"

namespace penstock {

/// What the operations work with; fuse_req_userdata() of every request.
struct FuseContext : SessionContext {
  FileSystem* file_system = nullptr;
  fuse_session* session = nullptr;
  Log* log = nullptr;
  std::chrono::milliseconds negative_ttl{0};  ///< How long the kernel believes an absence.
  FuseFeatures features;                      ///< Settled by INIT, before any other request.
  OpenModes modes;                            ///< Where passthrough is on: which opens have it.
  std::unique_ptr<BackingDevice> backings;
  Processes* processes = &system_processes();
  bool no_passthrough = false;  ///< MountOptions::no_passthrough.

  ReplyContext reply() { return ReplyContext{this, log}; }
};

/// Of a request, on the thread that libfuse hands it over on.
FuseContext& context_of(fuse_req_t request);
/// Which process makes a request.
ProcessId process_of(FuseContext& context, const FuseReply& reply);
/// Before a change of a file's contents by a program without the right to keep its set-ID bits. The
/// kernel forgets the mode that it knows: with the answer it would not.
void drop_set_ids(FuseContext& context, fuse_ino_t node, const fuse_file_info& info,
                  bool all = false);
/// For operations that answer with success or an error.
Done<void> answer(FuseReply reply);
/// The same for changes of which nothing else is to be known.
Done<void> answer_change(fuse_req_t request, FileOperation operation);

/// What the kernel knows as `node` it refers to less often by `count`.
void forget(FuseContext& context, NodeId node, uint64_t count);
/// Answers with a new reference to the inode; false where nobody heard it.
bool answer_with(FuseContext& context, FuseReply& reply, const Entry& entry);

/// One function for each operation: decode, call the file system, reply from whichever thread
/// finishes it.
fuse_lowlevel_ops fuse_operations();

}  // namespace penstock
