// SPDX-License-Identifier: Apache-2.0
#include <sys/prctl.h>

#include <iostream>
#include <string>
#include <vector>

#include "app/commands/run.h"
#include "app/environment.h"
#include "penstock/held_locks.h"

int main(int argc, char** argv) {
#ifdef PENSTOCK_FOR_TESTS
  penstock::HeldLocks::enforce();
#endif
  // Keys lie in its memory: no core dump holds them, and no other program of the same user reads
  // them there.
  prctl(PR_SET_DUMPABLE, 0);
  const penstock::Streams streams{.out = std::cout, .err = std::cerr};
  return penstock::run(std::vector<std::string>(argv, argv + argc), streams,
                       penstock::process_environment());
}
