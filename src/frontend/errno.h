// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "penstock/error.h"

namespace penstock {

/// The errno that a program sees for a failure: the only place where one is chosen. Never 0.
int to_errno(Code code) noexcept;

}  // namespace penstock
