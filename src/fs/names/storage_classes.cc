// SPDX-License-Identifier: Apache-2.0
#include "fs/names/storage_classes.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "penstock/archive.h"

namespace penstock {
namespace {

/// Servers have classes of their own beside those of AWS (Ceph: any name).
bool is_class_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, fits);
}

Error refused(std::string_view rule, std::string_view why) {
  return Error(Code::invalid_argument,
               fmt::format("--storage-class: '{}' {}; write CLASS, or PATTERN=CLASS;..., such as "
                           "*.ckpt=STANDARD_IA;logs/*=ONEZONE_IA",
                           rule, why));
}

}  // namespace

Result<StorageClasses> StorageClasses::parse(std::string_view text) {
  StorageClasses classes;
  while (!text.empty()) {
    const std::string_view rule = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), rule.size() + 1));
    // A name may have "=" in it, a class has none.
    const size_t sign = rule.rfind('=');
    const bool alone = sign == std::string_view::npos;
    std::string pattern(alone ? "*" : rule.substr(0, sign));
    const std::string_view name = alone ? rule : rule.substr(sign + 1);
    if (!is_class_name(name)) return refused(rule, "names no storage class");
    if (pattern.empty()) return refused(rule, "has no pattern before the '='");
    if (is_archive_class(name)) {
      return Error(Code::invalid_argument,
                   fmt::format("--storage-class: what is stored as {} cannot be read before it is "
                               "restored; use 'penstock archive' or 'penstock tier' for it",
                               name));
    }
    classes.rules_.push_back({.pattern = std::move(pattern), .storage_class = std::string(name)});
  }
  return classes;
}

std::string_view StorageClasses::of(const std::string& path) const {
  const std::string name = path.substr(path.rfind('/') + 1);
  for (const Rule& rule : rules_) {
    const bool of_path = rule.pattern.find('/') != std::string::npos;
    if (fnmatch(rule.pattern.c_str(), of_path ? path.c_str() : name.c_str(), 0) == 0)
      return rule.storage_class;
  }
  return {};
}

void StorageClasses::add_to(Metadata& metadata, const std::string& path) const {
  if (const std::string_view found = of(path); !found.empty())
    metadata.emplace(header::storage_class, found);
}

}  // namespace penstock
