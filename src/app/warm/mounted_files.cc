// SPDX-License-Identifier: Apache-2.0
#include "app/warm/mounted_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "app/mount_table.h"
#include "app/owned_fd.h"
#include "app/warm/manifest.h"
#include "app/warm/pace.h"
#include "frontend/cache_request.h"

namespace penstock {
namespace {

Error system_error(int number) {
  const Code code = number == EOPNOTSUPP || number == ENOTTY ? Code::not_supported
                    : number == ENOENT                       ? Code::not_found
                                                             : Code::unavailable;
  return Error(code, std::strerror(number));
}

// Past the page cache: what the kernel has would never reach the mount's own cache.
OwnedFd open_past_pages(const std::string& path) {
  return OwnedFd(open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC | O_NOFOLLOW));
}

Result<CacheShare> share_of(const OwnedFd& fd) {
  CacheShare share;
  if (ioctl(fd.get(), cache_share_request, &share) != 0) return system_error(errno);
  return share;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

struct FreeText {
  void operator()(char* text) const { std::free(text); }
};

/// Where a path leads that may end in a link; nothing (errno) where that is nowhere.
std::optional<std::string> follow(const std::string& path) {
  const std::unique_ptr<char, FreeText> real(realpath(path.c_str(), nullptr));
  return real == nullptr ? std::nullopt : std::optional<std::string>(real.get());
}

/// Finds the files below what was asked for. Links are followed inside the mount, each directory
/// that they lead to once.
class FileFinder {
 public:
  FileFinder(const WarmVisitor& visit, const WarmFailure& failed)
      : visit_(visit), failed_(failed) {}

  /// What lies at `path`, which is one of the mount with the device number `mount`.
  bool visit(const std::string& path, dev_t mount, bool recursive) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) return fails(path, std::strerror(errno));
    std::string real = path;
    const bool link = S_ISLNK(status.st_mode);
    if (link) {
      std::optional<std::string> target = follow(path);
      if (!target || lstat(target->c_str(), &status) != 0) return fails(path, std::strerror(errno));
      real = std::move(*target);
    }
    if (status.st_dev != mount) return fails(path, "leads out of the mount");
    if (link && is_listed(real)) return true;
    if (S_ISREG(status.st_mode)) {
      return visit_(
          {.name = std::move(real), .size = static_cast<uint64_t>(status.st_size), .etag = {}});
    }
    // Pipes and devices have no bytes in the bucket.
    if (!S_ISDIR(status.st_mode)) return true;
    if (!recursive) return fails(path, "is a directory; --recursive takes what lies below");
    if (!is_listed(real)) listed_.push_back(real);
    return walk(real, mount);
  }

 private:
  bool fails(const std::string& path, const std::string& why) const {
    failed_(path, why);
    return true;
  }

  /// Whether the path lies below a directory that is listed as a whole.
  bool is_listed(const std::string& path) const {
    return std::any_of(listed_.begin(), listed_.end(),
                       [&](const std::string& listed) { return is_inside(path, listed); });
  }

  bool walk(const std::string& directory, dev_t mount) {
    const std::unique_ptr<DIR, CloseDirectory> open_directory(opendir(directory.c_str()));
    if (open_directory == nullptr) return fails(directory, std::strerror(errno));
    while (true) {
      errno = 0;
      const dirent* entry = readdir(open_directory.get());
      if (entry == nullptr) break;
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      std::string path = directory + "/";
      path += name;
      if (!visit(path, mount, true)) return false;
    }
    return errno == 0 || fails(directory, std::strerror(errno));
  }

  const WarmVisitor& visit_;
  const WarmFailure& failed_;
  std::vector<std::string> listed_;
};

}  // namespace

void MountedFiles::list(const WarmVisitor& visit, const WarmFailure& failed) {
  FileFinder finder(visit, failed);
  if (request_.manifest.empty()) {
    for (const WarmRequest::Path& path : request_.paths) {
      if (!finder.visit(path.path, path.mount, request_.recursive)) return;
    }
    return;
  }
  const WarmRequest::Path& base = request_.paths[0];
  const Result<void> read = read_manifest(request_.manifest, [&](const std::string& name) {
    const Result<std::string> path = place_below(base.path, name);
    if (path) return finder.visit(*path, base.mount, request_.recursive);
    failed(name, std::string(path.error().message()));
    return true;
  });
  if (!read) failed(request_.manifest, std::string(read.error().message()));
}

Result<CacheShare> MountedFiles::share(const WarmFile& file) {
  const OwnedFd fd = open_past_pages(file.name);
  if (!fd) return system_error(errno);
  return share_of(fd);
}

Result<void> MountedFiles::read(const WarmFile& file, ByteRange range, std::span<std::byte> scratch,
                                const WarmStep& step) {
  const OwnedFd fd = open_past_pages(file.name);
  if (!fd) return system_error(errno);
  for (uint64_t at = range.offset; at < range.end();) {
    // Whole pages, as O_DIRECT wants it; the file's end makes it shorter.
    const ssize_t got = pread(fd.get(), scratch.data(), scratch.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno);
    if (got == 0) return Error(Code::changed, "has become shorter");
    const uint64_t counted = std::min<uint64_t>(static_cast<uint64_t>(got), range.end() - at);
    at += counted;
    pace(step(counted), [&] {
      const Result<CacheShare> share = share_of(fd);
      return share ? share->coming : 0;
    });
  }
  return {};
}

}  // namespace penstock
