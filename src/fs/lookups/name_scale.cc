// SPDX-License-Identifier: Apache-2.0
#include "fs/lookups/name_scale.h"

#include <algorithm>
#include <limits>

#include "fs/names/utf8.h"

namespace penstock {
namespace {

/// What lies behind it in a name does not count; names that are shown have at most 255 bytes.
constexpr size_t most_positions = 256;
/// From that many different letters on, a name's letters and digits are taken for one alphabet.
constexpr size_t letters_of_ids = 10;
/// How many digits a made-up name has behind the first that matters: its place is right to 1 %.
constexpr size_t precise_digits = 2;

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
/// All but ASCII are taken for letters.
bool is_letter(char32_t c) {
  return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') || c >= 0x80;
}
bool is_hex_letter(char32_t c) { return (c >= U'a' && c <= U'f') || (c >= U'A' && c <= U'F'); }

/// XML, and so a listing, cannot carry it everywhere.
bool is_awkward(char32_t c) { return c < 0x20 || c == 0x7F || c == 0xFFFE || c == 0xFFFF; }

bool any(const std::u32string& characters, bool (*kind)(char32_t)) {
  return std::any_of(characters.begin(), characters.end(), kind);
}

void insert(std::u32string& sorted, char32_t c) {
  const auto place = std::lower_bound(sorted.begin(), sorted.end(), c);
  if (place == sorted.end() || *place != c) sorted.insert(place, c);
}

void insert_all(std::u32string& sorted, const std::u32string& characters, bool (*kind)(char32_t)) {
  for (const char32_t c : characters)
    if (kind(c)) insert(sorted, c);
}

/// Whether these are the characters of hexadecimal, base32 or base64 numbers.
bool mixes_letters_and_digits(const std::u32string& characters) {
  std::u32string letters;
  insert_all(letters, characters, is_letter);
  if (letters.empty() || !any(characters, is_digit)) return false;
  return letters.size() >= letters_of_ids ||
         std::all_of(letters.begin(), letters.end(), is_hex_letter);
}

}  // namespace

void NameScale::learn(std::string_view name) {
  if (name.ends_with('/')) name.remove_suffix(1);
  const auto characters = code_points(name);
  if (!characters) return;
  longest_ = std::max(longest_, name.size());
  bool learnt = false;
  const size_t positions = std::min(characters->size(), most_positions);
  if (seen_.size() < positions) seen_.resize(positions);
  for (size_t i = 0; i < positions; ++i) {
    const size_t before = seen_[i].size();
    if (!is_awkward((*characters)[i])) insert(seen_[i], (*characters)[i]);
    learnt |= seen_[i].size() != before;
  }
  if (learnt) complete_alphabets();
}

/// A page of names in order shows few characters at their first positions and all at the last
/// ones: those in front of them are taken to have the same, up to the next separator.
void NameScale::complete_alphabets() {
  alphabets_ = seen_;
  std::u32string behind;  // letters and digits of the positions behind, without a separator between
  for (size_t i = alphabets_.size(); i-- > 0;) {
    std::u32string& alphabet = alphabets_[i];
    const bool digits = any(alphabet, is_digit);
    const bool letters = any(alphabet, is_letter);
    const bool mixed = mixes_letters_and_digits(behind);
    if (digits) insert_all(alphabet, U"0123456789", is_digit);
    if (letters || (digits && mixed)) insert_all(alphabet, behind, is_letter);
    if (letters && mixed) insert_all(alphabet, behind, is_digit);
    if (!digits && !letters) behind.clear();
    insert_all(behind, alphabet, is_letter);
    insert_all(behind, alphabet, is_digit);
  }
}

uint32_t NameScale::radix(size_t position) const {
  return std::max<uint32_t>(1, static_cast<uint32_t>(alphabets_[position].size()));
}

std::optional<NameScale::Number> NameScale::number(std::string_view name) const {
  if (name.ends_with('/')) name.remove_suffix(1);
  const auto characters = code_points(name);
  if (!characters) return std::nullopt;
  Number digits(alphabets_.size(), 0);
  for (size_t i = 0; i < std::min(characters->size(), digits.size()); ++i) {
    const std::u32string& alphabet = alphabets_[i];
    const auto place = std::lower_bound(alphabet.begin(), alphabet.end(), (*characters)[i]);
    digits[i] = std::min(static_cast<uint32_t>(place - alphabet.begin()), radix(i) - 1);
  }
  return digits;
}

NameScale::Number NameScale::difference(const Number& larger, const Number& smaller) const {
  Number result(larger.size(), 0);
  if (larger <= smaller) return result;
  uint32_t borrowed = 0;
  for (size_t i = larger.size(); i-- > 0;) {
    const uint32_t taken = smaller[i] + borrowed;
    borrowed = larger[i] < taken ? 1 : 0;
    result[i] = larger[i] + borrowed * radix(i) - taken;
  }
  return result;
}

bool NameScale::add(Number& sum, const Number& other) const {
  uint32_t carried = 0;
  for (size_t i = sum.size(); i-- > 0;) {
    const uint32_t digit = sum[i] + other[i] + carried;
    sum[i] = digit % radix(i);
    carried = digit / radix(i);
  }
  return carried == 0;
}

bool NameScale::multiply(Number& number, uint32_t times) const {
  uint64_t carried = 0;
  for (size_t i = number.size(); i-- > 0;) {
    const uint64_t digit = uint64_t{number[i]} * times + carried;
    number[i] = static_cast<uint32_t>(digit % radix(i));
    carried = digit / radix(i);
  }
  return carried == 0;
}

void NameScale::halve(Number& number) const {
  uint64_t left = 0;
  for (size_t i = 0; i < number.size(); ++i) {
    const uint64_t digit = left * radix(i) + number[i];
    number[i] = static_cast<uint32_t>(digit / 2);
    left = digit % 2;
  }
}

long double NameScale::value(const Number& number) const {
  long double result = 0;
  for (size_t i = number.size(); i-- > 0;) result = (result + number[i]) / radix(i);
  return result;
}

double NameScale::ratio(Stretch whole, Stretch unit) const {
  const auto from = number(whole.from);
  const auto to = number(whole.to);
  const auto first = number(unit.from);
  const auto last = number(unit.to);
  if (!from || !to || !first || !last) return 0;
  const long double part = value(difference(*last, *first));
  if (part == 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(value(difference(*to, *from)) / part);
}

std::optional<std::string> NameScale::middle(Stretch whole) const {
  auto from = number(whole.from);
  const auto to = number(whole.to);
  if (!from || !to) return std::nullopt;
  Number half = difference(*to, *from);
  halve(half);
  if (!add(*from, half)) return std::nullopt;
  std::string name = text(*from, half);
  if (name.size() > longest_ || name <= whole.from || name >= whole.to) return std::nullopt;
  return name;
}

std::optional<std::string> NameScale::ahead(std::string_view from, Stretch unit,
                                            uint32_t times) const {
  auto at = number(from);
  const auto first = number(unit.from);
  const auto last = number(unit.to);
  if (!at || !first || !last) return std::nullopt;
  Number step = difference(*last, *first);
  if (!multiply(step, times) || !add(*at, step)) return std::nullopt;
  std::string name = text(*at, step);
  if (name.size() > longest_ || name <= from) return std::nullopt;
  return name;
}

std::string NameScale::text(const Number& number, const Number& step) const {
  const auto first = std::find_if(step.begin(), step.end(), [](uint32_t digit) { return digit; });
  auto end = static_cast<size_t>(first - step.begin());
  for (size_t precise = 0; end < number.size() && precise <= precise_digits; ++end)
    precise += radix(end) > 1 ? 1 : 0;
  std::string result;
  for (size_t i = 0; i < end && !alphabets_[i].empty(); ++i)
    append_character(result, alphabets_[i][number[i]]);
  return result;
}

}  // namespace penstock
