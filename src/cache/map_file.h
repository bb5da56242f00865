// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "base/disk.h"
#include "cache/chunk_set.h"
#include "cache/map_format.h"

namespace penstock {

/// Reads the header of a map. `parsed` is empty where the file is no whole map of this format.
/// 0, or a negated errno.
int read_map(const DiskFile& file, std::optional<ParsedMap>& parsed);

/// Reads the entries of `chunks`, at most as many as `sums` takes; those past the end of the file
/// are absent. 0, or a negated errno.
int read_entries(const DiskFile& file, const ParsedMap& map, ChunkRange chunks,
                 std::span<uint64_t> sums);

/// Adds all chunks that have an entry to `present`. 0, or a negated errno.
int read_present(const DiskFile& file, const ParsedMap& map, ChunkSet& present);

}  // namespace penstock
