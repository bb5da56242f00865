// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "fs/moves/intent.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Servers tell whole seconds, and those of one service not quite the same time.
constexpr int64_t store_time_tolerance_ns = 2'000'000'000;

/// The objects below a prefix that ends in "/", by their relative keys; or the one object of that
/// key, under an empty one; or nothing.
void list_objects(FsCore& core, const std::string& prefix,
                  Done<std::map<std::string, ObjectInfo>> done);

/// Whether one is surely, or by its size and ETag may well be, a copy of the other.
bool same_contents(const ObjectInfo& one, const ObjectInfo& other);

/// Takes back the copies of a move that its mount did not end. Deletes only what is surely a copy
/// of what is still under its old name, made in that time: what came later is somebody else's.
void remove_left_copies(FsCore& core, const Move& move, int64_t since_ns, int64_t until_ns,
                        Done<void> done);

/// Ends a move whose copies are all there: deletes the originals that were not changed since then
/// and have their copies.
void remove_left_originals(FsCore& core, const Move& move, int64_t since_ns, Done<void> done);

}  // namespace penstock
