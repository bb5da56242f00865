// SPDX-License-Identifier: Apache-2.0
// copy_file_range(2): whole parts inside the store, the rest through this process.
#include <algorithm>
#include <utility>
#include <vector>

#include "fs/files/file_operations.h"

namespace penstock {
namespace {

/// What one call copies through this process: a program is not kept waiting for minutes, and can be
/// stopped in between.
constexpr uint64_t buffered_at_once = 64ULL << 20;
/// One read and one write of those.
constexpr uint64_t piece_size = 1ULL << 20;

}  // namespace

/// One call. It has no handles: a program that is killed while it waits is answered at once, and
/// then they are gone.
struct FileOperations::CopyRun {
  explicit CopyRun(Gate& gate) : pass(gate) {}

  const Gate::Pass pass;
  /// Of its own, of the version that the program reads.
  const FileHandlePtr source = std::make_shared<FileHandle>();
  InodePtr target;
  uint64_t source_offset = 0;
  uint64_t target_offset = 0;
  uint64_t left = 0;
  uint64_t done_bytes = 0;
  std::stop_token cancel;
  Done<uint64_t> done;
};

void FileOperations::copy_range(const Copy& request, std::stop_token cancel, Done<uint64_t> done) {
  auto run = std::make_shared<CopyRun>(core_.gate);
  {
    const MutexLock lock(core_.tree.mutex);
    const FileHandle& source = request.source;
    run->source->inode = source.inode;
    run->source->flags = source.flags;
    (void)run->source->reads.set(source.reads.get());
    run->target = request.target.inode;
    note_writer(request.target, request.process);
    const uint64_t size = core_.tree.attributes(*source.inode).size;
    const uint64_t rest = size - std::min(size, request.source_offset);
    run->left = std::min(request.length, rest);
  }
  run->source_offset = request.source_offset;
  run->target_offset = request.target_offset;
  run->cancel = std::move(cancel);
  run->done = std::move(done);
  if (run->left == 0) return run->done(0);
  copy_parts(run);
}

/// Has the store copy what it can.
void FileOperations::copy_parts(const CopyRunPtr& run) {
  const InodePtr source = run->source->inode;
  std::shared_ptr<FileBytes> writer;
  CopySource object;
  NameLock::Use source_use;
  NameLock::Use target_use;
  std::shared_ptr<ObjectReader> present;  // let go of without the lock, see FileReads::version_for
  {
    const MutexLock lock(core_.tree.mutex);
    present = source->reader.lock();
    const bool changes =
        source->writer() != nullptr && (source->writer()->dirty() || source->commits_running > 0);
    // The program may have begun to read a version that another one has taken the place of.
    const std::shared_ptr<HandleVersion> version = run->source->reads.get();
    const bool newest = version == nullptr || (version->local_version == source->local_version &&
                                               version->reader == present);
    const bool stored = !changes && !source->etag.empty() && source->named() && newest;
    const bool settled = !core_.leaving(*source) && !core_.leaving(*run->target);
    const Result<std::string> key = core_.tree.key_of(*source);
    if (stored && settled && key && source != run->target && !core_.stopping &&
        !run->target->vanished()) {
      writer = run->target->writer();
      object = {.key = *key, .etag = source->etag, .range = {run->source_offset, run->left}};
    }
    if (writer != nullptr) {
      const uint64_t until = writer->until_part(run->target_offset);
      if (until > 0) {
        // Up to there in the other way; the next call goes on from there.
        if (until < run->left) run->left = until;
        writer = nullptr;
      }
    }
    if (writer != nullptr) {
      source_use = core_.use(source);
      target_use = core_.use(run->target);
    }
  }
  if (writer == nullptr) return copy_bytes(run);
  writer->copy_parts(run->target_offset, std::move(object),
                     core_.tracked<uint64_t>([this, run, source_use = std::move(source_use),
                                              target_use = std::move(target_use)](
                                                 const Result<uint64_t>& length) mutable {
                       if (length && *length > 0) {
                         const MutexLock lock(core_.tree.mutex);
                         note_written(*run->target);
                       }
                       source_use.end();
                       target_use.end();
                       if (length && *length > 0) return run->done(*length);
                       copy_bytes(run);
                     }));
}

/// One piece after another through this process.
void FileOperations::copy_bytes(const CopyRunPtr& run) {
  const uint64_t length = std::min({run->left, piece_size, buffered_at_once - run->done_bytes});
  if (length == 0) return run->done(run->done_bytes);
  if (run->cancel.stop_requested()) return copied(run, Error(Code::interrupted));
  reads_.read(run->source, {run->source_offset, length}, run->cancel,
              core_.tracked<Slices>([this, run](const Result<Slices>& slices) {
                if (!slices) return copied(run, slices.error());
                std::vector<std::byte> bytes;
                for (const auto& span : slices->spans)
                  bytes.insert(bytes.end(), span.begin(), span.end());
                if (bytes.empty()) {
                  run->left = 0;  // the source has become shorter
                  return copy_bytes(run);
                }
                write_to(run->target, false, run->target_offset, bytes,
                         [this, run, length = bytes.size()](const Result<void>& written) {
                           if (!written) return copied(run, written);
                           run->source_offset += length;
                           run->target_offset += length;
                           run->left -= length;
                           run->done_bytes += length;
                           copy_bytes(run);
                         });
              }));
}

/// Ends early: what was copied before counts.
void FileOperations::copied(const CopyRunPtr& run, const Result<void>& result) {
  if (run->done_bytes > 0) return run->done(run->done_bytes);
  run->done(result.error());
}

}  // namespace penstock
