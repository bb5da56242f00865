// SPDX-License-Identifier: Apache-2.0
#include "app/warm/mounted_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

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

}  // namespace

void MountedFiles::list(const WarmVisitor& visit, const WarmFailure& failed) {
  if (request_.manifest.empty()) {
    for (const std::string& path : request_.paths) {
      if (!visit_path(path, request_.recursive, visit, failed)) return;
    }
    return;
  }
  const Result<void> read = read_manifest(request_.manifest, [&](const std::string& name) {
    const Result<std::string> path = place_below(request_.paths[0], name);
    if (path) return visit_path(*path, request_.recursive, visit, failed);
    failed(name, std::string(path.error().message()));
    return true;
  });
  if (!read) failed(request_.manifest, std::string(read.error().message()));
}

bool MountedFiles::visit_path(const std::string& path, bool recursive, const WarmVisitor& visit,
                              const WarmFailure& failed) const {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    failed(path, std::strerror(errno));
    return true;
  }
  if (S_ISREG(status.st_mode))
    return visit({.name = path, .size = static_cast<uint64_t>(status.st_size), .etag = {}});
  if (recursive) return walk(path, visit, failed);
  failed(path, "is a directory; --recursive takes what lies below");
  return true;
}

bool MountedFiles::walk(const std::string& directory, const WarmVisitor& visit,
                        const WarmFailure& failed) const {
  const std::unique_ptr<DIR, CloseDirectory> open_directory(opendir(directory.c_str()));
  if (open_directory == nullptr) {
    failed(directory, std::strerror(errno));
    return true;
  }
  while (true) {
    errno = 0;
    const dirent* entry = readdir(open_directory.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    std::string path = directory + "/";
    path += name;
    if (!visit_path(path, true, visit, failed)) return false;
  }
  if (errno != 0) failed(directory, std::strerror(errno));
  return true;
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
