// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "support/memory_store.h"

namespace penstock::test {

using Bytes = std::shared_ptr<const std::string>;

struct StoredVersion {
  Bytes bytes;
  ETag etag;
  int64_t modified_ns = 0;
  Metadata metadata;
};

struct StoredPart {
  Bytes bytes;
  ETag etag;
};

struct StoredUpload {
  std::string key;
  Metadata metadata;
  int64_t initiated_ns = 0;
  std::map<uint32_t, StoredPart> parts;
};

inline Error failure(Code code, const std::string& key, std::string message,
                     std::string service_code = {}) {
  return Error(code, Error::Detail{.message = std::move(message),
                                   .key = key,
                                   .service_code = std::move(service_code)});
}

inline Bytes flatten(const Body& body) {
  auto all = std::make_shared<std::string>();
  all->reserve(body.size());
  for (const auto& piece : body.pieces)
    all->append(reinterpret_cast<const char*>(piece.data()), piece.size());
  return all;
}

// Whole seconds, as S3 servers tell them.
inline int64_t server_time_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::nanoseconds(std::chrono::duration_cast<std::chrono::seconds>(now)).count();
}

// The first string behind every one that starts with `prefix`; empty if there is none.
inline std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty())
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

inline ObjectInfo describe(const std::string& key, const StoredVersion& version,
                           bool with_metadata) {
  ObjectInfo info{.key = key,
                  .size = version.bytes->size(),
                  .etag = version.etag,
                  .last_modified_ns = version.modified_ns};
  if (with_metadata) info.metadata = version.metadata;
  return info;
}

// Everything that the operations share. Each method is one atomic operation.
struct MemoryStore::State {
  explicit State(MemoryStoreOptions from) : options(std::move(from)) {}

  const MemoryStoreOptions options;
  mutable Mutex mutex;
  std::map<std::string, StoredVersion> objects GUARDED_BY(mutex);
  std::map<std::string, StoredUpload> uploads GUARDED_BY(mutex);
  std::vector<LoggedRequest> log GUARDED_BY(mutex);
  uint64_t last_etag GUARDED_BY(mutex) = 0;
  uint64_t last_upload GUARDED_BY(mutex) = 0;

  std::chrono::nanoseconds clock_ahead GUARDED_BY(mutex){0};

  static ETag etag_of(const std::string& bytes) {
    return fmt::format("{:032x}", std::hash<std::string>()(bytes));
  }
  ETag next_etag() REQUIRES(mutex) { return fmt::format("{:032x}", ++last_etag); }
  ETag etag_for(const std::string& bytes) REQUIRES(mutex) {
    return options.content_etags ? etag_of(bytes) : next_etag();
  }

  /// With content_etags nobody can compute an upload's ETag from those of its parts, as where a
  /// bucket encrypts: else the ETag would have to be right.
  ETag part_etag() REQUIRES(mutex) {
    return options.content_etags ? "part " + next_etag() : next_etag();
  }

  std::optional<Error> check_key(const std::string& key) const {
    if (key.empty()) return failure(Code::invalid_argument, key, "a key cannot be empty");
    if (key.size() > options.limits.max_key_bytes) {
      return failure(Code::name_too_long, key, "the key is too long", "KeyTooLongError");
    }
    return std::nullopt;
  }

  Result<StoredVersion> find(const std::string& key, const ETag& if_match) EXCLUDES(mutex) {
    if (auto error = check_key(key)) return *error;
    const MutexLock lock(mutex);
    const auto found = objects.find(key);
    if (found == objects.end()) return failure(Code::not_found, key, "no such key", "NoSuchKey");
    if (!if_match.empty() && if_match != found->second.etag) {
      return failure(Code::changed, key, "the object is another version", "PreconditionFailed");
    }
    return found->second;
  }

  Result<ObjectInfo> store(const std::string& key, Bytes bytes, Metadata metadata,
                           const Precondition& condition) EXCLUDES(mutex) {
    const MutexLock lock(mutex);
    if (auto error = check_condition(key, condition)) return *error;
    ETag etag = etag_for(*bytes);
    return write(key, std::move(bytes), std::move(metadata), std::move(etag));
  }

  std::optional<Error> check_condition(const std::string& key, const Precondition& condition)
      REQUIRES(mutex) {
    const auto found = objects.find(key);
    if (condition.if_none_match && found != objects.end()) {
      return failure(Code::already_exists, key, "the key exists", "PreconditionFailed");
    }
    if (!condition.if_match.empty() &&
        (found == objects.end() || found->second.etag != condition.if_match)) {
      return failure(Code::changed, key, "the object is not the expected version",
                     "PreconditionFailed");
    }
    return std::nullopt;
  }

  ObjectInfo write(const std::string& key, Bytes bytes, Metadata metadata, ETag etag)
      REQUIRES(mutex) {
    StoredVersion version{std::move(bytes), std::move(etag), server_time_ns() + clock_ahead.count(),
                          std::move(metadata)};
    ObjectInfo info = describe(key, version, false);
    objects[key] = std::move(version);
    return info;
  }

  Result<ObjectInfo> put(const PutRequest& request) EXCLUDES(mutex) {
    if (auto error = check_key(request.key)) return *error;
    if (request.body.size() > options.limits.max_put_size) {
      return failure(Code::too_large, request.key, "larger than one PUT may be", "EntityTooLarge");
    }
    return store(request.key, flatten(request.body), request.metadata, request.condition);
  }

  Result<ListPage> list(const ListRequest& request) EXCLUDES(mutex) {
    if (request.cancel.stop_requested())
      return failure(Code::cancelled, request.prefix, "cancelled");
    if (request.max_keys < 1 || request.max_keys > 1000) {
      return failure(Code::invalid_argument, request.prefix, "max_keys must be 1 to 1,000");
    }
    const std::string& after =
        request.continuation.empty() ? request.start_after : request.continuation;
    ListPage page;
    if (options.empty_first_page && request.continuation.empty()) {
      page.continuation = std::max(request.prefix, request.start_after);
      // A key that is the prefix itself comes after the continuation, which is before all keys.
      page.continuation.pop_back();
      return page;
    }
    const uint32_t most = std::min(request.max_keys, options.page_limit);
    std::string last;
    const MutexLock lock(mutex);
    auto at =
        std::max(objects.lower_bound(request.prefix), objects.upper_bound(after), ByKey{objects});
    while (at != objects.end() && at->first.starts_with(request.prefix)) {
      const std::string& key = at->first;
      const size_t slash =
          request.by_directory ? key.find('/', request.prefix.size()) : std::string::npos;
      const std::string rolled =
          slash == std::string::npos ? std::string() : key.substr(0, slash + 1);
      // A common prefix at or before the starting point was given out before its keys.
      const bool skipped = !rolled.empty() && rolled <= after;
      if (!skipped) {
        if (page.objects.size() + page.common_prefixes.size() == most) {
          page.continuation = last;
          break;
        }
        last = rolled.empty() ? key : rolled;
        if (rolled.empty()) {
          page.objects.push_back(describe(key, at->second, false));
        } else {
          page.common_prefixes.push_back(rolled);
        }
      }
      at = rolled.empty() ? std::next(at) : objects.lower_bound(end_of_prefix(rolled));
    }
    return page;
  }

  // Orders iterators by their key, the end last.
  struct ByKey {
    const std::map<std::string, StoredVersion>& all;
    bool operator()(std::map<std::string, StoredVersion>::iterator a,
                    std::map<std::string, StoredVersion>::iterator b) const {
      if (a == all.end()) return false;
      return b == all.end() || a->first < b->first;
    }
  };

  void erase(const std::string& key) EXCLUDES(mutex) {
    const MutexLock lock(mutex);
    objects.erase(key);
  }

  Result<std::vector<DeleteFailure>> remove_many(const std::vector<std::string>& keys)
      EXCLUDES(mutex) {
    if (keys.empty() || keys.size() > 1000) {
      return failure(Code::invalid_argument, "", "1 to 1,000 keys are removed at once",
                     "MalformedXML");
    }
    for (const auto& key : keys) erase(key);
    return std::vector<DeleteFailure>();
  }

  Result<ObjectInfo> copy(const CopyRequest& request) EXCLUDES(mutex) {
    if (auto error = check_key(request.target)) return *error;
    auto source = find(request.source, request.source_if_match);
    if (!source) return source.error();
    if (source->bytes->size() > options.limits.max_put_size) {
      return failure(Code::too_large, request.source, "larger than one copy may be",
                     "InvalidRequest");
    }
    if (request.source == request.target && !request.metadata) {
      return failure(Code::invalid_argument, request.target,
                     "a copy onto itself must change something", "InvalidRequest");
    }
    Metadata metadata = request.metadata.value_or(source->metadata);
    // Tags that the request does not name stay.
    const auto tags = source->metadata.find(header::tagging);
    if (tags != source->metadata.end()) metadata.insert(*tags);
    return store(request.target, source->bytes, std::move(metadata), request.condition);
  }

  Result<ObjectInfo> rename(const RenameRequest& request) EXCLUDES(mutex) {
    if (!options.limits.renames || request.source.ends_with('/') || request.target.ends_with('/'))
      return failure(Code::not_supported, request.source, "no rename here", "NotImplemented");
    if (auto error = check_key(request.target)) return *error;
    const auto source = find(request.source, request.source_if_match);
    if (!source) return source.error();
    const MutexLock lock(mutex);
    if (auto error = check_condition(request.target, request.condition)) return *error;
    objects.erase(request.source);
    objects[request.target] = *source;
    return ObjectInfo{.key = request.target, .etag = source->etag};
  }

  Result<std::string> create_upload(const CreateUpload& request) EXCLUDES(mutex) {
    if (auto error = check_key(request.key)) return *error;
    const MutexLock lock(mutex);
    std::string id = fmt::format("upload-{:04}", ++last_upload);
    uploads[id] = StoredUpload{request.key, request.metadata, server_time_ns(), {}};
    return id;
  }

  StoredUpload* find_upload(const std::string& key, const std::string& id) REQUIRES(mutex) {
    const auto found = uploads.find(id);
    return found == uploads.end() || found->second.key != key ? nullptr : &found->second;
  }

  static Error no_upload(const std::string& key) {
    return failure(Code::not_found, key, "no such upload", "NoSuchUpload");
  }

  Result<CompletedPart> add_part(const std::string& key, const std::string& id, uint32_t number,
                                 Bytes bytes) EXCLUDES(mutex) {
    if (number < 1 || number > options.limits.max_parts) {
      return failure(Code::invalid_argument, key, "no such part number", "InvalidArgument");
    }
    if (bytes->size() > options.limits.max_part_size) {
      return failure(Code::too_large, key, "larger than a part may be", "EntityTooLarge");
    }
    const MutexLock lock(mutex);
    StoredUpload* upload = find_upload(key, id);
    if (upload == nullptr) return no_upload(key);
    CompletedPart part{number, part_etag(), bytes->size()};
    upload->parts[number] = StoredPart{std::move(bytes), part.etag};
    return part;
  }

  Result<CompletedPart> upload_part_copy(const UploadPartCopy& request) EXCLUDES(mutex) {
    auto source = find(request.source, request.source_if_match);
    if (!source) return source.error();
    const ByteRange range = request.source_range;
    if (range.length == 0 || range.end() > source->bytes->size()) {
      return failure(Code::invalid_argument, request.source, "the range is not inside the source",
                     "InvalidRange");
    }
    auto bytes = std::make_shared<std::string>(source->bytes->substr(range.offset, range.length));
    return add_part(request.key, request.upload_id, request.number, std::move(bytes));
  }

  Result<ObjectInfo> complete_upload(const CompleteUpload& request) EXCLUDES(mutex) {
    const MutexLock lock(mutex);
    StoredUpload* upload = find_upload(request.key, request.upload_id);
    if (upload == nullptr) return no_upload(request.key);
    if (request.parts.empty()) {
      return failure(Code::invalid_argument, request.key, "an upload needs a part", "MalformedXML");
    }
    auto all = std::make_shared<std::string>();
    uint32_t previous = 0;
    for (const CompletedPart& wanted : request.parts) {
      if (wanted.number <= previous) {
        return failure(Code::invalid_argument, request.key, "parts are out of order",
                       "InvalidPartOrder");
      }
      previous = wanted.number;
      const auto part = upload->parts.find(wanted.number);
      if (part == upload->parts.end() || part->second.etag != wanted.etag) {
        return failure(Code::invalid_argument, request.key, "no such part", "InvalidPart");
      }
      const bool last = &wanted == &request.parts.back();
      if (!last && part->second.bytes->size() < options.limits.min_part_size) {
        return failure(Code::invalid_argument, request.key, "a part is too small",
                       "EntityTooSmall");
      }
      all->append(*part->second.bytes);
    }
    if (all->size() > options.limits.max_object_size) {
      return failure(Code::too_large, request.key, "larger than an object may be",
                     "EntityTooLarge");
    }
    if (auto error = check_condition(request.key, request.condition)) return *error;
    ETag etag = fmt::format("{}-{}", etag_for(*all), request.parts.size());
    ObjectInfo info =
        write(request.key, std::move(all), std::move(upload->metadata), std::move(etag));
    uploads.erase(request.upload_id);
    return info;
  }

  Result<std::vector<CompletedPart>> list_parts(const std::string& key, const std::string& id)
      EXCLUDES(mutex) {
    const MutexLock lock(mutex);
    const StoredUpload* upload = find_upload(key, id);
    if (upload == nullptr) return no_upload(key);
    std::vector<CompletedPart> parts;
    for (const auto& [number, part] : upload->parts)
      parts.push_back({number, part.etag, part.bytes->size()});
    return parts;
  }

  std::vector<UploadInfo> list_uploads(std::string_view prefix) const EXCLUDES(mutex) {
    std::vector<UploadInfo> found;
    const MutexLock lock(mutex);
    for (const auto& [id, upload] : uploads) {
      if (upload.key.starts_with(prefix)) found.push_back({upload.key, id, upload.initiated_ns});
    }
    std::sort(found.begin(), found.end(), [](const UploadInfo& a, const UploadInfo& b) {
      return std::tie(a.key, a.upload_id) < std::tie(b.key, b.upload_id);
    });
    return found;
  }
};

}  // namespace penstock::test
