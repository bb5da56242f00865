// SPDX-License-Identifier: Apache-2.0
#include "data/write/part_staging.h"

#include <utility>

namespace penstock {

void PartStaging::settle(uint32_t number, Deferred& after) {
  const bool awaited = changes_.awaits(core_.layout.range(number), contents_.size());
  memory_.settle(number, awaited, now(), after);
  move_next(after);
}

void PartStaging::let_all_go(Deferred& after) {
  memory_.let_all_go(now(), after);
  move_next(after);
}

void PartStaging::run(const std::shared_ptr<StagingJob>& job, Done<void> done, Deferred& after) {
  after.call([&core = core_, job = job, done = std::move(done)]() mutable {
    core.parts.scheduler.post([&core, job = std::move(job), done = std::move(done)]() mutable {
      done(job->run(core.options.staging_dir));
    });
  });
}

void PartStaging::move_next(Deferred& after) {
  const std::shared_ptr<StagingJob> job = memory_.next_move(phase_.abandoned());
  if (job == nullptr) return;
  auto done = strand_.answer<void>(
      [this, job](const Result<void>& result, Deferred& later) { moved(*job, result, later); });
  run(job, std::move(done), after);
}

void PartStaging::moved(StagingJob& job, const Result<void>& result, Deferred& after) {
  job.pieces.clear();
  const bool first_failure = memory_.moved(job, result.has_value(), phase_.abandoned(), after);
  move_next(after);
  after.call([&memory = *core_.memory] { memory.moved(); });
  if (!first_failure) return;
  after.call([log = core_.parts.log, error = result.error()] {
    log->warning("parts that were sent cannot be kept on the staging disk: {}", error.describe());
  });
}

void PartStaging::spill(Callback<void(bool)> done, Deferred& after) {
  const std::shared_ptr<StagingJob> job = memory_.next_spill(now());
  if (job == nullptr) {
    after.call([done = std::move(done)]() mutable { done(false); });
    return;
  }
  auto written = strand_.answer<void>(
      [this, job, done = std::move(done)](const Result<void>& result, Deferred& later) mutable {
        spilled(*job, result, std::move(done), later);
      });
  run(job, std::move(written), after);
}

void PartStaging::spilled(StagingJob& job, const Result<void>& result, Callback<void(bool)> done,
                          Deferred& after) {
  job.pieces.clear();
  memory_.spilled(job, result.has_value(), phase_.abandoned(), after);
  move_next(after);
  after.call([log = core_.parts.log, done = std::move(done), result]() mutable {
    if (!result)
      log->warning("unfinished parts cannot be staged on disk: {}", result.error().describe());
    done(result.has_value());
  });
}

}  // namespace penstock
