// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace penstock {

/// A manual page that this program makes of its tables.
struct ManPage {
  std::string_view name;     ///< "penstock-mount".
  std::string_view section;  ///< "8".
  std::string (*render)();   ///< The page in man(7)'s macros.
};

/// penstock(1), penstock-mount(8) and penstock.toml(5).
std::span<const ManPage> man_pages();

/// Text with Markdown's `code`, **strong** and [links](target) in man(7)'s words; what roff would
/// take for a request or an escape is not.
std::string roff(std::string_view markdown);

}  // namespace penstock
