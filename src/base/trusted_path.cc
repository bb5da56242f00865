// SPDX-License-Identifier: Apache-2.0
#include "base/trusted_path.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace penstock {
namespace {

namespace fs = std::filesystem;

bool of_this(const struct stat& status, uid_t user) {
  return status.st_uid == user || status.st_uid == 0;
}

/// Of all users; to give a group the right is the owner's choice.
bool everybody_writes(const struct stat& status) { return (status.st_mode & S_IWOTH) != 0; }
bool is_sticky(const struct stat& status) { return (status.st_mode & S_ISVTX) != 0; }

std::string owner(const fs::path& path, const struct stat& status) {
  return fmt::format("{} belongs to user {}", path.string(), status.st_uid);
}

/// Looks at each folder and link from the root on. What does not exist ends the way.
class Way {
 public:
  explicit Way(uid_t user) : user_(user) {}

  /// True: all of it exists, and status() is that of its end.
  bool follow(const fs::path& path) {
    at_ = "/";
    if (!look()) return false;
    for (const fs::path& name : path.relative_path()) {
      if (name.empty() || name == ".") continue;
      if (why_ || !step(name)) return false;
    }
    return !why_;
  }
  const std::optional<std::string>& why() const { return why_; }
  const fs::path& at() const { return at_; }
  const struct stat& status() const { return status_; }

 private:
  static constexpr int most_links = 40;

  bool look() { return lstat(at_.c_str(), &status_) == 0; }

  bool step(const fs::path& name) {
    if (!check_folder()) return false;
    at_ /= name;
    if (!look()) return false;
    if (!S_ISLNK(status_.st_mode)) return true;
    if (!of_this(status_, user_)) {
      why_ = fmt::format("the symbolic link {}", owner(at_, status_));
      return false;
    }
    std::error_code failed;
    const fs::path target = fs::read_symlink(at_, failed);
    if (failed || ++links_ > most_links) return false;
    const fs::path whole = target.is_absolute() ? target : at_.parent_path() / target;
    return follow(whole.lexically_normal());
  }

  /// Of a folder on the way: who writes to it may put something else in the next one's place.
  bool check_folder() {
    if (!of_this(status_, user_)) {
      why_ = owner(at_, status_);
    } else if (everybody_writes(status_) && !is_sticky(status_)) {
      why_ = fmt::format("everybody may write to {}", at_.string());
    }
    return !why_;
  }

  const uid_t user_;
  int links_ = 0;
  fs::path at_;
  struct stat status_ {};
  std::optional<std::string> why_;
};

fs::path whole_path(const std::string& path) {
  std::error_code failed;
  const fs::path whole = fs::absolute(path, failed);
  return failed ? fs::path(path) : whole.lexically_normal();
}

}  // namespace

std::optional<std::string> why_folder_is_unsafe(const std::string& folder, uid_t user) {
  Way way(user);
  if (!way.follow(whole_path(folder))) return way.why();
  const struct stat& status = way.status();
  if (status.st_uid != user) return owner(way.at(), status);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fmt::format("others may write to {0} (chmod go-w {0})", way.at().string());
  return std::nullopt;
}

std::optional<std::string> why_file_is_unsafe(const std::string& file, uid_t user) {
  const fs::path path = whole_path(file);
  struct stat beside {};
  if (stat(path.parent_path().c_str(), &beside) != 0 || !everybody_writes(beside))
    return std::nullopt;
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return std::nullopt;
  const bool kept = S_ISREG(status.st_mode) || S_ISLNK(status.st_mode);
  if (!kept || status.st_uid == user) return std::nullopt;
  return fmt::format("{}, where everybody may write", owner(path, status));
}

bool everybody_may_read(const std::string& file) {
  std::error_code failed;
  const fs::path path = fs::canonical(file, failed);
  struct stat status {};
  if (failed || stat(path.c_str(), &status) != 0 || (status.st_mode & S_IROTH) == 0) return false;
  for (fs::path folder = path.parent_path();; folder = folder.parent_path()) {
    if (stat(folder.c_str(), &status) != 0 || (status.st_mode & S_IXOTH) == 0) return false;
    if (folder == folder.root_path()) return true;
  }
}

}  // namespace penstock
