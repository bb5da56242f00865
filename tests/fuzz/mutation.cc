// SPDX-License-Identifier: Apache-2.0
#include "fuzz/mutation.h"

#include <algorithm>
#include <array>
#include <random>
#include <string_view>

namespace penstock::fuzz {
namespace {

constexpr size_t longest = 64ULL << 10;

/// What parsers often take wrongly.
constexpr std::array<std::string_view, 14> odd_texts{"0",
                                                     "-1",
                                                     "-0",
                                                     "4294967296",
                                                     "9223372036854775807",
                                                     "9223372036854775808",
                                                     "18446744073709551615",
                                                     "1e309",
                                                     "../",
                                                     "/",
                                                     "%00",
                                                     "\xEF\xBF\xBF",
                                                     "\xED\xA0\x80",
                                                     "\n\n"};
constexpr std::array<uint8_t, 8> odd_bytes{0, 1, 0x7f, 0x80, 0xff, ' ', '\n', '"'};

class Mutation {
 public:
  Mutation(const std::vector<std::string>& kept, uint64_t number)
      : kept_(kept), random_(number), text_(one_of_kept()) {}

  std::string run() {
    for (size_t left = 1 + below(6); left > 0; --left) change();
    text_.resize(std::min(text_.size(), longest));
    return std::move(text_);
  }

 private:
  // std::uniform_int_distribution differs between libraries.
  size_t below(size_t end) { return end == 0 ? 0 : random_() % end; }
  const std::string& one_of_kept() { return kept_[below(kept_.size())]; }
  /// Short pieces far more often than long ones.
  size_t length_of_piece(size_t most) { return std::min(most, 1 + below(1ULL << below(9))); }

  void change() {
    const size_t at = below(text_.size() + 1);
    const size_t length = length_of_piece(text_.size() - at);
    switch (below(8)) {
      case 0:
        if (at < text_.size()) text_[at] = static_cast<char>(text_[at] ^ (1U << below(8)));
        break;
      case 1:
        if (at < text_.size()) text_[at] = static_cast<char>(odd_bytes[below(odd_bytes.size())]);
        break;
      case 2:
        if (at < text_.size()) text_[at] = static_cast<char>(random_());
        break;
      case 3:
        text_.erase(at, length);
        break;
      case 4:
        insert(at, text_.substr(below(text_.size() + 1), length));
        break;
      case 5:
        insert_from_another(at);
        break;
      case 6:
        text_.insert(at, odd_texts[below(odd_texts.size())]);
        break;
      default:
        replace_number(at);
        break;
    }
  }

  void insert(size_t at, const std::string& piece) { text_.insert(at, piece); }

  void insert_from_another(size_t at) {
    const std::string& other = one_of_kept();
    insert(at, other.substr(below(other.size() + 1), length_of_piece(other.size())));
  }

  /// The first one from there on.
  void replace_number(size_t at) {
    constexpr std::string_view digits = "0123456789";
    const size_t begin = text_.find_first_of(digits, at);
    if (begin == std::string::npos) return;
    const size_t end = std::min(text_.find_first_not_of(digits, begin), text_.size());
    constexpr size_t numbers = 7;  // of odd_texts
    text_.replace(begin, end - begin, odd_texts[below(numbers)]);
  }

  const std::vector<std::string>& kept_;
  std::mt19937_64 random_;
  std::string text_;
};

}  // namespace

std::string mutated(const std::vector<std::string>& kept, uint64_t number) {
  return Mutation(kept, number).run();
}

}  // namespace penstock::fuzz
