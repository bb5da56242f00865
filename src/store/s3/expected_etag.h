// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/object_store.h"

namespace penstock {

/// The 16 bytes of an ETag that is an MD5 in hexadecimal; nothing for another one.
std::optional<std::string> md5_of_etag(const ETag& etag);
/// The same back.
ETag etag_of_md5(std::string_view md5);

/// The ETag that S3 gives an object of one PUT, its MD5, unless it is encrypted with keys of its
/// own (SSE-KMS, SSE-C: S3Session::etags_are_md5s) or the server makes other ones. Reads all bytes.
ETag put_etag(const Body& body);

/// The ETag that S3 gives an object made of these parts: the MD5 of the parts' MD5s, "-", and their
/// number. Nothing where a part's ETag is no MD5 in hexadecimal (a store with ETags of its own
/// making).
std::optional<ETag> multipart_etag(const std::vector<CompletedPart>& parts);

/// True if `found` can be the object that completing `parts` made: its size is theirs, and its ETag
/// is the one expected, or at least has their number ("-N") where none can be foretold.
bool is_made_of(const ObjectInfo& found, const std::vector<CompletedPart>& parts);

}  // namespace penstock
