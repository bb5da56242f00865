// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/deferred.h"
#include "data/write/write_condition.h"
#include "penstock/object_store.h"
#include "penstock/result.h"

namespace penstock {

/// What the file system says of a file whose present contents shall become its object.
struct NextObject {
  Metadata metadata;
  Predecessor before;
};

/// A name that a file takes, by being made or renamed.
struct NewName {
  std::string key;
  /// Nothing else may have it (O_EXCL, RENAME_NOREPLACE): the first version under it fails with
  /// already_exists where there is an object, also one that the writer stores by itself, to have
  /// back bytes that only the store has.
  bool exclusive = false;
};

/// What a file leaves to the one that takes its name.
struct Inheritance {
  std::string mark;                ///< By which its objects are known; empty: they have none.
  std::vector<uint64_t> promises;  ///< Files of the journal that stay until the heir is promised.
};

/// What becomes of an upload when the name is about to go.
enum class Held : uint8_t {
  no,          ///< It cannot be ended without losing bytes: it is to be waited for.
  unsent,      ///< None begins until the release, and nothing of the file is under its key.
  maybe_sent,  ///< Likewise, but an object may be under the key because of this file.
};

/// How the contents of a file that is being written become safe, and its object. Of the two ways
/// there are, in which only the answers differ:
///
///     stored at close    persist answers false; commit stores the contents as they are then
///     promised, and      persist answers true when a journal on the local disk has the contents;
///     stored later       commit stores those that were persisted last
///
/// Thread-safe. A `done` may be called before the call returns, so that no lock may be held by who
/// gives one; all other functions may be called with locks held. After `abandon` calls fail with
/// cancelled.
class FileDurability {
 public:
  virtual ~FileDurability() = default;

  /// Makes the present contents, and that they shall become the object as asked, safe against the
  /// end of this process and of the machine: a later mount commits what this one does not. `done`
  /// gets whether they are. False: only the store can keep them, and the next commit does as asked
  /// here. no_space where the journal's disk has been full for long; unavailable and others where
  /// it fails.
  virtual void persist(NextObject request, Done<bool> done) = 0;
  /// The same for the name and the metadata of what was persisted before, without what was written
  /// since; nothing to do where nothing was persisted.
  virtual void persist_name(NextObject request, Done<void> done) = 0;
  /// Makes the contents the object under the key: those of the last persist that answered true, or
  /// the present ones. Commits run one after another; what is written during one belongs to the
  /// next. Nothing dirty: succeeds at once with the last result. After a failure the contents stay
  /// dirty and a later commit tries again. changed, already_exists: another client's object is
  /// there; cancelled: the name is about to go; or the store's error.
  virtual void commit(Done<ObjectInfo> done) = 0;
  /// Drops everything and aborts the upload. For a file that lost its name, and for a writer that
  /// is not needed any more. What was persisted stays so.
  virtual void abandon(Callback<void()> done) = 0;

  /// Something is not in the store; of a new file also where it is empty.
  virtual bool dirty() const = 0;
  /// The number of the last persist that answered true, or is about to, and whose contents are not
  /// in the store; 0: none. A later one has a higher number, if anything differed.
  virtual uint64_t owed() const = 0;
  bool pending() const { return owed() > 0; }

  /// The version in the store whose bytes it needs where nothing was written since; or none.
  virtual std::optional<ObjectInfo> base() const = 0;
  /// That version is under another key now, with another ETag: the file is about to lose its name,
  /// or has it back.
  virtual void base_moved(const std::string& key, const ETag& etag) = 0;

  /// Takes another name, if nothing was sent under the old one yet; false, and no change,
  /// otherwise. `replaced` is what the file has that has the name until now; null: it is not being
  /// written. What that has stored is no conflict from then on, and what it has persisted stays
  /// safe until something of this one is; where that cannot be, false. What there is to ask of the
  /// store is left to `after`.
  virtual bool rename(const NewName& name, FileDurability* replaced, Deferred& after) = 0;
  /// For the writer that takes its name, which calls it once.
  virtual Inheritance bequeath() = 0;

  // The name is about to go: hold, then perhaps doom, then release or disclaim. They do nothing to
  // a writer that cannot be held.

  /// Ends the upload, and begins none until release; commits under way fail with cancelled. `done`
  /// is called when that is so.
  virtual void hold(Done<Held> done) = 0;
  /// Ends a hold: the name stays, or is another one by now, and uploads may begin again. Takes doom
  /// back.
  virtual void release() = 0;
  /// Durably: the object under the key is about to be deleted. If this process ends before that is
  /// done, a later mount does it and shows nothing of the file. Fails as persist does.
  virtual void doom(Done<void> done) = 0;
  /// What was persisted is, durably, owed no more: the name is gone. The contents stay readable.
  virtual void disclaim(Done<void> done) = 0;
};

}  // namespace penstock
