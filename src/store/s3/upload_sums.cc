// SPDX-License-Identifier: Apache-2.0
#include "store/s3/upload_sums.h"

#include "store/s3/checksum.h"

namespace penstock {
namespace {

constexpr size_t most_uploads = 1'000;

}  // namespace

void UploadSums::begin(const std::string& upload_id) {
  const MutexLock lock(mutex_);
  if (!uploads_.try_emplace(upload_id).second) return;
  order_.push_back(upload_id);
  while (order_.size() > most_uploads) {
    uploads_.erase(order_.front());
    order_.pop_front();
  }
}

bool UploadSums::knows(const std::string& upload_id) const {
  const MutexLock lock(mutex_);
  return uploads_.contains(upload_id);
}

void UploadSums::add(const std::string& upload_id, uint32_t number, std::optional<uint32_t> crc) {
  const MutexLock lock(mutex_);
  const auto upload = uploads_.find(upload_id);
  if (upload == uploads_.end()) return;
  if (crc) {
    upload->second[number] = *crc;
  } else {
    upload->second.erase(number);
  }
}

std::optional<uint32_t> UploadSums::whole(const std::string& upload_id,
                                          const std::vector<CompletedPart>& parts) const {
  const MutexLock lock(mutex_);
  const auto upload = uploads_.find(upload_id);
  if (upload == uploads_.end()) return std::nullopt;
  uint32_t crc = 0;
  for (const CompletedPart& part : parts) {
    const auto known = upload->second.find(part.number);
    if (known == upload->second.end()) return std::nullopt;
    crc = combine_crc32c(crc, known->second, part.size);
  }
  return crc;
}

void UploadSums::forget(const std::string& upload_id) {
  const MutexLock lock(mutex_);
  uploads_.erase(upload_id);
  std::erase(order_, upload_id);
}

}  // namespace penstock
