// SPDX-License-Identifier: Apache-2.0
#include "data/epoch/hint_lines.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

constexpr std::string_view ends("\n\0", 2);

/// Nothing for one that leads out of where it begins.
bool append_components(std::string_view name, std::string& to) {
  while (!name.empty()) {
    const std::string_view component = name.substr(0, name.find('/'));
    name.remove_prefix(std::min(name.size(), component.size() + 1));
    if (component.empty() || component == ".") continue;
    if (component == "..") return false;
    if (!to.empty()) to += '/';
    to += component;
  }
  return true;
}

}  // namespace

void HintLines::add(std::string_view name, Names& to) const {
  if (name.empty()) return;
  std::string inside;
  bool good = true;
  if (name.front() == '/') {
    good = name.starts_with(mountpoint_) && name.size() > mountpoint_.size() &&
           name[mountpoint_.size()] == '/';
    if (good) name.remove_prefix(mountpoint_.size());
  }
  good = good && append_components(name, inside) && !inside.empty();
  good ? to.names.push_back(std::move(inside)) : void(++to.outside);
}

HintLines::Names HintLines::take(std::string_view bytes) {
  Names found;
  while (!bytes.empty()) {
    const size_t end = bytes.find_first_of(ends);
    begun_ += bytes.substr(0, std::min(end, longest + 1));
    if (begun_.size() > longest) {
      found.too_long = true;
      begun_.clear();
      return found;
    }
    if (end == std::string_view::npos) return found;
    add(std::exchange(begun_, {}), found);
    bytes.remove_prefix(end + 1);
  }
  return found;
}

HintLines::Names HintLines::rest() {
  Names found;
  add(std::exchange(begun_, {}), found);
  return found;
}

}  // namespace penstock
