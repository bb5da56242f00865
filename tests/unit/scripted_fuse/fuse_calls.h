// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "frontend/fuse_api.h"

/// libfuse's own name for a request; this one remembers what is done to it when it is gone.
struct fuse_req {
  void* userdata = nullptr;
  fuse_ctx caller{};
  bool overtaken = false;  ///< Its interrupt has come before it.

  std::optional<int> answer;  ///< The errno, 0 for success; libfuse frees the request with it.
  int used_when_gone = 0;
  fuse_interrupt_func_t on_interrupt = nullptr;
  void* interrupt_data = nullptr;
};
