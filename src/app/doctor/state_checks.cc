// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/state_checks.h"

#include <fmt/format.h>

#include "app/config_problems.h"
#include "app/human_text.h"
#include "app/state_folders.h"

namespace penstock {
namespace {

void add_mounts(const MachineState& state, Findings& findings) {
  size_t living = 0;
  for (const KnownMount& mount : state.mounts) {
    if (mount.state != KnownMount::State::dead) {
      ++living;
      continue;
    }
    findings.push_back(Finding::wrong(
        "dead mount", fmt::format("{} at {}: its process has died", mount.source, mount.mountpoint),
        fmt::format("penstock umount {}, then mount it again", mount.mountpoint)));
  }
  findings.push_back(
      Finding::ok("mounts", living == 0 ? "none" : counted(living, "mount") + " of Penstock"));
}

void add_pending(const MachineState& state, Findings& findings) {
  uint64_t left = 0;
  for (const JournalReport& report : state.journals) {
    if (!report.live) left += report.files.size();
    for (const JournalReport::File& file : report.files) {
      if (!file.damage.empty()) {
        findings.push_back(Finding::wrong("damaged file",
                                          fmt::format("{}: {}", file.key, file.damage),
                                          "see `penstock status` and docs/writes.md"));
      }
    }
  }
  if (left != 0) {
    findings.push_back(Finding::note(
        "pending files",
        fmt::format("{} that no bucket has, of mounts that are gone", counted(left, "file")),
        "mount the same URL again: it uploads them; penstock status names them"));
  } else if (state.pending() != 0) {
    findings.push_back(Finding::ok(
        "pending files", fmt::format("{} being uploaded", counted(state.pending(), "file"))));
  } else {
    findings.push_back(Finding::ok("pending files", "none"));
  }
  for (const Unseen& unseen : state.unseen)
    findings.push_back(Finding::note("not seen", unseen.what, unseen.why));
}

}  // namespace

Findings judge_configuration(const std::vector<std::string>& files,
                             const std::vector<std::string>& problems) {
  Findings findings;
  for (const std::string& problem : problems) {
    findings.push_back(Finding::wrong("configuration", problem,
                                      "put it right, and see docs/configuration.md; penstock "
                                      "config check looks again"));
  }
  if (problems.empty()) {
    findings.push_back(
        Finding::ok("configuration", files.empty() ? "there is no file"
                                                   : fmt::format("{}", fmt::join(files, ", "))));
  }
  return findings;
}

Findings judge(const MachineState& state) {
  Findings findings;
  add_mounts(state, findings);
  add_pending(state, findings);
  return findings;
}

Findings check_state(const Options& options, const Environment& environment) {
  const ConfigCheck configuration = check_config_files(options.config.file, environment);
  std::vector<std::string> paths;
  for (const ConfigFile& file : configuration.files) paths.push_back(file.path);
  Findings findings = judge_configuration(paths, configuration.problems);
  const Result<std::vector<StateFolders>> folders = state_folders_of(options, environment);
  const MachineState state =
      read_machine_state(folders ? *folders : std::vector<StateFolders>(), environment);
  for (Finding& finding : judge(state)) findings.push_back(std::move(finding));
  return findings;
}

}  // namespace penstock
