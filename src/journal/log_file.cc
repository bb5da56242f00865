// SPDX-License-Identifier: Apache-2.0
#include "journal/log_file.h"

#include <fcntl.h>

#include <utility>
#include <vector>

#include "journal/journal_folder.h"
#include "journal/segment.h"

namespace penstock {
namespace {

/// A new file with these bytes, durable but for its name.
int write_whole(const DiskFile& file, std::span<const std::byte> bytes) {
  if (!file) return file.get();
  if (const int error = file.pwrite(bytes, 0); error != 0) return error;
  return file.datasync();
}

}  // namespace

std::string LogFile::path() const { return log_path(folder_, number_); }

Result<void> LogFile::renew(uint64_t number, const LiveRecords& live, const OwnerRecord& owner,
                            bool& uncertain) {
  const uint64_t salt = random_number();
  const std::vector<std::byte> bytes = live.encode(owner, salt);
  const std::string name = log_path(folder_, number);
  const std::string draft = name + ".new";
  DiskFile file = open_file(disk_, draft, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW);
  int error = write_whole(file, bytes);
  if (error == 0) error = disk_->rename(draft, name);
  if (error != 0) {
    disk_->unlink(draft);
    return disk_error(error, "cannot write " + draft);
  }
  error = sync_folder(disk_, folder_);
  if (error != 0) {
    uncertain = true;
    return disk_error(error, "cannot flush " + folder_);
  }
  if (number_ != 0) disk_->unlink(path());
  file_ = std::move(file);
  number_ = number;
  salt_ = salt;
  end_ = durable_ = bytes.size();
  return {};
}

Result<void> LogFile::append(std::span<const std::byte> bytes, bool& uncertain) {
  const int error = file_.pwrite(bytes, end_);
  if (error == 0) {
    end_ += bytes.size();
    return {};
  }
  // What was written of it may have reached the disk already: that the file is shorter again must
  // get there before anything else is promised.
  if (file_.truncate(end_) != 0 || file_.datasync() != 0) {
    uncertain = true;
  } else {
    durable_ = end_;
  }
  return disk_error(error, "cannot write " + path());
}

Result<void> LogFile::sync() {
  if (const int error = file_.datasync(); error != 0)
    return disk_error(error, "cannot flush " + path());
  durable_ = end_;
  return {};
}

void LogFile::take_back() {
  end_ = durable_;
  file_.truncate(end_);
}

}  // namespace penstock
