// SPDX-License-Identifier: Apache-2.0
#include "journal/segment.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

namespace penstock {

std::string SegmentFolder::segment_path(uint64_t number) const {
  return fmt::format("{}/data-{}", path_, number);
}

void SegmentFolder::remove(uint64_t number) {
  const std::string path = segment_path(number);
  const int result = disk_->unlink(path);
  if (result != 0 && result != -ENOENT) {
    // The segment stays until the journal is opened next, which removes it.
    log_->warning("cannot remove {}: {}", path, std::generic_category().message(-result));
  }
}

JournalSegment::JournalSegment(std::shared_ptr<SegmentFolder> folder, uint64_t number,
                               DiskFile file)
    : folder_(std::move(folder)), number_(number), file_(std::move(file)) {
  ++folder_->segments_;
}

JournalSegment::~JournalSegment() {
  --folder_->segments_;
  folder_->bytes_ -= bytes_;
  if (folder_->removing_) folder_->remove(number_);
}

std::shared_ptr<JournalSegment> JournalSegment::create(std::shared_ptr<SegmentFolder> folder,
                                                       uint64_t number, int& error) {
  DiskFile file =
      open_file(folder->disk(), folder->segment_path(number), O_RDWR | O_CREAT | O_EXCL);
  error = file ? 0 : file.get();
  if (!file) return nullptr;
  return std::shared_ptr<JournalSegment>(
      new JournalSegment(std::move(folder), number, std::move(file)));
}

std::shared_ptr<JournalSegment> JournalSegment::named(std::shared_ptr<SegmentFolder> folder,
                                                      uint64_t number) {
  return std::shared_ptr<JournalSegment>(new JournalSegment(std::move(folder), number, {}));
}

int JournalSegment::open() {
  file_ = open_file(folder_->disk(), folder_->segment_path(number_), O_RDONLY | O_NOFOLLOW);
  if (!file_) return file_.get();
  Disk::Status status;
  if (const int result = file_.stat(status); result != 0) return result;
  grew(status.size);
  return 0;
}

void JournalSegment::grew(uint64_t bytes) noexcept {
  bytes_ += bytes;
  folder_->bytes_ += bytes;
}

Result<void> JournalSegment::read(uint64_t position, std::span<std::byte> out) const {
  const int64_t count = file_ ? file_.pread(out, position) : file_.get();
  if (count < 0)
    return disk_error(static_cast<int>(count), "cannot read " + folder_->segment_path(number_));
  if (static_cast<uint64_t>(count) < out.size())
    return Error(Code::corrupt, folder_->segment_path(number_) + " is shorter than it was");
  return {};
}

uint64_t journal_hash(std::span<const std::byte> bytes, uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Result<void> verify_piece(uint64_t position, uint64_t length, uint64_t hash,
                          const JournalSegment& segment) {
  constexpr uint64_t step = 1ULL << 20;
  std::vector<std::byte> buffer(std::min(step, length));
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              &XXH3_freeState);
  XXH3_64bits_reset(state.get());
  for (uint64_t done = 0; done < length; done += buffer.size()) {
    buffer.resize(std::min(step, length - done));
    if (Result<void> result = segment.read(position + done, buffer); !result) return result;
    XXH3_64bits_update(state.get(), buffer.data(), buffer.size());
  }
  if (XXH3_64bits_digest(state.get()) != hash)
    return Error(Code::corrupt,
                 fmt::format("{} is damaged", segment.folder()->segment_path(segment.number())));
  return {};
}

Error disk_error(int error, const std::string& what) {
  const bool full = error == -ENOSPC || error == -EDQUOT;
  return {full ? Code::no_space : Code::unavailable,
          fmt::format("{}: {}", what, std::generic_category().message(-error))};
}

}  // namespace penstock
