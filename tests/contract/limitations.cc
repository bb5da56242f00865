// SPDX-License-Identifier: Apache-2.0
#include "contract/limitations.h"

#include <algorithm>
#include <array>

namespace penstock::test {
namespace {

struct Limitation {
  const char* subject;
  const char* behaviour;
  const char* reason;
};

// Everything that a store or server is known not to do. A row whose behaviour works fails the
// suite, so that it goes.
constexpr std::array<Limitation, 33> limitations = {{
    {"dir", "rename", "it has no such operation"},
    {"s3", "rename", "the bucket is no directory bucket"},
    {"radosgw", "rename", "the bucket is no directory bucket"},
    {"s3proxy", "rename", "the bucket is no directory bucket"},
    {"moto", "rename", "the bucket is no directory bucket"},
    {"like-r2", "rename", "the bucket is no directory bucket"},
    {"like-gcs", "rename", "the bucket is no directory bucket"},
    {"like-object-lock", "rename", "the bucket is no directory bucket"},
    {"like-r2", "parts of different sizes", "all but the last must be equal"},
    {"like-gcs", "parts are copied", "it has no UploadPartCopy"},
    {"radosgw", "parts may be left out", "it wants every part named that was uploaded"},
    {"radosgw", "complete if-none-match at the same time", "it ignores conditions on Complete"},
    {"radosgw", "copy if-none-match at the same time", "it ignores conditions on a copy's target"},
    {"s3proxy", "key: slashes", "keys are paths of a file system"},
    {"s3proxy", "key: dots", "keys are paths of a file system"},
    {"s3proxy", "key: marker", "a marker has no ETag"},
    {"s3proxy", "key in XML: slashes", "keys are paths of a file system"},
    {"s3proxy", "key in XML: dots", "keys are paths of a file system"},
    {"s3proxy", "key in XML: control characters", "its answers end before the character"},
    {"s3proxy", "object beside folder", "keys are paths of a file system"},
    {"s3proxy", "ETag of a marker", "a marker is a folder"},
    {"s3proxy", "put if-none-match of a marker", "a marker is a folder"},
    {"s3proxy", "marker with contents", "a marker is a folder"},
    {"s3proxy", "no parts without an upload", "a part is stored without a look at its upload"},
    {"s3proxy", "an upload belongs to its key", "a part is stored without a look at its upload"},
    {"s3proxy", "put if-match at the same time", "it looks first and writes then"},
    {"s3proxy", "copy if-none-match at the same time", "it ignores conditions on a copy's target"},
    {"radosgw", "storage class and redirection", "it has the class STANDARD alone"},
    {"s3proxy", "storage class and redirection", "it knows no redirections"},
    {"radosgw", "tags", "it does not tell their number"},
    {"s3proxy", "tags", "it has none"},
    {"s3proxy", "expires of copies and uploads", "it keeps the header of a PUT alone"},
    {"s3proxy", "header :content-type", "it writes a type's parameters in its own way"},
}};

}  // namespace

std::optional<std::string> limitation(const std::string& subject, const std::string& behaviour) {
  const auto* const found =
      std::find_if(limitations.begin(), limitations.end(), [&](const Limitation& each) {
        return subject == each.subject && behaviour == each.behaviour;
      });
  if (found == limitations.end()) return std::nullopt;
  return found->reason;
}

}  // namespace penstock::test
