// SPDX-License-Identifier: Apache-2.0
// One program for all targets, so that what they test is linked once: PENSTOCK_FUZZ_TARGET names
// one. scripts/fuzz runs it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "fuzz/target.h"

namespace {

const penstock::fuzz::Target& chosen() {
  const char* const name = std::getenv("PENSTOCK_FUZZ_TARGET");
  const auto targets = penstock::fuzz::all_targets();
  const auto found = std::ranges::find_if(
      targets, [&](const auto& target) { return name != nullptr && target.name == name; });
  if (found != targets.end()) return *found;
  std::fputs("PENSTOCK_FUZZ_TARGET must be one of:\n", stderr);
  for (const auto& target : targets)
    std::fprintf(stderr, "%.*s\n", static_cast<int>(target.name.size()), target.name.data());
  std::exit(2);
}

}  // namespace

// The names are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);   // NOLINT
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {  // NOLINT
  static const penstock::fuzz::Target& target = chosen();
  target.run({reinterpret_cast<const char*>(data), size});
  return 0;
}
