// SPDX-License-Identifier: Apache-2.0
// AttributeOperations: extended attributes.
#include <fmt/chrono.h>

#include <utility>

#include "base/wall_clock.h"
#include "fs/changes/attribute_operations.h"
#include "fs/names/xattrs.h"

namespace penstock {
namespace {

constexpr std::string_view user = "user.";
/// What this mount tells of an object, beside what is stored in it.
constexpr std::string_view store_names = "user.s3.";
constexpr std::string_view mount_names = "user.penstock.";

bool read_only(std::string_view name) {
  return name.starts_with(store_names) || name.starts_with(mount_names);
}

constexpr std::string_view class_name = "user.s3.storage_class";
constexpr std::string_view restore_name = "user.s3.restore";
constexpr std::string_view tier_name = "user.s3.archive_status";
constexpr std::string_view standard = "STANDARD";
constexpr size_t longest_class = 64;

/// Null where the name is one that can be set.
std::optional<Error> refuse(std::string_view name) {
  if (read_only(name))
    return Error(Code::not_permitted,
                 fmt::format("'{}' tells about the object and is read-only", name));
  if (!name.starts_with(user) || name.size() == user.size())
    return Error(Code::not_supported, "only extended attributes \"user.*\" can be kept");
  return std::nullopt;
}

Error no_such_attribute() { return Error(Code::no_attribute); }

std::string text_of(const RestoreState& state) {
  if (state.ongoing) return "ongoing";
  return fmt::format("until {:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<time_t>(state.until_ns / ns_per_second)));
}

/// What a HEAD tells by such a name; empty: nothing.
std::string value_of(const ObjectInfo& info, std::string_view name) {
  if (name == restore_name) return info.restore ? text_of(*info.restore) : std::string();
  if (name == tier_name) return info.archive_status;
  return info.storage_class.empty() ? "STANDARD" : info.storage_class;
}

}  // namespace

void AttributeOperations::get_xattr(const InodePtr& inode, const std::string& name,
                                    Done<std::string> done) {
  if (read_only(name)) return get_own(inode, name, std::move(done));
  if (auto error = refuse(name)) return done(*error);
  attributes_.learn(inode, [this, inode, name = name.substr(user.size()),
                            done = std::move(done)](const Result<void>& learned) mutable {
    if (!learned && learned.code() != Code::not_found) return done(learned.error());
    std::optional<std::string> value;
    {
      const MutexLock lock(core_.tree.mutex);
      value = find_xattr(inode->stored.other, name);
    }
    if (!value) return done(no_such_attribute());
    done(std::move(*value));
  });
}

void AttributeOperations::get_own(const InodePtr& inode, std::string_view name,
                                  Done<std::string> done) {
  std::string text;
  bool stored = false;
  {
    const MutexLock lock(core_.tree.mutex);
    stored = !inode->local_only && !inode->deleted();
    const Result<std::string> key = core_.tree.key_of(*inode);
    if (name == "user.s3.key" && key) text = *key;
    if (name == "user.s3.etag" && stored) text = inode->etag;
  }
  if (!text.empty()) return done(std::move(text));
  if (!stored || inode->type == FileType::directory) return done(no_such_attribute());
  if (name == class_name || name == restore_name || name == tier_name)
    return get_from_store(inode, std::string(name), std::move(done));
  if (name == "user.penstock.cached") return get_cached(inode, std::move(done));
  done(no_such_attribute());
}

void AttributeOperations::get_from_store(const InodePtr& inode, std::string name,
                                         Done<std::string> done) {
  Result<std::string> key = std::string();
  {
    const MutexLock lock(core_.tree.mutex);
    key = core_.tree.key_of(*inode);
  }
  if (!key) return done(key.error());
  // Asked each time: a restoration goes on by itself.
  core_.parts.store.head({.key = *key},
                         core_.tracked<ObjectInfo>([name = std::move(name), done = std::move(done)](
                                                       const Result<ObjectInfo>& info) mutable {
                           if (!info) return done(info.error());
                           std::string value = value_of(*info, name);
                           if (value.empty()) return done(no_such_attribute());
                           done(std::move(value));
                         }));
}

void AttributeOperations::get_cached(const InodePtr& inode, Done<std::string> done) {
  std::shared_ptr<ObjectReader> reader;
  std::optional<Error> gone;
  {
    const MutexLock lock(core_.tree.mutex);
    if (Result<std::string> key = core_.tree.key_of(*inode); key) {
      reader = core_.parts.reads.open(
          ObjectVersion{.key = std::move(*key), .etag = inode->etag, .size = inode->size},
          [](const ObjectInfo&) {});
    } else {
      gone = key.error();
    }
  }
  if (gone) return done(*gone);
  ObjectReader& asked = *reader;
  asked.cache_share(core_.tracked<CacheShare>(
      [reader = std::move(reader), done = std::move(done)](Result<CacheShare> share) mutable {
        if (!share && share.code() == Code::not_supported) return done(no_such_attribute());
        if (!share) return done(share.error());
        done(fmt::format("{}", share->present));
      }));
}

void AttributeOperations::list_xattrs(const InodePtr& inode, Done<std::vector<std::string>> done) {
  attributes_.ensure(inode,
                     [this, inode, done = std::move(done)](const Result<void>& learned) mutable {
                       if (!learned) return done(learned.error());
                       std::vector<std::string> names;
                       {
                         const MutexLock lock(core_.tree.mutex);
                         names = xattr_names(inode->stored.other);
                       }
                       for (std::string& name : names) name.insert(0, user);
                       done(std::move(names));
                     });
}

void AttributeOperations::set_xattr(const InodePtr& inode, const std::string& name,
                                    const std::string& value, XattrMode mode, Done<void> done) {
  if (name == restore_name) return ask_for_restore(inode, value, std::move(done));
  if (name == class_name) return set_class(inode, value, std::move(done));
  if (auto error = refuse(name)) return done(*error);
  change(
      inode,
      [name = name.substr(user.size()), value, mode](Inode&,
                                                     StoredAttributes& stored) -> Result<bool> {
        const std::optional<std::string> before = find_xattr(stored.other, name);
        if (before && mode == XattrMode::create) return Error(Code::already_exists);
        if (!before && mode == XattrMode::replace) return no_such_attribute();
        put_xattr(stored.other, name, value);
        return before != value;
      },
      std::move(done));
}

void AttributeOperations::set_class(const InodePtr& inode, const std::string& value,
                                    Done<void> done) {
  const bool word =
      !value.empty() && value.size() <= longest_class &&
      value.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string::npos;
  if (!word) return done(Error(Code::invalid_argument, "that is no storage class"));
  if (inode->type == FileType::directory) return done(Error(Code::is_a_directory));
  change(
      inode,
      [value](Inode& file, StoredAttributes& stored) -> Result<bool> {
        // New contents are stored where they can be read at once.
        if (file.local_only || (file.writer() != nullptr && file.writer()->dirty()))
          return Error(Code::invalid_argument, "the file is being written; close it first");
        Metadata& other = stored.other;
        const auto before = other.find(header::storage_class);
        const bool same = before == other.end() ? value == standard : before->second == value;
        if (same) return false;
        other.erase(header::storage_class);
        if (value != standard) other[header::storage_class] = value;
        file.archive = is_archive_class(value) ? Inode::Archive::yes : Inode::Archive::no;
        return true;
      },
      std::move(done));
}

void AttributeOperations::ask_for_restore(const InodePtr& inode, const std::string& value,
                                          Done<void> done) {
  const Result<RestoreWish> wish = parse_restore_wish(value, core_.parts.archive.wish);
  if (!wish) return done(wish.error());
  if (inode->type == FileType::directory) return done(Error(Code::is_a_directory));
  archived_.request(inode, *wish, std::move(done));
}

void AttributeOperations::remove_xattr(const InodePtr& inode, const std::string& name,
                                       Done<void> done) {
  if (auto error = refuse(name)) return done(*error);
  change(
      inode,
      [name = name.substr(user.size())](Inode&, StoredAttributes& stored) -> Result<bool> {
        if (!erase_xattr(stored.other, name)) return no_such_attribute();
        return true;
      },
      std::move(done));
}

}  // namespace penstock
