// SPDX-License-Identifier: Apache-2.0
// Parts of a file that go to the staging disk: stored ones whose memory is wanted, so that they can
// be read and changed until the file is committed, and unfinished ones when memory is short. Their
// blocks are not written to meanwhile: see FileWriterImpl::admit.
#include <utility>

#include "data/write/file_writer_impl.h"

namespace penstock {

void FileWriterImpl::expect_reads() {
  const MutexLock lock(mutex_);
  part_memory_.expect_reads();
}

void FileWriterImpl::move_next(Deferred& after) {
  const std::shared_ptr<StagingJob> job = part_memory_.next_move(abandoned_);
  if (job == nullptr) return;
  ++busy_;
  after.call([this, self = shared_from_this(), job] {
    core_.parts.scheduler.post(
        [this, self, job] { part_moved(job, job->run(core_.options.staging_dir)); });
  });
}

void FileWriterImpl::part_moved(const std::shared_ptr<StagingJob>& job,
                                const Result<void>& result) {
  bool first_failure = false;
  {
    Deferred after;
    const MutexLock lock(mutex_);
    --busy_;
    job->pieces.clear();
    first_failure = part_memory_.moved(*job, result.has_value(), abandoned_, after);
    move_next(after);
  }
  core_.memory->moved();
  if (first_failure) {
    core_.parts.log->warning("parts that were sent cannot be kept on the staging disk: {}",
                             result.error().describe());
  }
  went_on();
}

uint64_t FileWriterImpl::spillable() const {
  const MutexLock lock(mutex_);
  return part_memory_.spillable(phase());
}

void FileWriterImpl::spill(Callback<void(bool)> done) {
  std::shared_ptr<StagingJob> job;
  {
    const MutexLock lock(mutex_);
    job = part_memory_.next_spill(phase());
    if (job != nullptr) ++busy_;
  }
  if (job == nullptr) return done(false);
  core_.parts.scheduler.post(
      [this, self = shared_from_this(), job, done = std::move(done)]() mutable {
        spill_done(job, job->run(core_.options.staging_dir), std::move(done));
      });
}

void FileWriterImpl::spill_done(const std::shared_ptr<StagingJob>& job, const Result<void>& result,
                                Callback<void(bool)> done) {
  {
    Deferred after;
    const MutexLock lock(mutex_);
    --busy_;
    job->pieces.clear();
    part_memory_.spilled(*job, result.has_value(), abandoned_, after);
    move_next(after);
  }
  if (!result) {
    core_.parts.log->warning("unfinished parts cannot be staged on disk: {}",
                             result.error().describe());
  }
  done(result.has_value());
  went_on();
}

void FileWriterImpl::drop_kept() {
  Deferred after;
  const MutexLock lock(mutex_);
  if (commit_ != nullptr) return;
  part_memory_.let_all_go(phase(), after);
  move_next(after);
}

/// What somebody wants of a part that neither memory nor the disk had room for. The object as it is
/// so far would have the bytes, and must not be there before the program is done with it.
Error FileWriterImpl::out_of_reach() {
  Error error(Code::no_space,
              Error::Detail{.message = "these bytes were sent and not kept: they can be read and "
                                       "changed again when the file is closed or synced",
                            .key = key_});
  if (!std::exchange(said_out_of_reach_, true))
    core_.parts.log->warning("{}; see --staging-dir", error.describe());
  return error;
}

}  // namespace penstock
