// SPDX-License-Identifier: Apache-2.0
//
// The wall clock of the tests of src/fs stands still, linked in place of the system's (--wrap in
// tests/CMakeLists.txt): tests turn the scheduler's time by hand, and the age of an object, from
// which follows for how long it is believed, must not depend on how fast the machine is.
#include <chrono>

using std::chrono::system_clock;

// The linker gives the names. A class is returned, as by the function itself.
#ifdef __clang__
#pragma clang diagnostic ignored "-Wreserved-identifier"
#pragma clang diagnostic ignored "-Wreturn-type-c-linkage"
#endif

extern "C" {

system_clock::time_point __real__ZNSt6chrono3_V212system_clock3nowEv();

// std::chrono::system_clock::now()
system_clock::time_point __wrap__ZNSt6chrono3_V212system_clock3nowEv() {
  static const system_clock::time_point when_it_began =
      __real__ZNSt6chrono3_V212system_clock3nowEv();
  return when_it_began;
}

}  // extern "C"
