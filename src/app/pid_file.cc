// SPDX-License-Identifier: Apache-2.0
#include "app/pid_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>

#include "app/directories.h"

namespace penstock {
namespace {

Error failed(const std::string& what, const std::string& path, int error) {
  return Error(Code::unavailable,
               fmt::format("cannot {} {}: {}", what, path, std::strerror(error)));
}

bool same_file(int fd, const std::string& path) {
  struct stat open_file {};
  struct stat named_file {};
  return fstat(fd, &open_file) == 0 && stat(path.c_str(), &named_file) == 0 &&
         open_file.st_ino == named_file.st_ino && open_file.st_dev == named_file.st_dev;
}

/// Writes all of `text` behind what is there. A full disk loses the note, which readers then take
/// for a crash.
void append(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

std::string read_all(int fd) {
  std::string text;
  char piece[4096];
  while (true) {
    const ssize_t got = pread(fd, piece, sizeof(piece), static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(piece, static_cast<size_t>(got));
  }
}

/// Waits for the end of `pid` through a pidfd, or until it has `let_go`: a process that has done
/// all and has a thread in a disk that hangs does not end. False where the kernel or a sandbox
/// refuses a pidfd.
bool wait_for_process(pid_t pid, std::chrono::milliseconds interval,
                      const std::function<bool()>& let_go,
                      const std::function<void()>& still_waiting) {
  constexpr std::chrono::milliseconds look_every{200};
  const OwnedFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return errno == ESRCH;
  pollfd entry{.fd = process.get(), .events = POLLIN, .revents = 0};
  auto told = std::chrono::steady_clock::now();
  while (true) {
    const int ready = poll(&entry, 1, static_cast<int>(std::min(interval, look_every).count()));
    if (ready > 0 || let_go()) return true;
    if (ready < 0 && errno != EINTR) return false;
    if (std::chrono::steady_clock::now() - told < interval) continue;
    told = std::chrono::steady_clock::now();
    still_waiting();
  }
}

constexpr std::string_view device_word = "device ";
constexpr std::string_view journals_word = "journals ";
constexpr std::string_view unmounted_line = "unmounted";

std::optional<MountProcess::Pending> parse_pending(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  MountProcess::Pending pending;
  if (words >> word >> pending.files >> pending.bytes && word == "pending") return pending;
  return std::nullopt;
}

}  // namespace

// A directory that others can write to is no place to believe a file in; nor one behind a link,
// which somebody else may have put where a user's directory is expected (/tmp), or one there that
// is not that user's.
std::optional<std::string> why_distrusted(const std::string& directory) {
  struct stat status {};
  if (lstat(directory.c_str(), &status) != 0) return std::nullopt;
  if (!S_ISDIR(status.st_mode)) return "it is no directory: remove it";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fmt::format("others can write to it: chmod go-w {}, and mount again", directory);
  if (is_shared_directory(directory) && directory != shared_directory(status.st_uid))
    return fmt::format("it belongs to user {}", status.st_uid);
  return std::nullopt;
}

std::string pid_file_name(const std::string& mountpoint, int place) {
  const std::string hash = path_hash(mountpoint);
  return place == 0 ? hash + ".pid" : fmt::format("{}-{}.pid", hash, place);
}

Result<std::unique_ptr<PidFile>> PidFile::create(const std::string& directory,
                                                 const std::string& mountpoint) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(directory).parent_path(), error);
  if (mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return failed("make the directory", directory, errno);
  if (const auto why = why_distrusted(directory))
    return Error(Code::access_denied, fmt::format("{} is not used: {}", directory, *why));
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0) return failed("look at", directory, errno);
  if (status.st_uid != geteuid()) {
    return Error(Code::access_denied,
                 fmt::format("{} is not used: it belongs to user {}", directory, status.st_uid));
  }
  for (int place = 0; place < most;) {
    const std::string path = directory + "/" + pid_file_name(mountpoint, place);
    OwnedFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_APPEND, 0644));
    if (!fd) return failed("write", path, errno);
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      ++place;
      continue;
    }
    // An ending process may have removed the file between our open and our lock: then the name is
    // free, try again.
    if (!same_file(fd.get(), path)) continue;
    if (ftruncate(fd.get(), 0) != 0) return failed("write", path, errno);
    append(fd.get(), fmt::format("{}\n{}\n", getpid(), mountpoint));
    return std::make_unique<PidFile>(path, std::move(fd));
  }
  return Error(
      Code::already_exists,
      fmt::format("{} processes of earlier mounts at {} are still ending", most, mountpoint));
}

PidFile::~PidFile() { unlink(path_.c_str()); }

void PidFile::record_end(const std::vector<std::string>& unsaved) {
  std::string text = "ended\n";
  for (std::string path : unsaved) {
    std::replace(path.begin(), path.end(), '\n', '?');
    text += path + "\n";
  }
  append(fd_.get(), text);
}

void PidFile::record_device(const std::string& device) {
  append(fd_.get(), fmt::format("{}{}\n", device_word, device));
}

void PidFile::record_unmounted() { append(fd_.get(), fmt::format("{}\n", unmounted_line)); }

void PidFile::record_journals(const std::string& directory) {
  append(fd_.get(), fmt::format("{}{}\n", journals_word, directory));
}

void PidFile::record_pending(uint64_t files, uint64_t bytes) {
  append(fd_.get(), fmt::format("pending {} {}\n", files, bytes));
}

std::vector<MountProcess> MountProcess::find(const std::vector<std::string>& directories,
                                             const std::string& mountpoint) {
  std::vector<MountProcess> found;
  for (const std::string& directory : directories) {
    if (why_distrusted(directory)) continue;
    for (int place = 0; place < PidFile::most; ++place) {
      auto process = read(directory + "/" + pid_file_name(mountpoint, place));
      if (process && process->mountpoint() == mountpoint) found.push_back(std::move(*process));
    }
  }
  return found;
}

std::vector<MountProcess> MountProcess::all(const std::vector<std::string>& directories) {
  std::vector<MountProcess> found;
  for (const std::string& directory : directories) {
    if (why_distrusted(directory)) continue;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
      if (entry.path().extension() != ".pid") continue;
      if (auto process = read(entry.path().string())) found.push_back(std::move(*process));
    }
  }
  return found;
}

std::optional<MountProcess> MountProcess::read(const std::string& path) {
  // What somebody else may have put there is no reason to wait.
  OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  // One that nobody holds is left by a process that was killed.
  if (!fd || flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  std::istringstream lines(read_all(fd.get()));
  pid_t pid = 0;
  std::string mountpoint;
  if (!(lines >> pid) || lines.get() != '\n' || !std::getline(lines, mountpoint))
    return std::nullopt;
  // To kill(2), which root calls for other users' mounts too, these mean many processes, or all.
  if (pid <= 0) return std::nullopt;
  return MountProcess(path, std::move(fd), pid, std::move(mountpoint));
}

std::string MountProcess::noted(std::string_view word) const {
  std::istringstream lines(read_all(file_.get()));
  std::string line;
  for (int number = 0; std::getline(lines, line) && line != "ended"; ++number) {
    if (number >= 2 && line.starts_with(word)) return line.substr(word.size());
  }
  return "";
}

std::string MountProcess::device() const { return noted(device_word); }

bool MountProcess::serves(const std::string& device) const {
  if (this->device() != device) return false;
  std::istringstream lines(read_all(file_.get()));
  std::string line;
  for (int number = 0; std::getline(lines, line); ++number) {
    if (number >= 2 && (line == unmounted_line || line == "ended")) return false;
  }
  return true;
}

std::string MountProcess::journals() const { return noted(journals_word); }

std::optional<MountProcess::Pending> MountProcess::pending() const {
  std::istringstream lines(read_all(file_.get()));
  std::optional<Pending> last;
  std::string line;
  for (int number = 0; std::getline(lines, line) && line != "ended"; ++number) {
    if (const auto pending = parse_pending(line); number >= 2 && pending) last = pending;
  }
  return last;
}

bool MountProcess::living() const { return flock(file_.get(), LOCK_SH | LOCK_NB) != 0; }

bool MountProcess::ended() const {
  return read_all(file_.get()).find("\nended\n") != std::string::npos;
}

void MountProcess::detach_pending() const { kill(pid_, SIGUSR1); }

void MountProcess::end_now() const { kill(pid_, SIGTERM); }

MountProcess::End MountProcess::wait(std::chrono::milliseconds interval,
                                     const std::function<void()>& still_waiting) {
  const auto let_go = [this] { return !living(); };
  wait_for_process(pid_, interval, let_go, still_waiting);
  // The lock has the last word: it also covers a process in another pid namespace, where the number
  // means nothing here.
  while (flock(file_.get(), LOCK_SH) != 0 && errno == EINTR) {
  }
  End end;
  std::istringstream lines(read_all(file_.get()));
  std::string line;
  for (int number = 0; std::getline(lines, line); ++number) {
    if (number < 2) continue;
    if (end.in_order) {
      end.unsaved.push_back(line);
    } else if (line == "ended") {
      end.in_order = true;
    } else if (const auto pending = parse_pending(line)) {
      end.pending = pending;
    }
  }
  if (end.pending && end.pending->files == 0) end.pending.reset();
  return end;
}

}  // namespace penstock
