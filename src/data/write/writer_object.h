// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/write/write_engine.h"
#include "penstock/object_store.h"

namespace penstock {

/// The object that a written file has in the store, and is to have next: its key, its base, its
/// metadata, what of them is not stored, and what the condition of the next version rests on. Not
/// thread-safe: the file's lock is held by the caller.
class WriterObject {
 public:
  /// Without a base the file is new, and dirty. `initial`: the metadata until others are asked for.
  WriterObject(NewName name, std::optional<ObjectInfo> base, Metadata initial)
      : key_(std::move(name.key)),
        condition_(WriteCondition::Way::at_close, name.exclusive),
        base_(std::move(base)),
        metadata_(std::move(initial)),
        contents_dirty_(!base_) {}

  const std::string& key() const noexcept { return key_; }
  void rename(const NewName& name) {
    key_ = name.key;
    condition_.renamed(name.exclusive);
  }
  /// Its base goes by this key now.
  void follow(const std::string& key) { key_ = key; }
  /// The version whose bytes are kept where nothing is written; that of the last commit after it.
  const std::optional<ObjectInfo>& base() const noexcept { return base_; }
  /// The base has another key now, with another ETag.
  void base_moved(const std::string& key, const ETag& etag);
  /// What the next upload is created with: the newest that was asked for.
  const Metadata& metadata() const noexcept { return metadata_; }
  /// Without a storage class whose objects cannot be read before they are restored: new contents
  /// are not put there.
  static Metadata of_new_contents(Metadata metadata);
  /// Where the object is whose tags the next version gets.
  const std::string& tags_source() const noexcept { return base_ ? base_->key : key_; }

  bool dirty() const noexcept { return contents_dirty_ || metadata_dirty_ || unreported_; }
  bool contents_dirty() const noexcept { return contents_dirty_; }
  void contents_changed() noexcept { contents_dirty_ = true; }
  /// Truncated to nothing: no edit of the base any more, whatever has taken its place since.
  void replaces_base() noexcept { replaces_base_ = true; }
  /// What the next commit is asked for.
  void ask(NextObject request) {
    condition_.expect(request.before);
    asked_ = std::move(request.metadata);
  }
  /// The metadata of the next commit.
  const Metadata& asked() const noexcept { return asked_ ? *asked_ : metadata_; }

  /// Takes the metadata of a commit. False: nothing is to be stored.
  bool wants_commit(const Metadata& metadata);
  /// On which condition `key` gets the next version. `asked`, where somebody else has decided it,
  /// holds for the first one of this writer alone. What an edit keeps of its base is that
  /// version's: it may not take the place of another.
  Precondition condition(const std::optional<Precondition>& asked, const std::string& key) const;

  /// The store has the contents, `size` bytes, with `metadata`: everything is an edit of that
  /// version from now on.
  void stored(ObjectInfo info, uint64_t size, const Metadata& metadata);
  /// The object has these metadata now, in a version of its own.
  void described(const ObjectInfo& info, const Metadata& metadata);
  /// The file system was told of the stored version.
  void reported() noexcept { unreported_ = false; }
  /// The stored version has other metadata than were asked for.
  void needs_description() noexcept { metadata_dirty_ = true; }

 private:
  std::string key_;
  WriteCondition condition_;
  std::optional<ObjectInfo> base_;
  Metadata metadata_;
  std::optional<Metadata> asked_;  // as by `ask`, since it was last called
  Metadata stored_metadata_;       // of the base, once this writer has made it
  bool replaces_base_ = false;
  bool contents_dirty_;
  bool metadata_dirty_ = false;  // the object is there, its metadata are not
  bool unreported_ = false;      // the object is there, and whoever holds the file does not know
};

}  // namespace penstock
