// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/stored_archive.h"

#include <utility>

#include "app/listed_objects.h"
#include "app/wait_for.h"
#include "fs/names/attributes.h"

namespace penstock {
namespace {

using State = ArchiveLook::State;

constexpr uint32_t worker_threads = 2;

ArchiveLook look_of(const ObjectInfo& head) {
  const bool ongoing = head.restore && head.restore->ongoing;
  return {.state = !is_archived(head) ? State::readable
                   : ongoing          ? State::ongoing
                                      : State::archived,
          .place = head.archive_status.empty() ? head.storage_class : head.archive_status,
          .modified_ns = head.last_modified_ns};
}

/// What a listing tells. Not whether Intelligent-Tiering has archived an object; nor do all stores
/// say what was restored, which need not matter.
std::optional<ArchiveLook> look_of_listed(const ObjectInfo& object, bool restored_matters) {
  if (is_tiering_class(object.storage_class)) return std::nullopt;
  if (restored_matters && is_archive_class(object.storage_class) && !object.restore)
    return std::nullopt;
  return look_of(object);
}

}  // namespace

StoredArchive::StoredArchive(const StoreOptions& options, const StoreUrl& url, Scope scope)
    : url_(options.url), prefix_(url.prefix), scope_(scope), workers_("worker", worker_threads) {}

Result<std::unique_ptr<StoredArchive>> StoredArchive::open(const StoreOptions& options, Scope scope,
                                                           const std::string& state_directory,
                                                           const std::shared_ptr<Log>& log) {
  const Result<StoreUrl> url = parse_store_url(options.url);
  if (!url) return url.error();
  std::unique_ptr<StoredArchive> self(new StoredArchive(options, *url, scope));
  Result<std::unique_ptr<OpenedStore>> store = open_store(options, *url, self->workers_, log);
  if (!store) return store.error();
  self->store_ = std::move(*store);
  const Result<void> checked = wait_for<void>(
      [&](Done<void> done) { check_store(self->store_->store(), url->prefix, std::move(done)); });
  if (!checked) return checked.error();
  ObjectStore& objects = self->store_->store();
  self->uploads_ = open_upload_registry(state_directory, objects.identity(), url->prefix, log);
  self->copier_ = std::make_unique<ObjectCopier>(objects, *self->uploads_);
  return self;
}

void StoredArchive::list(const ArchiveVisitor& visit, const WarmFailure& failed) {
  if (scope_.recursive && (list_below(visit, failed) || scope_.only_classes)) return;
  if (prefix_.empty())
    return failed(url_,
                  scope_.recursive ? "is empty" : "is a bucket; --recursive takes what is in it");
  // Then the URL may be that of one object.
  const std::string key = prefix_.substr(0, prefix_.size() - 1);
  const Result<ObjectInfo> object = head(key);
  if (object) {
    visit({.name = key, .size = object->size}, look_of(*object));
  } else if (object.code() == Code::not_found) {
    failed(url_, scope_.recursive ? "does not exist"
                                  : "is no object; --recursive takes what lies below it");
  } else {
    failed(url_, object.error().describe());
  }
}

/// False where nothing lies below.
bool StoredArchive::list_below(const ArchiveVisitor& visit, const WarmFailure& failed) {
  const bool restored_matters = !scope_.only_classes;
  const Result<bool> found =
      for_each_object(store_->store(), {.prefix = prefix_, .with_restore = restored_matters},
                      [&](const ObjectInfo& object) {
                        return visit({.name = object.key, .size = object.size},
                                     look_of_listed(object, restored_matters));
                      });
  if (!found) failed(url_, found.error().describe());
  return !found || *found;
}

Result<ObjectInfo> StoredArchive::head(const std::string& key) {
  return wait_for<ObjectInfo>(
      [&](Done<ObjectInfo> done) { store_->store().head({.key = key}, std::move(done)); });
}

Result<ArchiveLook> StoredArchive::look(const WarmFile& file) {
  const Result<ObjectInfo> object = head(file.name);
  if (!object) return Error(object.code(), object.error().describe());
  return look_of(*object);
}

Result<void> StoredArchive::restore(const WarmFile& file, const RestoreWish& wish) {
  const Result<ObjectInfo> object = head(file.name);
  if (!object) return Error(object.code(), object.error().describe());
  // Another client may have been quicker.
  if (look_of(*object).state != State::archived) return {};
  const bool moved = is_tiering_class(object->storage_class);
  const RestoreRequest request{
      .key = file.name, .days = moved ? std::nullopt : std::optional(wish.days), .tier = wish.tier};
  const Result<RestoreAnswer> answer = wait_for<RestoreAnswer>(
      [&](Done<RestoreAnswer> done) { store_->store().restore(request, std::move(done)); });
  if (!answer) return Error(answer.code(), answer.error().describe());
  return {};
}

Result<bool> StoredArchive::move(const WarmFile& file, const std::string& storage_class) {
  const Result<ObjectInfo> object = head(file.name);
  if (!object) return Error(object.code(), object.error().describe());
  const std::string present = object->storage_class.empty() ? "STANDARD" : object->storage_class;
  if (present == storage_class) return false;
  if (is_archived(*object)) return Error(Code::archived, "is archived; penstock restore it first");
  // The copy is a new object: it keeps the time of this one as the mounts' copies do.
  Metadata metadata = with_time(*object);
  metadata[header::storage_class] = storage_class;
  CopyObject copy{.source = file.name,
                  .target = file.name,
                  .size = object->size,
                  .etag = object->etag,
                  .metadata = std::move(metadata)};
  const Result<ObjectInfo> copied = wait_for<ObjectInfo>(
      [&](Done<ObjectInfo> done) { copier_->copy(std::move(copy), std::move(done)); });
  if (!copied) return Error(copied.code(), copied.error().describe());
  return true;
}

}  // namespace penstock
