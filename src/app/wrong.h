// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "penstock/error.h"

namespace penstock {

/// What the user must do otherwise: invalid_argument, with a message that says what.
inline Error wrong(std::string message) {
  return Error(Code::invalid_argument, std::move(message));
}

}  // namespace penstock
