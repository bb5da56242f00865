// SPDX-License-Identifier: Apache-2.0
#pragma once

// Abseil still has the macros of its first years (GUARDED_BY and others, in this header of its
// own), which are those of base/mutex.h: they stay out.
#define ABSL_BASE_INTERNAL_THREAD_ANNOTATIONS_H_

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_set.h>
