// SPDX-License-Identifier: Apache-2.0
#include "store/s3/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace penstock {

std::string base64_encode(std::string_view bytes) {
  constexpr size_t in_group = 3;
  constexpr size_t out_group = 4;
  // OpenSSL writes a null behind it.
  std::string text((bytes.size() + in_group - 1) / in_group * out_group + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  // OpenSSL passes over blanks, and takes a "=" anywhere for a zero.
  const size_t end = std::min(text.find('='), text.size());
  const size_t padding = text.size() - end;
  const bool padded = padding <= 2 && text.substr(end).find_first_not_of('=') == std::string::npos;
  const bool blank = text.find_first_of(" \t\r\n") != std::string_view::npos;
  if (text.empty() || text.size() % 4 != 0 || !padded || blank) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  bytes.resize(static_cast<size_t>(length) - padding);
  return bytes;
}

}  // namespace penstock
