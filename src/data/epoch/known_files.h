// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/read/read_engine.h"

namespace penstock {

/// Which of the objects that a mount knows the names of are wanted.
struct KnownFilesRequest {
  std::string directory;  ///< A key prefix that ends in "/", or is empty.
  bool below = false;     ///< Not its own files, but those of the directories in it.
  std::string after;      ///< Only keys behind this one.
  uint64_t largest = 0;   ///< Bytes: larger objects are passed over, and empty ones.
  size_t most = 0;        ///< Objects in one answer.
};

struct KnownFiles {
  std::vector<ObjectVersion> files;  ///< By directory, then by name, each in byte order.
  uint64_t total = 0;                ///< Names that are known there, about, whatever they are of.
  bool end = false;                  ///< There are none behind these.
  /// Where `end` is false: `KnownFilesRequest::after` of the request that goes on.
  std::string reached;
};

/// Tells what is known; asks nobody. It looks at a bounded number of names in one call, so there
/// may be more files where it found none. Thread-safe, does not block.
using FindKnownFiles = std::function<KnownFiles(const KnownFilesRequest&)>;

}  // namespace penstock
