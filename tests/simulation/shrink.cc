// SPDX-License-Identifier: Apache-2.0
#include "simulation/shrink.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulation/program.h"

namespace penstock::sim {
namespace {

/// What is left out may change the chances of what is not: so many runs of each candidate are
/// tried.
constexpr uint64_t variants = 4;
constexpr uint64_t most_runs = 3000;

class Shrinker {
 public:
  Shrinker(RunServer& server, Job job, JobResult result)
      : server_(server), best_(std::move(job)), result_(std::move(result)) {
    best_.left_out.assign(result_.script_steps, 0);
  }

  void run() {
    size_t chunk = std::max<size_t>(best_.left_out.size() / 2, 1);
    while (runs_ < most_runs) {
      bool less = false;
      for (size_t from = 0; from < best_.left_out.size(); from += chunk)
        less = try_without(from, std::min(from + chunk, best_.left_out.size())) || less;
      if (chunk == 1 && !less) return;
      if (!less || chunk > 1) chunk = std::max<size_t>(chunk / 2, 1);
    }
  }

  std::string text() const {
    const std::vector<std::string> motifs = motif_names();
    Script script =
        make_script(best_.seed, best_.motif < 0 ? "" : motifs[static_cast<size_t>(best_.motif)]);
    size_t number = 0;
    for (Program& program : script.programs) {
      std::vector<Step> kept;
      for (Step& step : program.steps) {
        if (best_.left_out[number++] == 0) kept.push_back(step);
      }
      program.steps = std::move(kept);
    }
    return fmt::format("  shortened to {} of {} steps in {} runs (variant {}):\n{}  {}: {}\n",
                       script.steps(), best_.left_out.size(), runs_, best_.variant,
                       describe(script), result_.kind, result_.text);
  }

 private:
  bool try_without(size_t from, size_t to) {
    Job job = best_;
    if (std::all_of(job.left_out.begin() + static_cast<ptrdiff_t>(from),
                    job.left_out.begin() + static_cast<ptrdiff_t>(to),
                    [](uint8_t out) { return out != 0; }))
      return false;
    std::fill(job.left_out.begin() + static_cast<ptrdiff_t>(from),
              job.left_out.begin() + static_cast<ptrdiff_t>(to), uint8_t{1});
    for (uint64_t variant = 0; variant < variants; ++variant) {
      job.variant = variant == 0 ? best_.variant : variant;
      ++runs_;
      server_.start(job);
      JobResult result = server_.finish();
      if (!result.failed || result.kind != result_.kind) continue;
      best_ = job;
      result_ = std::move(result);
      return true;
    }
    return false;
  }

  RunServer& server_;
  Job best_;
  JobResult result_;
  uint64_t runs_ = 0;
};

}  // namespace

std::string shrink(RunServer& server, const Job& failing, const JobResult& result) {
  Shrinker shrinker(server, failing, result);
  if (result.script_steps > 0) shrinker.run();
  return shrinker.text();
}

}  // namespace penstock::sim
