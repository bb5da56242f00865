// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/system_checks.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "app/human_text.h"
#include "base/cgroup_limit.h"
#include "base/memory_budget.h"

namespace penstock {
namespace {

constexpr uint64_t no_limit = ~0ULL;
/// Beside connections: opened cache files, the journal, pipes. Below it mounts fail under load.
constexpr uint64_t files_beside = 512;
constexpr int64_t year_2024 = 1'704'067'200;

Finding judge_memory(const SystemFacts& facts) {
  const uint64_t available = std::min(facts.memory, facts.cgroup_limit);
  const std::string found =
      fmt::format("{} of RAM{}, of which a mount takes {} for data", human_size(facts.memory),
                  facts.cgroup_limit >= facts.memory
                      ? ""
                      : fmt::format(", the cgroup may use {}", human_size(facts.cgroup_limit)),
                  human_size(facts.mount_limit));
  if (facts.mount_limit > available / 2) {
    return Finding::wrong("memory", found,
                          "that is more than half of what there is, and the kernel may kill the "
                          "mount: lower --memory-limit, or give the cgroup more");
  }
  if (facts.mount_limit < (128ULL << 20)) {
    return Finding::note("memory", found,
                         "little for read-ahead: raise the cgroup's limit or --memory-limit");
  }
  return Finding::ok("memory", found);
}

Finding judge_files(const SystemFacts& facts) {
  const uint64_t needed = facts.max_connections + files_beside;
  if (facts.files_hard < needed) {
    return Finding::wrong(
        "open files", fmt::format("at most {} per process", facts.files_hard),
        fmt::format("--max-connections {} and the cache need {}: raise ulimit -Hn, or LimitNOFILE "
                    "of the service",
                    facts.max_connections, needed));
  }
  return Finding::ok("open files", facts.files_hard == no_limit
                                       ? "no limit"
                                       : fmt::format("at most {} per process", facts.files_hard));
}

Finding judge_clock(const SystemFacts& facts) {
  if (facts.now < year_2024) {
    return Finding::wrong("clock", fmt::format("it is {}", local_time(facts.now * 1'000'000'000)),
                          "set the clock: the store refuses requests, and certificates are not yet "
                          "valid");
  }
  const std::string now = local_time(facts.now * 1'000'000'000);
  if (!facts.clock_known)
    return Finding::note("clock", now + ", not known whether it is synchronised",
                         "compare it with another: date -u");
  if (!facts.clock_synced) {
    return Finding::note("clock", now + ", not synchronised",
                         "run chrony or systemd-timesyncd on the host: S3 refuses requests of a "
                         "clock that is 15 minutes off, and nodes compare times");
  }
  return Finding::ok("clock", fmt::format("{}, synchronised within {}", now,
                                          human_latency(std::chrono::duration<double>(
                                              static_cast<double>(facts.clock_error_us) / 1e6))));
}

}  // namespace

SystemFacts read_system_facts(const Options& options) {
  SystemFacts facts;
  facts.memory =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  facts.cgroup_limit = cgroup_memory_limit();
  facts.mount_limit =
      options.mount.memory_limit != 0 ? options.mount.memory_limit : default_memory_limit();
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  facts.files_hard = files.rlim_max;
  facts.max_connections = options.store.max_connections;
  timex clock{};
  const int state = adjtimex(&clock);
  facts.clock_known = state >= 0;
  facts.clock_synced = state >= 0 && state != TIME_ERROR && (clock.status & STA_UNSYNC) == 0;
  facts.clock_error_us = clock.maxerror;
  facts.now = std::time(nullptr);
  return facts;
}

Findings judge(const SystemFacts& facts) {
  return {judge_memory(facts), judge_files(facts), judge_clock(facts)};
}

}  // namespace penstock
