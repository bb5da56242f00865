// SPDX-License-Identifier: Apache-2.0
#pragma once

// libfuse 3.14 is Debian 12's; everything newer is asked for by feature.
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 14)
#include <fuse_lowlevel.h>
