// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "server/message.h"

namespace penstock::test {

/// How an object is encrypted, as far as a server shows it: nothing is, here.
struct Encryption {
  std::map<std::string, std::string> told;  ///< The headers of answers.
  std::string key_md5;                      ///< Of SSE-C, in base64; empty: it is none.

  /// The ETag says nothing of the bytes: SSE-KMS and SSE-C.
  bool is_opaque() const;
};

/// What headers of a write ask for; where they ask for nothing, x-amz-server-side-encryption as
/// `otherwise`.
Encryption encryption_asked(const Request& request, const std::string& otherwise);
/// Not nullopt: the answer to headers that contradict themselves, or do not belong to the
/// operation.
std::optional<Response> wrong_encryption(const Request& request);
/// Not nullopt: the refusal to show the bytes or headers of what is encrypted so. `copy_source`: it
/// is the source of a copy, for which headers of their own count.
std::optional<Response> wrong_key(const Request& request, const Encryption& encryption,
                                  bool copy_source = false);
void tell(Response& response, const Encryption& encryption);

}  // namespace penstock::test
