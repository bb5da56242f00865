// SPDX-License-Identifier: Apache-2.0
#include "journal/journal_folder.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <random>

#include "journal/codec.h"
#include "journal/log_record.h"
#include "journal/segment.h"

namespace penstock {
namespace {

constexpr uint32_t private_folder = 0700;

/// The number in a name such as "log-12" after its start.
std::optional<uint64_t> number_in(std::string_view digits) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool right = error == std::errc() && end == digits.data() + digits.size() && number > 0 &&
                     number < JournalLimits::number && digits[0] != '0';
  if (!right) return std::nullopt;
  return number;
}

std::string lock_path(const std::string& folder) { return folder + "/lock"; }

void sort_in(const std::string& name, FolderListing& listing) {
  const std::string_view text = name;
  constexpr std::string_view log = "log-";
  constexpr std::string_view data = "data-";
  if (text.starts_with(data)) {
    if (const auto number = number_in(text.substr(data.size())))
      listing.segments.push_back(*number);
  } else if (text.starts_with(log)) {
    const size_t dot = std::min(text.find('.'), text.size());
    const auto number = number_in(text.substr(log.size(), dot - log.size()));
    const std::string_view rest = text.substr(dot);
    if (!number) return;
    if (rest.empty()) listing.logs.push_back(*number);
    if (rest == ".new") listing.unfinished.push_back(name);
    if (rest == ".damaged") listing.damaged.push_back(name);
  }
}

}  // namespace

std::string folder_hash(std::string_view identity, std::string_view prefix) {
  std::vector<std::byte> bytes;
  ByteWriter writer(bytes);
  writer.string(identity);
  writer.string(prefix);
  return fmt::format("{:016x}", journal_hash(bytes));
}

std::string log_path(const std::string& folder, uint64_t number) {
  return fmt::format("{}/log-{}", folder, number);
}
std::string reserve_path(const std::string& folder) { return folder + "/reserve"; }

int list_folder(Disk& disk, const std::string& path, FolderListing& listing) {
  std::vector<std::string> names;
  if (const int result = disk.list(path, names); result != 0) return result;
  for (const std::string& name : names) sort_in(name, listing);
  std::ranges::sort(listing.logs);
  return 0;
}

int read_log(const std::shared_ptr<Disk>& disk, const std::string& path,
             std::vector<std::byte>& log) {
  const DiskFile file = open_file(disk, path, O_RDONLY | O_NOFOLLOW);
  if (!file) return file.get();
  Disk::Status status;
  if (const int result = file.stat(status); result != 0) return result;
  if (!status.regular) return -EINVAL;
  if (status.size > JournalLimits::log) return -EFBIG;
  log.resize(status.size);
  const int64_t count = file.pread(log, 0);
  if (count < 0) return static_cast<int>(count);
  log.resize(static_cast<size_t>(count));
  return 0;
}

int sync_folder(const std::shared_ptr<Disk>& disk, const std::string& path) {
  const DiskFile folder = open_file(disk, path, O_RDONLY | O_DIRECTORY);
  return folder ? folder.sync() : folder.get();
}

int make_folders(const std::shared_ptr<Disk>& disk, const std::string& path) {
  Disk::Status status;
  const int found = disk->stat(path + "/", status);
  if (found != -ENOENT) return found == 0 && !status.directory ? -ENOTDIR : found;
  const size_t slash = path.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
  if (!parent.empty() && parent != ".") {
    if (const int result = make_folders(disk, parent); result != 0) return result;
  }
  const int result = disk->mkdir(path, private_folder);
  if (result != 0 && result != -EEXIST) return result;
  return sync_folder(disk, parent.empty() ? "/" : parent);
}

int lock_folder(const std::shared_ptr<Disk>& disk, const std::string& path, DiskFile& lock) {
  DiskFile file = open_file(disk, lock_path(path), O_RDWR | O_CREAT | O_NOFOLLOW);
  if (!file) return file.get();
  if (const int result = file.try_lock(LOCK_EX); result != 0) return result;
  Disk::Status status;
  if (const int result = file.stat(status); result != 0) return result;
  // The folder was removed by the process that held its lock until now: this lock is on a folder
  // without a name.
  if (status.links == 0) return -ENOENT;
  lock = std::move(file);
  return 0;
}

bool mount_lives(const std::shared_ptr<Disk>& disk, const std::string& path) {
  const DiskFile lock = open_file(disk, lock_path(path), O_RDONLY | O_NOFOLLOW);
  return lock && lock.try_lock(LOCK_SH) == -EWOULDBLOCK;
}

int make_journal_folder(const std::shared_ptr<Disk>& disk, const std::string& directory,
                        const std::string& hash, std::string& path, DiskFile& lock) {
  constexpr int tries = 5;
  int result = 0;
  for (int i = 0; i < tries; ++i) {
    path = fmt::format("{}/{}-{:016x}", directory, hash, random_number());
    result = disk->mkdir(path, private_folder);
    if (result == -EEXIST) continue;
    if (result != 0) return result;
    result = lock_folder(disk, path, lock);
    // Another mount may find it before it is locked, and remove it as empty.
    if (result == -EWOULDBLOCK || result == -ENOENT) continue;
    if (result == 0) result = sync_folder(disk, directory);
    if (result != 0) remove_journal_folder(*disk, path);
    return result;
  }
  return result;
}

void remove_journal_folder(Disk& disk, const std::string& path) {
  FolderListing listing;
  if (list_folder(disk, path, listing) != 0) return;
  for (const uint64_t number : listing.logs) disk.unlink(log_path(path, number));
  for (const std::string& name : listing.unfinished) disk.unlink(fmt::format("{}/{}", path, name));
  for (const uint64_t number : listing.segments)
    disk.unlink(fmt::format("{}/data-{}", path, number));
  disk.unlink(reserve_path(path));
  disk.unlink(lock_path(path));
  disk.rmdir(path);
}

uint64_t random_number() {
  std::random_device random;
  return (static_cast<uint64_t>(random()) << 32) | random();
}

}  // namespace penstock
