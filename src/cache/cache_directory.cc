// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_directory.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string_view>

namespace penstock {
namespace {

constexpr uint32_t private_folder = 0700;
constexpr size_t name_length = 40;
constexpr size_t shard_digits = 2;

bool is_name(std::string_view text) {
  return text.size() == name_length && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// True where the folder exists afterwards.
int make_folder(Disk& disk, const std::string& path) {
  const int result = disk.mkdir(path, private_folder);
  return result == -EEXIST ? 0 : result;
}

}  // namespace

CacheDirectory::CacheDirectory(std::shared_ptr<Disk> disk, std::string directory)
    : disk_(std::move(disk)),
      root_(std::move(directory)),
      version_(root_ + "/v1"),
      objects_(version_ + "/objects") {}

int CacheDirectory::make_root() {
  Disk::Status status;
  const int found = disk_->stat(root_ + "/", status);
  if (found != -ENOENT) return found;
  // A vanished directory is made again, but not its parents.
  if (device_) return make_folder(*disk_, root_);
  for (size_t slash = root_.find('/', 1); slash != std::string::npos;
       slash = root_.find('/', slash + 1)) {
    const int result = make_folder(*disk_, root_.substr(0, slash));
    // A parent that exists may be one where nothing can be made: the next step will tell.
    if (result != 0 && result != -EROFS && result != -EACCES) return result;
  }
  return make_folder(*disk_, root_);
}

int CacheDirectory::prepare() {
  if (const int result = make_root(); result != 0) return result;
  Disk::Status status;
  if (const int result = disk_->stat(root_ + "/", status); result != 0) return result;
  if (!status.directory) return -ENOTDIR;
  if (device_ && *device_ != status.device) return -ENODEV;
  device_ = status.device;
  if (const int result = make_folder(*disk_, version_); result != 0) return result;
  return make_folder(*disk_, objects_);
}

std::string CacheDirectory::shard_path(uint32_t shard) const {
  return fmt::format("{}/{:02x}", objects_, shard);
}

std::string CacheDirectory::path_of(const std::string& name) const {
  return fmt::format("{}/{}/{}", objects_, name.substr(0, shard_digits), name);
}

int CacheDirectory::make_shard(const std::string& name) {
  return make_folder(*disk_, fmt::format("{}/{}", objects_, name.substr(0, shard_digits)));
}

int CacheDirectory::list(uint32_t shard, std::vector<Pair>& pairs,
                         std::vector<std::string>* unfinished) {
  const std::string folder = shard_path(shard);
  const std::string digits = fmt::format("{:02x}", shard);
  std::vector<std::string> names;
  const int result = disk_->list(folder, names);
  if (result == -ENOENT) return 0;
  if (result != 0) return result;
  std::map<std::string, Pair, std::less<>> found;
  for (const std::string& file : names) {
    const std::string_view name = std::string_view(file).substr(0, name_length);
    const std::string_view rest = std::string_view(file).substr(name.size());
    if (!is_name(name) || !name.starts_with(digits)) continue;
    if (rest == ".data") {
      found[std::string(name)].has_data = true;
    } else if (rest == ".map") {
      found[std::string(name)].has_map = true;
    } else if (rest.starts_with(".map.new-") && unfinished != nullptr) {
      unfinished->push_back(fmt::format("{}/{}", folder, file));
    }
  }
  for (auto& [name, pair] : found) {
    pair.name = name;
    pairs.push_back(std::move(pair));
  }
  return 0;
}

CacheDirectory::Removed CacheDirectory::remove(const std::string& name,
                                               std::optional<int64_t> last_use_ns) {
  const std::string data_name = data_path(name);
  const std::string map_name = map_path(name);
  // Made where it is missing: the lock that guards a pair is on its data.
  const DiskFile data = open_file(disk_, data_name, O_RDWR | O_CREAT | O_NOFOLLOW);
  if (!data) return {.error = data.get()};
  const int locked = data.try_lock(LOCK_EX);
  if (locked == -EWOULDBLOCK) return {.outcome = Removal::in_use};
  if (locked != 0) return {.error = locked};
  Disk::Status data_status;
  if (const int result = data.stat(data_status); result != 0) return {.error = result};
  // Someone else has just removed it.
  if (data_status.links == 0) return {.outcome = Removal::in_use};
  Disk::Status map_status;
  const int map_found = disk_->stat(map_name, map_status);
  if (map_found == 0) {
    if (last_use_ns && map_status.modified_ns > *last_use_ns)
      return {.outcome = Removal::used_since};
    if (const int result = disk_->unlink(map_name); result != 0) return {.error = result};
  }
  if (const int result = disk_->unlink(data_name); result != 0) return {.error = result};
  return {.outcome = Removal::removed,
          .freed = {.bytes = data_status.allocated + map_status.allocated,
                    .files = map_found == 0 ? 1U : 0U}};
}

}  // namespace penstock
