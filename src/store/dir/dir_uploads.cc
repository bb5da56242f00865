// SPDX-License-Identifier: Apache-2.0
#include "store/dir/dir_uploads.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>
#include <tuple>

#include "base/wall_clock.h"
#include "store/dir/folder_names.h"

namespace penstock {
namespace {

constexpr const char* uploads_folder = "uploads";
constexpr const char* upload_file = "upload";
constexpr std::string_view part_prefix = "part-";

Error no_upload(const std::string& key) {
  return key_error(Code::not_found, key, "no such upload", "NoSuchUpload");
}

// Ids that this class gives out; nothing else is ever part of a path.
bool is_upload_id(const std::string& id) {
  return id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string part_name(uint32_t number) { return fmt::format("{}{:05}", part_prefix, number); }

std::optional<uint32_t> part_number(std::string_view name) {
  if (!name.starts_with(part_prefix)) return std::nullopt;
  name.remove_prefix(part_prefix.size());
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

std::optional<std::string> read_all(int folder, const char* name, struct stat& status) {
  constexpr off_t max_size = 1 << 20;
  const Fd file(openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file || fstat(file.get(), &status) != 0 || status.st_size > max_size) return std::nullopt;
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  if (pread(file.get(), bytes.data(), bytes.size(), 0) != status.st_size) return std::nullopt;
  return bytes;
}

}  // namespace

Result<std::string> DirUploads::create(const CreateUpload& request) {
  if (auto error = DirTree::check_key(request.key)) return *error;
  int error = 0;
  const Fd uploads = tree_.open_private(uploads_folder, true, error);
  if (!uploads) return errno_error(error, "opening the store's folder for uploads", request.key);

  // The file is complete before the folder has the name under which it is looked for.
  auto staged = tree_.stage(request.key);
  if (!staged) return staged.error();
  const std::string bytes = encode_strings({request.key, encode_metadata(request.metadata)});
  const Body body{{std::as_bytes(std::span(bytes))}, nullptr};
  if (auto written = write_body(staged->file(), body, request.key); !written)
    return written.error();
  if (auto synced = tree_.sync(staged->file(), request.key); !synced) return synced.error();
  const std::string id = random_name();
  const std::string unfinished = "new-" + id;
  if (mkdirat(staged->folder(), unfinished.c_str(), 0777) != 0) {
    return errno_error(errno, "making the upload's folder", request.key);
  }
  const std::string path = unfinished + "/" + upload_file;
  if (renameat(staged->folder(), staged->name().c_str(), staged->folder(), path.c_str()) != 0 ||
      renameat(staged->folder(), unfinished.c_str(), uploads.get(), id.c_str()) != 0) {
    const int number = errno;
    remove_tree(staged->folder(), unfinished);
    return errno_error(number, "making the upload's folder", request.key);
  }
  staged->placed();
  if (auto synced = tree_.sync(uploads.get(), request.key); !synced) return synced.error();
  return id;
}

Result<DirUploads::Upload> DirUploads::open(const std::string& key, const std::string& id) const {
  if (!is_upload_id(id)) return no_upload(key);
  int error = 0;
  Upload upload;
  const std::vector<std::string> path = {private_folder, uploads_folder, id};
  upload.folder = tree_.open_folder(path, false, error);
  if (!upload.folder && is_no_such_path(error)) return no_upload(key);
  if (!upload.folder) return errno_error(error, "opening the upload", key);
  struct stat status {};
  const auto bytes = read_all(upload.folder.get(), upload_file, status);
  const auto strings = bytes ? decode_strings(*bytes) : std::nullopt;
  const auto metadata =
      strings && strings->size() == 2 ? decode_metadata(strings->back()) : std::nullopt;
  if (!metadata) return no_upload(key);
  upload.key = strings->front();
  upload.metadata = *metadata;
  upload.initiated_ns = to_ns(status.st_mtim);
  return upload;
}

Result<StagedFile> DirUploads::stage_part(const Upload& upload) {
  Fd folder(openat(upload.folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return errno_error(errno, "opening the upload", upload.key);
  std::string name = random_name();
  Fd file(
      openat(folder.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  // The folder was removed after it was opened.
  if (!file && errno == ENOENT) return no_upload(upload.key);
  if (!file) return errno_error(errno, "making a temporary file", upload.key);
  return StagedFile(std::move(folder), std::move(name), std::move(file));
}

Result<CompletedPart> DirUploads::place_part(StagedFile staged, uint32_t number,
                                             const std::string& key) const {
  if (auto synced = tree_.sync(staged.file(), key); !synced) return synced.error();
  if (renameat(staged.folder(), staged.name().c_str(), staged.folder(),
               part_name(number).c_str()) != 0) {
    if (errno == ENOENT) return no_upload(key);
    return errno_error(errno, "keeping the part", key);
  }
  staged.placed();
  struct stat status {};
  if (fstat(staged.file(), &status) != 0) return errno_error(errno, "looking at the part", key);
  // Completed or aborted in the meantime: the part went with the upload.
  if (status.st_nlink == 0) return no_upload(key);
  return CompletedPart{number, etag_of(status), static_cast<uint64_t>(status.st_size)};
}

Result<CompletedPart> DirUploads::add_part(const UploadPart& request) {
  if (request.number < 1 || request.number > limits_.max_parts) {
    return key_error(Code::invalid_argument, request.key, "part numbers are 1 to 10,000",
                     "InvalidArgument");
  }
  if (request.body.size() > limits_.max_part_size) {
    return key_error(Code::too_large, request.key, "larger than a part may be", "EntityTooLarge");
  }
  const auto upload = open(request.key, request.upload_id);
  if (!upload) return upload.error();
  if (upload->key != request.key) return no_upload(request.key);
  auto staged = stage_part(*upload);
  if (!staged) return staged.error();
  if (auto written = write_body(staged->file(), request.body, request.key); !written)
    return written.error();
  return place_part(std::move(*staged), request.number, request.key);
}

Result<CompletedPart> DirUploads::copy_part(const UploadPartCopy& request) {
  if (request.number < 1 || request.number > limits_.max_parts) {
    return key_error(Code::invalid_argument, request.key, "part numbers are 1 to 10,000",
                     "InvalidArgument");
  }
  const auto upload = open(request.key, request.upload_id);
  if (!upload) return upload.error();
  if (upload->key != request.key) return no_upload(request.key);
  const auto source = tree_.find(request.source, false);
  if (!source) return source.error();
  if (!request.source_if_match.empty() && request.source_if_match != source->info.etag) {
    return key_error(Code::changed, request.source, "the source is another version");
  }
  const ByteRange range = request.source_range;
  if (range.length == 0 || range.offset >= source->info.size ||
      range.length > source->info.size - range.offset) {
    return key_error(Code::invalid_argument, request.source, "the range is not inside the source",
                     "InvalidRange");
  }
  auto staged = stage_part(*upload);
  if (!staged) return staged.error();
  const auto copied = append_range(source->file.get(), range, staged->file(), request.source);
  if (!copied) return copied.error();
  return place_part(std::move(*staged), request.number, request.key);
}

Result<void> DirUploads::join(const Upload& upload, const CompleteUpload& request,
                              int target) const {
  uint64_t total = 0;
  for (const CompletedPart& wanted : request.parts) {
    if (&wanted != &request.parts.front() && wanted.number <= (&wanted - 1)->number) {
      return key_error(Code::invalid_argument, request.key, "parts are out of order",
                       "InvalidPartOrder");
    }
    const Fd part(openat(upload.folder.get(), part_name(wanted.number).c_str(),
                         O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!part || fstat(part.get(), &status) != 0 || etag_of(status) != wanted.etag) {
      return key_error(Code::invalid_argument, request.key,
                       fmt::format("no such part {}", wanted.number), "InvalidPart");
    }
    const auto size = static_cast<uint64_t>(status.st_size);
    if (size < limits_.min_part_size && &wanted != &request.parts.back()) {
      return key_error(Code::invalid_argument, request.key,
                       fmt::format("part {} is too small", wanted.number), "EntityTooSmall");
    }
    total += size;
    if (total > limits_.max_object_size)
      return key_error(Code::too_large, request.key, "larger than an object may be");
    if (auto copied = append_range(part.get(), {0, size}, target, request.key); !copied)
      return copied;
  }
  return {};
}

Result<ObjectInfo> DirUploads::complete(const CompleteUpload& request) {
  if (request.parts.empty()) {
    return key_error(Code::invalid_argument, request.key, "an upload needs a part", "MalformedXML");
  }
  if (!is_upload_id(request.upload_id)) return no_upload(request.key);
  // Against a second completion, and an abortion, of the same upload.
  const auto locked = tree_.lock('u', request.upload_id);
  if (!locked) return locked.error();
  const auto upload = open(request.key, request.upload_id);
  if (!upload) return upload.error();
  if (upload->key != request.key) return no_upload(request.key);
  if (auto error = tree_.check(request.key, request.condition)) return *error;
  auto staged = tree_.stage(request.key);
  if (!staged) return staged.error();
  if (auto joined = join(*upload, request, staged->file()); !joined) return joined.error();
  auto info = tree_.commit(request.key, std::move(*staged), upload->metadata, request.condition);
  // A folder that cannot be removed is an unfinished upload for list(), no reason to deny that the
  // object is there.
  if (info) (void)discard(request.key, request.upload_id);
  return info;
}

Result<void> DirUploads::discard(const std::string& key, const std::string& id) const {
  int error = 0;
  const Fd uploads = tree_.open_private(uploads_folder, false, error);
  const Fd tmp = tree_.open_private("tmp", true, error);
  if (!uploads || !tmp) return errno_error(error, "opening the store's folder for uploads", key);
  // Gone at once; then emptied. What a crash leaves of it is removed with the other temporary
  // files.
  const std::string name = "old-" + id;
  if (renameat(uploads.get(), id.c_str(), tmp.get(), name.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return errno_error(errno, "removing the upload", key);
  }
  remove_tree(tmp.get(), name);
  return {};
}

Result<void> DirUploads::abort(const std::string& key, const std::string& id) {
  if (!is_upload_id(id)) return {};
  const auto locked = tree_.lock('u', id);
  if (!locked) return locked.error();
  const auto upload = open(key, id);
  if (!upload && upload.code() == Code::not_found) return {};
  if (!upload) return upload.error();
  if (upload->key != key) return {};
  return discard(key, id);
}

Result<std::vector<CompletedPart>> DirUploads::parts(const std::string& key,
                                                     const std::string& id) const {
  const auto upload = open(key, id);
  if (!upload) return upload.error();
  if (upload->key != key) return no_upload(key);
  FolderNames names;
  const int error = read_folder(upload->folder.get(), false, names);
  if (error != 0) return errno_error(error, "listing the parts", key);
  std::vector<CompletedPart> found;
  for (const auto& name : names) {
    const auto number = part_number(name);
    struct stat status {};
    if (!number || fstatat(upload->folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    found.push_back({*number, etag_of(status), static_cast<uint64_t>(status.st_size)});
  }
  return found;
}

Result<std::vector<UploadInfo>> DirUploads::list(const std::string& prefix) const {
  int error = 0;
  std::vector<UploadInfo> found;
  const Fd uploads = tree_.open_private(uploads_folder, false, error);
  if (!uploads && is_no_such_path(error)) return found;
  if (!uploads) return errno_error(error, "opening the store's folder for uploads", prefix);
  FolderNames names;
  error = read_folder(uploads.get(), false, names);
  if (error != 0) return errno_error(error, "listing the uploads", prefix);
  for (auto& name : names) {
    name.pop_back();  // The "/" behind a folder's name.
    const auto upload = open(prefix, name);
    if (upload && upload->key.starts_with(prefix))
      found.push_back({upload->key, name, upload->initiated_ns});
  }
  std::sort(found.begin(), found.end(), [](const UploadInfo& a, const UploadInfo& b) {
    return std::tie(a.key, a.initiated_ns, a.upload_id) <
           std::tie(b.key, b.initiated_ns, b.upload_id);
  });
  return found;
}

}  // namespace penstock
