// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "app/doctor/disk_rate.h"
#include "app/doctor/finding.h"
#include "app/environment.h"
#include "penstock/options.h"

namespace penstock {

/// A folder on a local disk that a mount would use.
struct FolderFacts {
  std::string path;  ///< Empty: there is none, nor a default.
  bool exists = false;
  std::string nearest;    ///< The folder itself, or the nearest one above it that exists.
  bool writable = false;  ///< `nearest` is, by this user.
  uint32_t owner = 0;     ///< Of `nearest`.
  std::string type;       ///< The file system: "ext4"; empty: not known.
  std::string shared;     ///< What other machines see it over: "NFS"; empty: nothing.
  uint64_t total = 0;     ///< Bytes of its file system.
  uint64_t available = 0;
};

/// The cache's and the journal's place.
struct CacheFacts {
  uint32_t uid = 0;
  FolderFacts cache;
  uint64_t size_limit = 0;  ///< What --cache-size comes to, bytes.
  uint64_t min_free = 0;    ///< What --cache-min-free comes to.
  DiskRate rate;
  FolderFacts journal;
  bool shared_journal_allowed = false;
};

/// Blocks on the disk, for three seconds at most where it works.
CacheFacts read_cache_facts(const Options& options, const Environment& environment);
Findings judge(const CacheFacts& facts);

}  // namespace penstock
