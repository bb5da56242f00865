// SPDX-License-Identifier: Apache-2.0
#include "store/s3/upload_sums.h"

#include "store/s3/checksum.h"

namespace penstock {

void UploadSums::begin(const std::string& upload_id) {
  const MutexLock lock(mutex_);
  uploads_.add(upload_id, {});
}

bool UploadSums::knows(const std::string& upload_id) const {
  const MutexLock lock(mutex_);
  return uploads_.find(upload_id) != nullptr;
}

void UploadSums::add(const std::string& upload_id, uint32_t number, std::optional<uint32_t> crc) {
  const MutexLock lock(mutex_);
  Parts* const parts = uploads_.find(upload_id);
  if (parts == nullptr) return;
  if (crc) {
    (*parts)[number] = *crc;
  } else {
    parts->erase(number);
  }
}

std::optional<uint32_t> UploadSums::whole(const std::string& upload_id,
                                          const std::vector<CompletedPart>& parts) const {
  const MutexLock lock(mutex_);
  const Parts* const known = uploads_.find(upload_id);
  if (known == nullptr) return std::nullopt;
  uint64_t crc = 0;
  for (const CompletedPart& part : parts) {
    const auto sum = known->find(part.number);
    if (sum == known->end()) return std::nullopt;
    crc = combine_crcs(ChecksumKind::crc32c, crc, sum->second, part.size);
  }
  return static_cast<uint32_t>(crc);
}

void UploadSums::forget(const std::string& upload_id) {
  const MutexLock lock(mutex_);
  uploads_.erase(upload_id);
}

}  // namespace penstock
