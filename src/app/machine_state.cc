// SPDX-License-Identifier: Apache-2.0
#include "app/machine_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "app/directories.h"
#include "app/journal_note.h"
#include "app/mount_checks.h"
#include "app/mount_table.h"
#include "app/pid_file.h"
#include "app/report_socket.h"

namespace penstock {
namespace {

class Reader {
 public:
  explicit Reader(const Environment& environment) : environment_(environment) {}

  MachineState read(const std::vector<StateFolders>& folders) {
    // Of those of other users nothing is said: anybody may make one in /tmp.
    const std::string own = runtime_directory(environment_);
    if (const auto why = why_distrusted(own)) {
      distrusted_ = own;
      unseen(own, *why);
    }
    read_mounts();
    for (const StateFolders& folder : folders) {
      add_directory(folder.journals, "");
      read_notes(folder.state);
    }
    if (environment_.uid == 0) {
      for (const UserDirectories& user : directories_of_users()) {
        add_directory(user.journals, "");
        read_notes(user.state);
      }
    }
    for (const auto& [directory, note] : directories_) read_directory(directory, note);
    return std::move(state_);
  }

 private:
  void read_mounts() {
    std::vector<MountProcess> processes =
        MountProcess::all(visible_runtime_directories(environment_));
    for (const MountEntry& entry : read_mount_table(environment_.proc)) {
      if (!entry.is_penstock()) continue;
      const auto process = std::ranges::find_if(
          processes, [&](const MountProcess& p) { return p.serves(entry.device); });
      if (process == processes.end() ||
          !add(*process, KnownMount::State::mounted, entry.source, entry.mountpoint))
        add_without_process(entry);
      if (process != processes.end()) processes.erase(process);
    }
    // One without a device has not mounted yet: nobody has written anything.
    for (const MountProcess& process : processes) {
      if (!process.device().empty())
        add(process, KnownMount::State::ending, "", process.mountpoint());
    }
  }

  /// False, and no mount is added, where the process has died meanwhile without a word.
  bool add(const MountProcess& process, KnownMount::State state, std::string source,
           std::string mountpoint) {
    KnownMount mount{.state = state,
                     .source = std::move(source),
                     .mountpoint = std::move(mountpoint),
                     .pid = process.pid(),
                     .journals = process.journals(),
                     .report = {}};
    add_directory(mount.journals, "");
    const Result<std::string> answer = ask_report(ReportSocket::path(process.path()));
    std::optional<MountReport> report;
    if (answer) report = decode_mount_report(*answer);
    if (report) {
      mount.report = *std::move(report);
    } else if (!process.ended()) {
      if (!process.living()) return false;
      unseen(fmt::format("process {}, which serves {}", mount.pid, mount.mountpoint),
             answer ? "its answer is cut off; ask again" : std::string(answer.error().message()));
    }
    state_.mounts.push_back(std::move(mount));
    return true;
  }

  /// Of a mount in the table, no process of which can be seen.
  void add_without_process(const MountEntry& entry) {
    KnownMount mount{
        .source = entry.source, .mountpoint = entry.mountpoint, .journals = {}, .report = {}};
    if (is_dead(entry.mountpoint)) {
      mount.state = KnownMount::State::dead;
    } else if (entry.owner_uid != environment_.uid && environment_.uid != 0) {
      unseen(entry.mountpoint, fmt::format("it is a mount of user {}: ask as that user, or as root",
                                           entry.owner_uid));
    } else if (!distrusted_.empty()) {
      unseen(entry.mountpoint,
             fmt::format("what {} says of its process is not believed", distrusted_));
    } else {
      unseen(entry.mountpoint,
             "its process is not known here; it may run in a container: ask there");
    }
    state_.mounts.push_back(std::move(mount));
  }

  void read_notes(const std::string& state_directory) {
    if (state_directory.empty()) return;
    const Result<std::vector<NotedJournal>> notes = noted_journals(state_directory);
    if (!notes) return unseen(state_directory + "/journals", notes.error().message());
    for (const NotedJournal& note : *notes) add_directory(note.directory, note.note);
  }

  void add_directory(const std::string& directory, const std::string& note) {
    if (directory.empty()) return;
    std::string& noted = directories_[directory];
    if (noted.empty()) noted = note;
  }

  void read_directory(const std::string& directory, const std::string& note) {
    Result<std::vector<JournalReport>> reports = read_journals(directory, *Disk::system());
    if (reports) {
      for (const JournalReport& report : *reports) {
        if (!report.problem.empty()) unseen(report.folder, report.problem);
      }
      std::ranges::move(*reports, std::back_inserter(state_.journals));
    } else if (reports.code() != Code::not_found) {
      unseen(directory, reports.error().message());
    } else if (!note.empty()) {
      unseen(directory, fmt::format("a mount kept its journal there, and it is gone: mount its "
                                    "disk, or, if what it held is not wanted, remove {}",
                                    note));
    }
  }

  void unseen(std::string what, std::string_view why) {
    state_.unseen.push_back({.what = std::move(what), .why = std::string(why)});
  }

  const Environment& environment_;
  MachineState state_;
  std::string distrusted_;  ///< This user's runtime directory, where it is not believed.
  std::map<std::string, std::string> directories_;  ///< Of journals, with the note of each.
};

}  // namespace

uint64_t MachineState::pending() const {
  uint64_t files = 0;
  for (const KnownMount& mount : mounts) files += mount.report.unstored.size();
  for (const JournalReport& report : journals) files += report.files.size();
  return files;
}

MachineState read_machine_state(const std::vector<StateFolders>& folders,
                                const Environment& environment) {
  return Reader(environment).read(folders);
}

}  // namespace penstock
