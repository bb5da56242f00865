// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/scheduler.h"
#include "fs/names/attributes.h"
#include "fs/names/compact_etag.h"
#include "fs/names/freshness.h"
#include "penstock/file_system.h"

namespace penstock {

/// What is known of a name that no program has open and of which nothing is under way: what a
/// listing says of an object, in one piece of memory together with the name itself. What few names
/// have is in `Rest`. Not thread-safe.
class NameRecord {
 public:
  struct Free {
    void operator()(NameRecord* record) const noexcept;
  };
  using Ptr = std::unique_ptr<NameRecord, Free>;

  /// Whether the object must be restored before it can be read, as far as was told; unknown: it is
  /// one of Intelligent-Tiering, which a listing does not say it of.
  enum class Archive : uint8_t { no, unknown, yes };

  /// What names have that somebody has worked with: attributes, times that are not the object's.
  struct Rest {
    bool times = false;  ///< All of this is meant, not `etag` alone.
    StoredAttributes stored;
    int64_t mtime_ns = 0;
    int64_t ctime_ns = 0;
    int64_t modified_s = 0;
    bool modified_told = false;
    InodeId number = 0;
    std::string link_target;
    std::string etag;  ///< Where it has no compact form.
  };

  /// `name` has 255 bytes at most.
  static Ptr make(std::string_view name, FileType type, InodeId id);

  NameRecord(const NameRecord&) = delete;
  NameRecord& operator=(const NameRecord&) = delete;

  std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), name_bytes_}; }
  InodeId id() const { return id_; }
  FileType type() const { return type_; }

  std::string etag() const { return has_other_etag() ? rest->etag : etag_.text(); }
  void set_etag(std::string_view etag);
  /// The object is this version.
  bool is_version(std::string_view etag, uint64_t bytes) const;
  /// `rest`, made where there is none.
  Rest& need_rest();
  /// The memory that it takes, that of `rest` included, as it is now.
  uint64_t bytes() const;

  uint64_t size = 0;        ///< Of the object; of a directory 0.
  int64_t modified_ns = 0;  ///< Last-Modified of the object. Of a directory that of the oldest
                            ///< object known below it.
  Told told;
  std::unique_ptr<Rest> rest;
  uint32_t references = 0;           ///< See Inode::references.
  std::optional<FileType> shown_as;  ///< See Inode::shown_as.
  bool stored_known = false;         ///< The object's metadata are known: those of `rest`, or none.
  bool unseen = false;               ///< See Inode::unseen.
  bool has_marker = false;           ///< See DirectoryState::has_marker.
  bool pages_cached = false;         ///< The kernel may hold pages of this version.
  Archive archive = Archive::no;

 private:
  NameRecord(std::string_view name, FileType type, InodeId id);
  bool has_other_etag() const { return rest != nullptr && !rest->etag.empty(); }
  ~NameRecord() = default;

  const FileType type_;
  const uint8_t name_bytes_;
  CompactEtag etag_;
  const InodeId id_;
};

/// What one piece of memory takes of the allocator beside itself: a header, and rounding (glibc,
/// malloc/malloc.c: 8 bytes, and multiples of 16).
constexpr uint64_t allocated(uint64_t bytes) { return (bytes + 8 + 15) / 16 * 16; }

}  // namespace penstock
