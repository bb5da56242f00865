// SPDX-License-Identifier: Apache-2.0
#pragma once

// Debian 12 has Catch2 v2, Ubuntu 24.04 has v3: the same macros under two names.
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
