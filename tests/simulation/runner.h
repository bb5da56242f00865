// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace penstock::sim {

/// One run that somebody asks for.
struct Job {
  uint64_t seed = 0;
  uint64_t variant = 0;
  int32_t motif = -1;  ///< Index into motif_names(); negative: by chance.
  double belief = 1;
  bool trace = false;
  /// Steps that are left out, by their number in the whole script.
  std::vector<uint8_t> left_out;
};

struct JobResult {
  bool failed = false;
  std::string kind;  ///< Of the violation, or how the process ended.
  std::string text;
  uint64_t events = 0;
  uint64_t hash = 0;
  uint64_t steps = 0;
  uint64_t script_steps = 0;
};

/// Runs jobs in processes of their own, each forked from the same untouched process: a run that
/// aborts harms nobody, and memory lies at the same addresses each time, so that what depends on
/// them is repeated as well.
class RunServer {
 public:
  /// Must be made before the program has allocated anything.
  RunServer();
  ~RunServer();
  RunServer(const RunServer&) = delete;
  RunServer& operator=(const RunServer&) = delete;

  void start(const Job& job);
  /// Of the job that was started; waits for it.
  JobResult finish();
  int result_fd() const { return results_; }

 private:
  int requests_ = -1;
  int results_ = -1;
  pid_t server_ = 0;
};

}  // namespace penstock::sim
