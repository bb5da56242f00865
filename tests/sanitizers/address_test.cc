// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "sanitizers/faults.h"

namespace penstock::test {
namespace {

TEST_CASE("read past the end", "[.]") {
  const auto bytes = std::make_unique<char[]>(16);
  const volatile size_t at = 16;
  [[maybe_unused]] const volatile char past = bytes[at];
}

TEST_CASE("read after the end of its life", "[.]") {
  auto bytes = std::make_unique<char[]>(16);
  const volatile char* gone = bytes.get();
  bytes.reset();
  [[maybe_unused]] const char read = *gone;
}

TEST_CASE("forget memory", "[.]") {
  // Several, for an address may still lie in a register or on the stack.
  [[maybe_unused]] char* volatile last = nullptr;
  for (int i = 0; i < 10; ++i) last = new char[16];
  last = nullptr;
}

TEST_CASE("AddressSanitizer is on") {
  must_be_caught("read past the end", "AddressSanitizer: heap-buffer-overflow");
  must_be_caught("read after the end of its life", "AddressSanitizer: heap-use-after-free");
  must_be_caught("forget memory", "LeakSanitizer: detected memory leaks");
}

}  // namespace
}  // namespace penstock::test
