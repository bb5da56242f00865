// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace penstock::test {

/// Why the store `subject` need not do `behaviour`; nothing if it must.
std::optional<std::string> limitation(const std::string& subject, const std::string& behaviour);

}  // namespace penstock::test
