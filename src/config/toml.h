// SPDX-License-Identifier: Apache-2.0
#pragma once

// toml++, and how it is compiled. It takes the compiler long: for sources that are compiled alone.

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// Version 3.3 asserts of some wrong texts, such as "[$]", what does not hold, and then reports them
// as wrong all the same. Its assertions would end the program, and without them (NDEBUG) Clang
// would be told to rely on them.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")
