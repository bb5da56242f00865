// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// Makes up names that lie between others, to divide the work of listing them. It learns which
/// characters occur at which position, takes a name for a number with these as digits, and
/// calculates with such numbers: names that are counted, dated or hashed lie evenly on that scale,
/// words nearly so. What it says is a guess; the names that it makes are UTF-8 without control
/// characters and without '/'. Not thread-safe.
class NameScale {
 public:
  /// From `from` to `to`, in byte order; neither need exist.
  struct Stretch {
    std::string_view from;
    std::string_view to;
  };

  /// A slash at its end is left out. A name that is not UTF-8 teaches nothing.
  void learn(std::string_view name);

  /// How often `unit` fits into `whole`; infinite where the ends of `unit` look alike.
  double ratio(Stretch whole, Stretch unit) const;

  /// A name in the middle; null where none is known.
  std::optional<std::string> middle(Stretch whole) const;

  /// The name that is `times` times `unit` behind `from`; null where the scale ends before.
  std::optional<std::string> ahead(std::string_view from, Stretch unit, uint32_t times) const;

 private:
  /// A digit for each position, the index of the character in its alphabet.
  using Number = std::vector<uint32_t>;

  std::optional<Number> number(std::string_view name) const;
  /// The larger one without the smaller; 0 where they are in the other order.
  Number difference(const Number& larger, const Number& smaller) const;
  bool add(Number& sum, const Number& other) const;
  bool multiply(Number& number, uint32_t times) const;
  void halve(Number& number) const;
  long double value(const Number& number) const;
  /// As few characters as tell `number` from those that differ from it by `step`.
  std::string text(const Number& number, const Number& step) const;
  uint32_t radix(size_t position) const;
  void complete_alphabets();

  std::vector<std::u32string> seen_;       ///< The characters of each position, in order.
  std::vector<std::u32string> alphabets_;  ///< And those that may be expected beside them.
  size_t longest_ = 0;                     ///< Bytes of the longest name learnt.
};

}  // namespace penstock
