// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/mount_doctor.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "app/configured.h"
#include "app/human_text.h"
#include "app/machine_state.h"
#include "app/metrics/told_metrics.h"
#include "app/mount_checks.h"
#include "app/mount_table.h"
#include "app/owned_fd.h"
#include "app/wrong.h"
#include "base/wall_clock.h"
#include "config/render.h"

namespace penstock {
namespace {

using std::chrono::seconds;

constexpr int answer_limit_ms = 5000;
/// A file that waits for longer than this is not just being uploaded.
constexpr seconds long_pending{600};
/// Of all requests; below it retries hide them.
constexpr uint64_t errors_per_request = 100;

/// Whether statfs at `mountpoint` returns in time. In a child process: who waits for a mount that
/// hangs cannot be told to stop, but killed.
bool answers(const std::string& mountpoint) {
  const pid_t child = fork();
  if (child < 0) return true;  // then it is not known
  if (child == 0) {
    struct statvfs status {};
    _exit(statvfs(mountpoint.c_str(), &status) == 0 ? 0 : 1);
  }
  const OwnedFd ended(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  pollfd wait{.fd = ended.get(), .events = POLLIN, .revents = 0};
  const bool in_time = poll(&wait, 1, answer_limit_ms) == 1;
  if (!in_time) kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  return in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// The mount at `path`, without touching it if it is written as in the table: it may hang.
std::optional<MountEntry> mount_at(const std::string& path, const Environment& environment) {
  const std::vector<MountEntry> table = read_mount_table(environment.proc);
  std::string plain =
      (std::filesystem::path(environment.working_directory) / path).lexically_normal().string();
  if (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  std::optional<MountEntry> entry = find_mount(table, plain);
  if (!entry) entry = find_mount(table, canonical_path(path, environment.working_directory));
  return entry && entry->is_penstock() ? entry : std::nullopt;
}

uint64_t whole(double value) { return value <= 0 ? 0 : static_cast<uint64_t>(value); }

void take_metrics(const MetricReading& reading, MountFacts& facts) {
  const auto sum = [&](std::string_view name) { return whole(reading.sum(name)); };
  const std::vector<std::string> versions = reading.values("penstock_build_info", "version");
  if (!versions.empty()) facts.version = versions[0];
  facts.age = seconds(wall_clock_ns() / 1'000'000'000 -
                      static_cast<int64_t>(reading.sum("penstock_start_time_seconds")));
  if (reading.has("penstock_feature"))
    facts.passthrough = reading.sum("penstock_feature", {{"feature", "passthrough"}}) > 0;
  facts.cache_bytes = sum("penstock_cache_bytes");
  facts.cache_limit = sum("penstock_cache_limit_bytes");
  facts.corrupt_chunks = sum("penstock_cache_corrupt_chunks_total");
  facts.memory_used = sum("penstock_memory_used_bytes");
  facts.memory_limit = sum("penstock_memory_limit_bytes");
  facts.requests = sum("penstock_store_requests_total");
  facts.request_errors = sum("penstock_store_request_errors_total");
  facts.throttled = sum("penstock_store_throttled_total");
  facts.pending_files = sum("penstock_pending_files");
  facts.pending_for = seconds(sum("penstock_pending_oldest_seconds"));
}

Finding judge_memory(const MountFacts& facts) {
  return Finding::ok("mount's memory", fmt::format("{} of {} in use", human_size(facts.memory_used),
                                                   human_size(facts.memory_limit)));
}

Finding judge_cache(const MountFacts& facts) {
  if (facts.cache_limit == 0) return Finding::ok("mount's cache", "none");
  const std::string found =
      fmt::format("{} of {}", human_size(facts.cache_bytes), human_size(facts.cache_limit));
  if (facts.corrupt_chunks != 0) {
    return Finding::wrong("mount's cache",
                          fmt::format("{}, and {} were damaged on the disk", found,
                                      counted(facts.corrupt_chunks, "chunk")),
                          "the disk gives other bytes than were written: look at dmesg and "
                          "smartctl, and give another --cache-dir");
  }
  return Finding::ok("mount's cache", found);
}

Finding judge_requests(const MountFacts& facts) {
  const std::string found =
      fmt::format("{}, {} failed, {} were told to slow down", counted(facts.requests, "request"),
                  facts.request_errors, facts.throttled);
  if (facts.request_errors * errors_per_request > facts.requests) {
    return Finding::note("mount's requests", found,
                         "the log names them (--log-level=debug all); many are tried again with "
                         "success");
  }
  return Finding::ok("mount's requests", found);
}

Finding judge_pending(const MountFacts& facts) {
  const uint64_t unstored =
      static_cast<uint64_t>(std::ranges::count(facts.report.unstored, false, &UnstoredFile::open));
  if (facts.pending_files == 0 && unstored == 0)
    return Finding::ok("mount's files", "all that is closed is in the bucket");
  const std::string found =
      fmt::format("{} to upload, for {} at most; {} closed and not stored",
                  counted(facts.pending_files, "file"), human_time(facts.pending_for), unstored);
  if (unstored != 0 || facts.pending_for > long_pending) {
    return Finding::wrong("mount's files", found,
                          "penstock status says why each is not in the bucket; what follows below "
                          "may say more");
  }
  return Finding::ok("mount's files", found);
}

}  // namespace

Result<MountFacts> read_mount_facts(const std::string& path, const Environment& environment) {
  const std::optional<MountEntry> entry = mount_at(path, environment);
  if (!entry) {
    return Error(
        Code::not_found,
        fmt::format("{} is neither a URL (s3://BUCKET/PREFIX) nor a mount of Penstock; see "
                    "penstock status",
                    printable(path)));
  }
  MountFacts facts{.source = entry->source,
                   .mountpoint = entry->mountpoint,
                   .version = {},
                   .own_version = std::string(version()),
                   .problem = {},
                   .report = {}};
  facts.answers = answers(entry->mountpoint);
  for (const KnownMount& mount : read_machine_state({}, environment).mounts) {
    if (mount.mountpoint != entry->mountpoint || mount.state == KnownMount::State::ending) continue;
    facts.dead = mount.state == KnownMount::State::dead;
    facts.pid = mount.pid;
    facts.report = mount.report;
  }
  const AllMetrics told = ask_metrics(entry->mountpoint, environment);
  if (!told.problems.empty()) facts.problem = told.problems[0];
  if (!told.mounts.empty()) {
    facts.problem.clear();
    take_metrics(told.mounts[0].reading, facts);
  } else if (facts.problem.empty()) {
    facts.problem = "its process is not seen here: ask as the user who has mounted it, or as root";
  }
  return facts;
}

Findings judge(const MountFacts& facts) {
  const std::string what = fmt::format("{} at {}", facts.source, facts.mountpoint);
  if (facts.dead) {
    return {
        Finding::wrong("mount", what + ": its process has died",
                       fmt::format("penstock umount {}, then mount it again", facts.mountpoint))};
  }
  Findings findings{
      Finding::ok("mount", facts.pid == 0 ? what : fmt::format("{}, process {}", what, facts.pid))};
  findings.push_back(
      facts.answers ? Finding::ok("mount answers", "yes")
                    : Finding::wrong(
                          "mount answers",
                          fmt::format("not within {} s, or with an error", answer_limit_ms / 1000),
                          fmt::format("look into its log (journalctl -t penstock); penstock umount "
                                      "--force {} ends it",
                                      facts.mountpoint)));
  if (!facts.problem.empty()) {
    findings.push_back(Finding::note("mount's report", facts.problem, "then this is all there is"));
    return findings;
  }
  findings.push_back(
      facts.version == facts.own_version
          ? Finding::ok("mount's version", facts.version)
          : Finding::note("mount's version",
                          fmt::format("{}, this program is {}", facts.version, facts.own_version),
                          "mount it anew to run the new version"));
  if (facts.passthrough)
    findings.push_back(Finding::ok("mount's passthrough", *facts.passthrough ? "on" : "off"));
  findings.push_back(judge_memory(facts));
  findings.push_back(judge_cache(facts));
  findings.push_back(judge_requests(facts));
  findings.push_back(judge_pending(facts));
  return findings;
}

Result<Options> options_of_process(pid_t pid, const Environment& environment) {
  if (pid == 0) return wrong("its process is not known");
  std::ifstream file(fmt::format("{}/{}/cmdline", environment.proc, pid), std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\0', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  if (words.empty()) return wrong(fmt::format("the command line of process {} is hidden", pid));
  const bool helper = std::filesystem::path(words[0]).filename().string().starts_with("mount.");
  const size_t skipped = helper ? 1 : 2;
  if (words.size() <= skipped) return wrong(fmt::format("process {} is no penstock mount", pid));
  Result<MountArguments> parsed =
      parse_configured_mount(std::span(words).subspan(skipped), helper, environment);
  if (!parsed) return parsed.error();
  return std::move(parsed->options);
}

}  // namespace penstock
