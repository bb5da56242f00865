// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "store/store_factory.h"

namespace penstock::bench {

/// A store that holds one object, "f0" of `size` bytes, and answers at once from memory: what a
/// mount of it costs is what FUSE and Penstock cost. Writes are refused.
std::unique_ptr<OpenedStore> make_null_store(uint64_t size);

}  // namespace penstock::bench
