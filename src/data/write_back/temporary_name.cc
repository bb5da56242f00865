// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/temporary_name.h"

#include <algorithm>
#include <array>

namespace penstock {

bool temporary_name(std::string_view key) {
  const std::string_view name = key.substr(key.rfind('/') + 1);
  // Editors and rsync hide theirs: .x.swp, .x.Ab12Cd. Browsers, curl, wget, huggingface_hub,
  // PyTorch Lightning and hand-written savers use the endings.
  constexpr std::array<std::string_view, 8> endings{
      ".tmp", ".temp", ".partial", ".part", ".incomplete", ".crdownload", ".swp", "~"};
  if (std::any_of(endings.begin(), endings.end(),
                  [name](std::string_view ending) { return name.ends_with(ending); }))
    return true;
  // x.tmp.1234, tmpab12cd: Python's tempfile and savers that add a process number.
  if (name.find(".tmp.") != std::string_view::npos) return true;
  const size_t dot = name.rfind('.');
  const bool six_letters = dot != std::string_view::npos && dot > 0 && name.size() - dot == 7;
  return name.starts_with('.') && six_letters;
}

}  // namespace penstock
