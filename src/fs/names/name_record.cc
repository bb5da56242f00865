// SPDX-License-Identifier: Apache-2.0
#include "fs/names/name_record.h"

#include <cstring>
#include <new>

namespace penstock {
namespace {

/// An entry of a Metadata map, with its two short strings.
constexpr uint64_t metadata_entry_bytes = 160;

}  // namespace

NameRecord::NameRecord(std::string_view name, FileType type, InodeId id)
    : type_(type), name_bytes_(static_cast<uint8_t>(name.size())), id_(id) {
  std::memcpy(reinterpret_cast<char*>(this + 1), name.data(), name.size());
}

NameRecord::Ptr NameRecord::make(std::string_view name, FileType type, InodeId id) {
  void* const memory = ::operator new(sizeof(NameRecord) + name.size());
  return Ptr(new (memory) NameRecord(name, type, id));
}

void NameRecord::Free::operator()(NameRecord* record) const noexcept {
  record->~NameRecord();
  ::operator delete(record);
}

void NameRecord::set_etag(std::string_view etag) {
  const auto compact = CompactEtag::of(etag);
  etag_ = compact.value_or(CompactEtag());
  if (!compact) {
    need_rest().etag = etag;
  } else if (rest != nullptr) {
    rest->etag.clear();
  }
}

bool NameRecord::is_version(std::string_view etag, uint64_t bytes) const {
  if (size != bytes) return false;
  if (const auto compact = CompactEtag::of(etag)) return etag_ == *compact && !has_other_etag();
  return rest != nullptr && rest->etag == etag;
}

NameRecord::Rest& NameRecord::need_rest() {
  if (rest == nullptr) rest = std::make_unique<Rest>();
  return *rest;
}

uint64_t NameRecord::bytes() const {
  uint64_t bytes = allocated(sizeof(NameRecord) + name_bytes_);
  if (rest != nullptr)
    bytes += allocated(sizeof(Rest)) + rest->stored.other.size() * metadata_entry_bytes;
  return bytes;
}

}  // namespace penstock
