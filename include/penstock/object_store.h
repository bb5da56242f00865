// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/archive.h"
#include "penstock/result.h"

namespace penstock {

/// An entity tag as the store gives it, without quotes; empty means "none".
using ETag = std::string;

/// Whether two answers tell of different versions. An ETag that one of them lacks tells nothing:
/// s3proxy 4.1 has those of markers ("dir/") in listings, but not in answers to HEAD and GET.
inline bool tell_apart(const ETag& one, const ETag& other) {
  return !one.empty() && !other.empty() && one != other;
}

/// Everything that an object carries besides its bytes, so that whoever keeps metadata keeps all of
/// it. User metadata have names in lower case, without "x-amz-meta-", and values that a header can
/// carry. What S3 keeps in headers of its own has a name of namespace `header`.
using Metadata = std::map<std::string, std::string>;

/// Names in Metadata that begin with a colon, as the pseudo-headers of HTTP/2 do: no user metadata
/// can have them. All but the last two are as HEAD and GET return them and as writes take them; a
/// value that is what the store gives to every object (binary/octet-stream, STANDARD) is not told.
namespace header {
inline constexpr char content_type[] = ":content-type";
inline constexpr char content_encoding[] = ":content-encoding";
inline constexpr char content_disposition[] = ":content-disposition";
inline constexpr char content_language[] = ":content-language";
inline constexpr char cache_control[] = ":cache-control";
inline constexpr char expires[] = ":expires";
inline constexpr char website_redirect[] = ":website-redirect-location";
inline constexpr char storage_class[] = ":storage-class";
/// The tags, "name=value&..." percent-encoded. A store whose HEAD does not tell them (S3) tells
/// `tagging_count` instead.
inline constexpr char tagging[] = ":tagging";
/// How many tags the object has. In a write: it gets those of the object that PutRequest::tags_of
/// or CreateUpload::tags_of names; a copy keeps the source's.
inline constexpr char tagging_count[] = ":tagging-count";
}  // namespace header

/// True for the names of namespace `header`.
inline bool is_header(std::string_view name) { return name.starts_with(':'); }

/// `length` bytes from `offset`.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;

  uint64_t end() const noexcept { return offset + length; }
  bool operator==(const ByteRange&) const = default;
};

struct ObjectInfo {
  std::string key;
  uint64_t size = 0;  ///< Bytes of the whole object.
  ETag etag;
  int64_t last_modified_ns = 0;  ///< Since the epoch, UTC; servers give whole seconds.
  std::string storage_class;     ///< As the server says it; empty means STANDARD.
  /// HEAD, and listings that were asked for it: of an archived object. Absent: no restoration.
  std::optional<RestoreState> restore;
  /// HEAD only: where Intelligent-Tiering has archived it ("ARCHIVE_ACCESS"); empty: nowhere.
  std::string archive_status;
  /// What HEAD and GET return; absent in listings and in the results of writes, which do not tell.
  std::optional<Metadata> metadata;
};

/// Whether a get of the object, of which a HEAD told, would be refused with Code::archived.
inline bool is_archived(const ObjectInfo& head) {
  const bool restored = head.restore && !head.restore->ongoing;
  return (is_archive_class(head.storage_class) || !head.archive_status.empty()) && !restored;
}

/// Takes the bytes of one get, in order of their offset, each byte once (also over retries inside
/// the store).
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// What the answer says of the object before its first byte: at least size and ETag. Called
  /// before the first write, at most once per try; the default ignores it. A store that can tell
  /// must: a broken get is resumed by this ETag.
  virtual void started(const ObjectInfo& info) noexcept { (void)info; }
  /// `offset` is counted from the start of the object. Called on a thread of the store, never twice
  /// at a time; must copy what it wants to keep, must not block. False ends the get with
  /// Code::cancelled.
  virtual bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept = 0;
};

/// Bytes to send. They must stay unchanged until the operation is done, for a retry reads them
/// again: `owner` keeps the memory alive.
struct Body {
  std::vector<std::span<const std::byte>> pieces;
  std::shared_ptr<const void> owner;

  static Body of(std::string text) {
    auto owner = std::make_shared<const std::string>(std::move(text));
    return {.pieces = {std::as_bytes(std::span(owner->data(), owner->size()))}, .owner = owner};
  }

  uint64_t size() const noexcept {
    uint64_t total = 0;
    for (const auto& piece : pieces) total += piece.size();
    return total;
  }
};

/// What must hold of the key's present object for a write to happen; Code::changed or
/// already_exists if it does not.
struct Precondition {
  ETag if_match;               ///< Non-empty: only over this version.
  bool if_none_match = false;  ///< Only if there is no object.
};

/// Who goes first where not all requests can be under way at once.
enum class RequestClass : uint8_t {
  small,       ///< Little is transferred, and somebody waits.
  demand,      ///< Somebody waits for these bytes.
  background,  ///< What is fetched ahead; a piece of something large.
};

struct GetRequest {
  std::string key;
  /// Must lie inside the object and not be empty; absent means the whole object.
  std::optional<ByteRange> range;
  ETag if_match;  ///< Non-empty: Code::changed if the object is another version by now.
  std::shared_ptr<BodySink> sink;
  std::stop_token cancel;
  RequestClass request_class = RequestClass::demand;  ///< Not small.
  /// Requested once somebody waits for these bytes: what was in the background is demand from then
  /// on. `request_class` goes on saying what it was.
  std::stop_token awaited;
};

struct HeadRequest {
  std::string key;
  std::stop_token cancel;
};

struct PutRequest {
  std::string key;
  Body body;
  Metadata metadata;
  Precondition condition;
  std::string tags_of = {};  ///< See header::tagging_count; empty: of `key`.
};

struct ListRequest {
  std::string prefix;
  bool by_directory =
      false;  ///< True: delimiter "/", deeper keys are rolled up into common prefixes.
  std::string start_after;  ///< Only keys after this one (in byte order).
  std::string
      continuation;  ///< ListPage::continuation of the page before; then start_after is ignored.
  uint32_t max_keys = 1000;   ///< 1 to 1,000.
  bool with_restore = false;  ///< The page shall tell ObjectInfo::restore where it can.
  std::stop_token cancel;
  /// How long to wait for a store that hangs (one that fails is tried again for a third of it); 0:
  /// as long as the store finds right.
  std::chrono::milliseconds patience{0};
};

/// Objects and common prefixes are each in byte order; a page covers every key up to its largest
/// one of either kind.
struct ListPage {
  std::vector<ObjectInfo> objects;
  std::vector<std::string> common_prefixes;  ///< Whole ("a/b/"), not relative to the prefix.
  std::string continuation;                  ///< Empty on the last page.
};

/// Copies inside the store. `metadata` absent keeps all of the source's; present replaces it
/// (source
/// == target is allowed), but for the tags, which are the source's where it names none.
struct CopyRequest {
  std::string source;
  std::string target;
  ETag source_if_match;
  std::optional<Metadata> metadata;
  Precondition condition;
};

/// Gives an object another key without copying it.
struct RenameRequest {
  std::string source;
  std::string target;
  ETag source_if_match;         ///< Not empty: the version that is meant.
  Precondition condition = {};  ///< Of what is under the target's key.
  /// Names the rename: a store that knows the name already does nothing more. Empty: the store
  /// that repeats requests makes one.
  std::string token;
};

/// Asks for a copy of an archived object that can be read.
struct RestoreRequest {
  std::string key;
  /// Of an object of Intelligent-Tiering, which is moved: no number of days.
  std::optional<uint32_t> days;
  RestoreTier tier = RestoreTier::standard;
};

/// What a store says to that.
enum class RestoreAnswer : uint8_t {
  begun,    ///< It is being restored from now on.
  ongoing,  ///< It is being restored since an earlier request, whose days and tier count.
  ready,    ///< It can be read, and stays so for the days asked for.
};

struct CreateUpload {
  std::string key;
  Metadata metadata;
  std::string tags_of = {};  ///< See header::tagging_count; empty: of `key`.
};

/// One part of a multipart upload. `number` is 1 to 10,000.
struct UploadPart {
  std::string key;
  std::string upload_id;
  uint32_t number = 0;
  Body body;
};

struct UploadPartCopy {
  std::string key;
  std::string upload_id;
  uint32_t number = 0;
  std::string source;
  ETag source_if_match;
  ByteRange source_range;
};

struct CompletedPart {
  uint32_t number = 0;
  ETag etag;
  uint64_t size = 0;
};

struct CompleteUpload {
  std::string key;
  std::string upload_id;
  std::vector<CompletedPart> parts;  ///< In order of number, at least one.
  Precondition condition;
  /// The caller still has all bytes, or can have the store copy them: where another write is in the
  /// way of this one, the upload may be aborted, with Code::not_found, to be begun again.
  bool can_begin_again = false;
  /// A part was copied from the version `condition.if_match` just now: a store that does not trust
  /// its server with conditions here need not look again.
  bool just_seen = false;
};

struct UploadInfo {
  std::string key;
  std::string upload_id;
  int64_t initiated_ns = 0;
};

struct DeleteFailure {
  std::string key;
  Error error;
};

/// What a store can do; learnt at mount.
struct StoreLimits {
  uint64_t max_put_size = 5ULL << 30;   ///< Largest single PUT and single CopyObject.
  uint64_t min_part_size = 5ULL << 20;  ///< Every part but the last.
  uint64_t max_part_size = 5ULL << 30;
  uint32_t max_parts = 10'000;
  uint64_t max_object_size = 50ULL
                             << 40;  ///< Bytes; AWS documents 10,000 parts of 5 GiB = 48.8 TiB.
  uint32_t max_key_bytes = 1024;
  bool utf8_keys = true;  ///< Keys must be UTF-8.
  bool renames = false;   ///< ObjectStore::rename may work; else it never does.
  /// ObjectStore::upload_part_copy may work; else it never does.
  bool part_copies = true;
  /// All parts of an upload but the last must have one size, and the last no larger one: known
  /// before the first is sent, or all that was sent is in vain.
  bool equal_parts = false;
};

/// An object store as S3 defines it: the seam that everything above is tested at.
///
/// Every operation is asynchronous: it returns at once and calls `done` exactly once, later or
/// before it returns, on any thread, holding no lock. All methods may be called from any thread. A
/// request's `cancel` makes it finish early with Code::cancelled. The store must outlive its
/// operations; destroying it waits for those in flight. Keys are bytes (UTF-8 on S3), up to 1,024
/// of them, relative to the bucket (prefixes of a mount are the caller's).
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// What this store can do. Constant while it is open; asks nobody.
  virtual StoreLimits limits() const = 0;
  /// "s3://bucket at http://host:port" or "file:///dir": for messages and to tell stores apart.
  virtual std::string identity() const = 0;

  /// Delivers the bytes to the sink, then the object's information (with metadata). A body shorter
  /// than promised is an error. not_found, changed, archived, invalid_argument (range outside the
  /// object).
  virtual void get(GetRequest request, Done<ObjectInfo> done) = 0;
  /// What is known of the object, its metadata included, without its bytes. not_found.
  virtual void head(HeadRequest request, Done<ObjectInfo> done) = 0;
  /// Atomic: readers see the old object or the new one. The result has key, size, etag and the
  /// server's time.
  virtual void put(PutRequest request, Done<ObjectInfo> done) = 0;
  /// One page of the objects below a prefix; see ListPage for their order. A page may have fewer
  /// entries than asked for, even none, and still name a continuation. A prefix without objects is
  /// an empty page.
  virtual void list(ListRequest request, Done<ListPage> done) = 0;
  /// Removing what is not there is a success, as on S3.
  virtual void remove(std::string key, Done<void> done) = 0;
  /// At most 1,000 keys; the result names those that could not be removed.
  virtual void remove_many(std::vector<std::string> keys,
                           Done<std::vector<DeleteFailure>> done) = 0;
  /// Up to limits().max_put_size; larger sources need UploadPartCopy.
  virtual void copy(CopyRequest request, Done<ObjectInfo> done) = 0;

  /// Atomic: the object has one of the two keys at any time, and what had the target's is replaced.
  /// It stays as it is, ETag, time and metadata; the result has key and ETag alone. not_found
  /// without a source, changed where it is another version. not_supported: nothing has happened,
  /// and what copy and remove do must do. Keys that end in "/" are never renamed.
  virtual void rename(RenameRequest request, Done<ObjectInfo> done) {
    done(Error(Code::not_supported, Error::Detail{.message = "the store does not rename",
                                                  .key = std::move(request.source)}));
  }

  /// invalid_argument: the object is not archived, or not with such a tier.
  virtual void restore(RestoreRequest request, Done<RestoreAnswer> done) {
    done(Error(Code::not_supported, Error::Detail{.message = "the store has no archive",
                                                  .key = std::move(request.key)}));
  }

  /// Begins a multipart upload; the result is its id. What was begun stays, and is paid for, until
  /// it is completed or aborted.
  virtual void create_upload(CreateUpload request, Done<std::string> done) = 0;
  /// Sends one part; a number that was sent before is replaced. The result has the part's ETag,
  /// which complete_upload needs. not_found without the upload.
  virtual void upload_part(UploadPart request, Done<CompletedPart> done) = 0;
  /// The same with bytes of another object, which the store copies by itself. not_found without the
  /// upload or the source; changed where the source is another version.
  virtual void upload_part_copy(UploadPartCopy request, Done<CompletedPart> done) = 0;
  /// Makes one object of the parts, atomically as put does. not_found without the upload: a try
  /// before may have completed it. changed and already_exists by the condition.
  virtual void complete_upload(CompleteUpload request, Done<ObjectInfo> done) = 0;
  /// An upload that does not exist any more is a success.
  virtual void abort_upload(std::string key, std::string upload_id, Done<void> done) = 0;
  /// The parts that the store has of an upload, in the order of their numbers, all pages. not_found
  /// without the upload.
  virtual void list_parts(std::string key, std::string upload_id,
                          Done<std::vector<CompletedPart>> done) = 0;
  /// Unfinished uploads of keys that start with `prefix`, all pages.
  virtual void list_uploads(std::string prefix, Done<std::vector<UploadInfo>> done) = 0;
};

}  // namespace penstock
