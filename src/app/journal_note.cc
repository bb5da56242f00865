// SPDX-License-Identifier: Apache-2.0
#include "app/journal_note.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <system_error>
#include <utility>

#include "app/directories.h"
#include "journal/journal_folder.h"

namespace penstock {
namespace {

std::string folder_of(const std::string& state_directory) { return state_directory + "/journals"; }

}  // namespace

JournalNote::JournalNote(const std::string& state_directory, std::string journals,
                         const std::shared_ptr<Log>& log)
    : disk_(Disk::system()),
      journals_(std::move(journals)),
      path_(folder_of(state_directory) + "/" + path_hash(journals_)) {
  const int error = write(folder_of(state_directory));
  if (error == 0) return;
  file_ = {};
  log->warning(
      "{} cannot be written ({}): should this mount die, penstock status finds what it has not "
      "uploaded only with --journal-dir {}; see --state-dir",
      path_, std::generic_category().message(-error), journals_);
}

int JournalNote::write(const std::string& folder) {
  if (const int error = make_folders(disk_, folder); error != 0) return error;
  Disk::Status status;
  // The last mount of the directory removes the note under its lock. If it did so between this open
  // and this lock, the file here has no name any more, and a new one is made.
  while (status.links == 0) {
    file_ = open_file(disk_, path_, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (!file_) return file_.get();
    if (const int error = disk_->flock(file_.get(), LOCK_SH); error != 0) return error;
    if (const int error = file_.stat(status); error != 0) return error;
  }
  const std::string text = journals_ + "\n";
  if (const int error = file_.pwrite(std::as_bytes(std::span(text)), 0); error != 0) return error;
  if (const int error = file_.sync(); error != 0) return error;
  return sync_folder(disk_, folder);
}

JournalNote::~JournalNote() {
  // Changing the lock is two steps: in between another may have taken it, and the file.
  Disk::Status status;
  if (!file_ || file_.try_lock(LOCK_EX) != 0 || file_.stat(status) != 0 || status.links == 0)
    return;
  std::vector<std::string> left;
  const int error = disk_->list(journals_, left);
  if ((error == 0 && left.empty()) || error == -ENOENT) disk_->unlink(path_);
}

Result<std::vector<NotedJournal>> noted_journals(const std::string& state_directory) {
  const std::string folder = folder_of(state_directory);
  std::vector<std::string> names;
  std::vector<NotedJournal> notes;
  const int error = Disk::system()->list(folder, names);
  if (error == -ENOENT) return notes;
  if (error != 0) return Error(Code::unavailable, std::generic_category().message(-error));
  std::ranges::sort(names);
  for (const std::string& name : names) {
    NotedJournal note{.note = fmt::format("{}/{}", folder, name), .directory = {}};
    errno = 0;
    std::ifstream file(note.note);
    if (!file && errno != ENOENT)
      return Error(Code::unavailable, fmt::format("{}: {}", name, std::strerror(errno)));
    // One that is being made, or has just gone, is empty: nothing is promised there.
    if (std::getline(file, note.directory)) notes.push_back(std::move(note));
  }
  return notes;
}

}  // namespace penstock
