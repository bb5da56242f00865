// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>

#include "server/digest.h"
#include "server/operations.h"
#include "server/text.h"

namespace penstock::test {
namespace {

constexpr char crc32c_header[] = "x-amz-checksum-crc32c";
constexpr uint64_t most_parts = 10000;
constexpr uint64_t least_part = uint64_t{5} << 20;
constexpr uint64_t largest_part = uint64_t{5} << 30;

Response no_such_upload() {
  return error_response(
      404, "NoSuchUpload",
      "The specified multipart upload does not exist. The upload ID might be invalid, or the "
      "multipart upload might have been aborted or completed.");
}

Response malformed() {
  return error_response(400, "MalformedXML", "The XML you provided was not well-formed");
}

Upload* find_upload(Bucket& bucket, const Request& request) {
  const auto found = bucket.uploads.find(request.query_value("uploadId"));
  return found == bucket.uploads.end() || found->second.key != request.key ? nullptr
                                                                           : &found->second;
}

bool is_checked(const OperationContext& context, const Request& request) {
  const MutexLock lock(context.store.mutex);
  const Upload* upload = find_upload(context.store.buckets[request.bucket], request);
  return upload != nullptr && upload->checked;
}

std::optional<Response> store_part(const OperationContext& context, const Request& request,
                                   Part& part) {
  const std::optional<uint64_t> number = parse_number(request.query_value("partNumber"));
  if (!number || *number == 0 || *number > most_parts) {
    return error_response(400, "InvalidArgument",
                          "Part number must be an integer between 1 and 10000, inclusive");
  }
  if (part.body.size() > largest_part) {
    return error_response(400, "EntityTooLarge",
                          "Your proposed upload exceeds the maximum allowed size");
  }
  const MutexLock lock(context.store.mutex);
  Upload* upload = find_upload(context.store.buckets[request.bucket], request);
  if (upload == nullptr) return no_such_upload();
  if (!upload->checked && request.has_header(crc32c_header)) {
    return error_response(400, "InvalidRequest",
                          "Checksum Type mismatch occurred, expected checksum Type: null, actual "
                          "checksum Type: crc32c");
  }
  const bool same_key = encryption_asked(request, "").key_md5 == upload->encryption.key_md5;
  if (!same_key) {
    return error_response(400, "InvalidRequest",
                          "The multipart upload initiate requested encryption. Subsequent part "
                          "requests must include the appropriate encryption parameters.");
  }
  if (upload->encryption.is_opaque()) part.etag = opaque_etag(context);
  upload->parts[*number] = part;
  return std::nullopt;
}

uint32_t as_number(const std::string& four_bytes) {
  uint32_t number = 0;
  for (const char byte : four_bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

std::string as_base64(uint32_t crc) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(crc >> shift & 255);
  return base64(bytes);
}

/// Of the bytes as they are kept.
uint32_t crc32c(const Content& body) {
  constexpr uint64_t piece = uint64_t{1} << 20;
  Digest sum(DigestKind::crc32c);
  for (uint64_t at = 0; at < body.size(); at += piece)
    sum.update(body.read(at, std::min(piece, body.size() - at)));
  return as_number(sum.finish());
}

struct NamedPart {
  uint64_t number = 0;
  std::string etag;
};

std::optional<std::vector<NamedPart>> named_parts(const Request& request) {
  const std::string body = request.body.read(0, request.body.size());
  std::vector<NamedPart> parts;
  for (const std::string& item : xml_elements(body, "Part")) {
    const std::optional<uint64_t> number = parse_number(xml_text(item, "PartNumber"));
    if (!number) return std::nullopt;
    parts.push_back({.number = *number, .etag = unquoted(xml_text(item, "ETag"))});
  }
  if (parts.empty() || parts.size() > most_parts) return std::nullopt;
  return parts;
}

std::string raw_bytes(const std::string& hex_text) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex_text.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex_text.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

/// As Cloudflare R2 says it.
std::optional<Response> unequal_parts(const std::vector<uint64_t>& sizes) {
  for (size_t i = 1; i < sizes.size(); ++i) {
    const bool last = i + 1 == sizes.size();
    if (last ? sizes[i] <= sizes[0] : sizes[i] == sizes[0]) continue;
    return error_response(400, "InvalidPart",
                          "All non-trailing parts must have the same length. Non Uniform Part "
                          "Sizes: Expected part " +
                              std::to_string(i + 1) + " to have size " + std::to_string(sizes[0]) +
                              ", found " + std::to_string(sizes[i]));
  }
  return std::nullopt;
}

/// Puts the object together, or says why it cannot be.
std::optional<Response> assemble(const Upload& upload, const std::vector<NamedPart>& parts,
                                 Object& object) {
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].number <= parts[i - 1].number) {
      return error_response(400, "InvalidPartOrder",
                            "The list of parts was not in ascending order.");
    }
  }
  std::string etags;
  std::string crcs;
  uint32_t crc = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto part = upload.parts.find(parts[i].number);
    if (part == upload.parts.end() || part->second.etag != parts[i].etag) {
      return error_response(
          400, "InvalidPart",
          "One or more of the specified parts could not be found. The part might not have been "
          "uploaded, or the specified entity tag might not have matched the part's entity tag.",
          "<PartNumber>" + std::to_string(parts[i].number) + "</PartNumber>");
    }
    if (i + 1 < parts.size() && part->second.body.size() < least_part) {
      return error_response(400, "EntityTooSmall",
                            "Your proposed upload is smaller than the minimum allowed object size.",
                            "<PartNumber>" + std::to_string(parts[i].number) + "</PartNumber>");
    }
    object.body.append(part->second.body);
    object.part_sizes.push_back(part->second.body.size());
    crc = join_crc32c(crc, part->second.crc32c, part->second.body.size());
    etags += raw_bytes(part->second.etag);
    crcs += from_base64(as_base64(part->second.crc32c)).value_or("");
    if (upload.composite) object.part_crcs.push_back(as_base64(part->second.crc32c));
  }
  object.etag = hex(digest(DigestKind::md5, etags)) + "-" + std::to_string(parts.size());
  if (upload.composite) {
    object.checksums = {{crc32c_header, base64(digest(DigestKind::crc32c, crcs)) + "-" +
                                            std::to_string(parts.size())},
                        {"x-amz-checksum-type", "COMPOSITE"}};
  } else if (upload.checked) {
    object.checksums = {{crc32c_header, as_base64(crc)}, {"x-amz-checksum-type", "FULL_OBJECT"}};
  }
  return std::nullopt;
}

}  // namespace

Response create_upload(const OperationContext& context, const Request& request) {
  std::array<char, 40> id = {};
  const uint64_t number = context.store.next_id++;
  std::snprintf(id.data(), id.size(), "upload-%08llx", static_cast<unsigned long long>(number));
  const bool checked = request.header("x-amz-checksum-algorithm") == "CRC32C";
  const bool composite = checked && request.header("x-amz-checksum-type") != "FULL_OBJECT";
  Upload upload{.key = request.key,
                .headers = object_headers(request),
                .checked = checked,
                .composite = composite,
                .initiated = context.now,
                .encryption = encryption_asked(request, context.options.default_encryption)};
  const Encryption encryption = upload.encryption;
  {
    const MutexLock lock(context.store.mutex);
    context.store.buckets[request.bucket].uploads.emplace(id.data(), std::move(upload));
  }
  Response response = xml_response(
      200, std::string("<InitiateMultipartUploadResult") + xmlns + "><Bucket>" +
               xml_escape(request.bucket) + "</Bucket><Key>" + xml_escape(request.key) +
               "</Key><UploadId>" + id.data() + "</UploadId></InitiateMultipartUploadResult>");
  if (checked) {
    response.add("x-amz-checksum-algorithm", "CRC32C");
    response.add("x-amz-checksum-type", composite ? "COMPOSITE" : "FULL_OBJECT");
  }
  tell(response, encryption);
  return response;
}

Response upload_part(const OperationContext& context, const Request& request) {
  Part part{.body = request.body, .etag = body_etag(request), .last_modified = context.now};
  if (is_checked(context, request)) {
    // It was checked, or there is no other: the body is not kept.
    const bool told = request.has_header(crc32c_header);
    part.crc32c = told ? as_number(from_base64(request.header(crc32c_header)).value_or(""))
                       : crc32c(part.body);
  }
  if (auto refusal = store_part(context, request, part)) return std::move(*refusal);
  Response response;
  response.add("ETag", quoted(part.etag));
  for (const auto& [name, value] : request.headers) {
    if (name.starts_with("x-amz-checksum-")) response.add(name, value);
  }
  return response;
}

Response upload_part_copy(const OperationContext& context, const Request& request) {
  CopySource source = find_copy_source(context, request);
  if (source.refusal) return std::move(*source.refusal);
  const uint64_t size = source.object->body.size();
  RangeAnswer range{.length = size};
  if (request.has_header("x-amz-copy-source-range")) {
    const std::string text = request.header("x-amz-copy-source-range");
    range = resolve_range(text, size);
    // Unlike GET, a copy takes only "bytes=first-last", inside the source.
    const std::optional<uint64_t> last = parse_number(text.substr(text.find('-') + 1));
    if (!range.partial || !last || *last >= size) {
      return error_response(
          400, "InvalidArgument",
          "Range specified is not valid for source object of size: " + std::to_string(size));
    }
  }
  Part part{.body = source.object->body.slice(range.offset, range.length),
            .etag = copied_etag(context, *source.object, range.offset, range.length),
            .last_modified = context.now};
  std::string checksum;
  if (is_checked(context, request)) {
    part.crc32c = crc32c(part.body);
    checksum = "<ChecksumCRC32C>" + as_base64(part.crc32c) + "</ChecksumCRC32C>";
  }
  if (auto refusal = store_part(context, request, part)) return std::move(*refusal);
  Response response = xml_response(200, "<CopyPartResult><LastModified>" + iso_date(context.now) +
                                            "</LastModified><ETag>&quot;" + part.etag +
                                            "&quot;</ETag>" + checksum + "</CopyPartResult>");
  response.extra_delay = copy_time(context, range.length);
  return response;
}

Response complete_upload(const OperationContext& context, const Request& request) {
  const std::optional<std::vector<NamedPart>> parts = named_parts(request);
  if (!parts) return malformed();
  auto object = std::make_shared<Object>();
  const MutexLock lock(context.store.mutex);
  Bucket& bucket = context.store.buckets[request.bucket];
  const Upload* upload = find_upload(bucket, request);
  if (upload == nullptr) return no_such_upload();
  if (auto refusal = assemble(*upload, *parts, *object)) return std::move(*refusal);
  if (context.options.equal_parts) {
    if (auto refusal = unequal_parts(object->part_sizes)) return std::move(*refusal);
  }
  const auto present = bucket.objects.find(request.key);
  if (auto refusal = failed_condition(
          request, present == bucket.objects.end() ? nullptr : present->second.get())) {
    if (context.options.failed_complete_ends_upload)
      bucket.uploads.erase(request.query_value("uploadId"));
    return std::move(*refusal);
  }
  object->headers = upload->headers;
  object->encryption = upload->encryption;
  if (object->encryption.is_opaque())
    object->etag = opaque_etag(context) + "-" + std::to_string(parts->size());
  object->last_modified = context.now;
  std::string checksum;
  if (upload->checked) {
    const std::string& given = request.header(crc32c_header);
    if (!given.empty() && given != object->checksums[crc32c_header]) {
      return error_response(400, "BadDigest",
                            "The CRC32C you specified did not match the calculated checksum.");
    }
    checksum = "<ChecksumCRC32C>" + object->checksums[crc32c_header] +
               "</ChecksumCRC32C><ChecksumType>" + object->checksums["x-amz-checksum-type"] +
               "</ChecksumType>";
  }
  const std::string etag = object->etag;
  bucket.objects[request.key] = std::move(object);
  bucket.uploads.erase(request.query_value("uploadId"));
  return xml_response(200, std::string("<CompleteMultipartUploadResult") + xmlns +
                               "><Location>http://localhost/" + uri_encode(request.bucket) + "/" +
                               uri_encode(request.key, true) + "</Location><Bucket>" +
                               xml_escape(request.bucket) + "</Bucket><Key>" +
                               xml_escape(request.key) + "</Key><ETag>&quot;" + etag +
                               "&quot;</ETag>" + checksum + "</CompleteMultipartUploadResult>");
}

Response abort_upload(const OperationContext& context, const Request& request) {
  const MutexLock lock(context.store.mutex);
  Bucket& bucket = context.store.buckets[request.bucket];
  if (find_upload(bucket, request) == nullptr) return no_such_upload();
  bucket.uploads.erase(request.query_value("uploadId"));
  Response response;
  response.status = 204;
  return response;
}

}  // namespace penstock::test
