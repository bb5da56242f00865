// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "penstock/object_store.h"
#include "penstock/result.h"

namespace penstock {

/// Which storage class new files get, by their names. Immutable.
class StorageClasses {
 public:
  /// No file gets one: the bucket's default is taken.
  StorageClasses() = default;
  /// Of "PATTERN=CLASS;...;CLASS": the first pattern that fits counts, and a class alone fits every
  /// name. A pattern without "/" is compared with the file's name, another one with its path from
  /// the mountpoint; `*`, `?` and `[...]` are those of a shell, and `*` stands for "/" as well. The
  /// error is a sentence that says what to write.
  static Result<StorageClasses> parse(std::string_view text);

  /// The class of a file of that path from the mountpoint, without "/" before it; empty: none.
  std::string_view of(const std::string& path) const;
  /// Gives `metadata` that class, where it has none.
  void add_to(Metadata& metadata, const std::string& path) const;
  bool empty() const noexcept { return rules_.empty(); }

 private:
  struct Rule {
    std::string pattern;
    std::string storage_class;
  };
  std::vector<Rule> rules_;
};

}  // namespace penstock
