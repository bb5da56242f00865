// SPDX-License-Identifier: Apache-2.0
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include "penstock/held_locks.h"

int main(int argc, char** argv) {
  penstock::HeldLocks::enforce();
  return Catch::Session().run(argc, argv);
}
