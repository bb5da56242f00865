// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fs/lookups/listing.h"
#include "fs/lookups/sibling_samples.h"
#include "fs/nodes/core.h"

namespace penstock {

/// Finds out what a listing does not tell: the attributes that objects carry as metadata (mode,
/// owner, time). Each costs a HEAD, so MetadataOptions::attributes decides when one is paid.
///
/// With `automatic`, two files and two directories of a directory are looked at when its listing
/// comes in, and the directory's own object where it has one. Where none carries attributes, as in
/// data sets that no POSIX program wrote, the others are taken to carry none. Where one does, or
/// where later one is seen that does, or where the directory's own object says so (note_carried),
/// each is asked for when a program asks for its attributes, and for programs that go through a
/// directory in order the next ones are asked for ahead, many at a time. Directories beside others
/// that carry nothing may be left out: SiblingSamples says which.
class AttributeLoader {
 public:
  explicit AttributeLoader(FsCore& core) : core_(core) {}

  /// Makes Inode::stored what the object has, whatever the mount's option says. Fails with changed
  /// where the inode has vanished before that was known.
  void learn(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);

  /// The same as far as the mount's option asks for it: before attributes are shown to a program.
  /// Fails only where the store cannot be asked; an object that may not be looked at, or is gone,
  /// has the mount's defaults.
  void ensure(const InodePtr& inode, Done<void> done) EXCLUDES(core_.tree.mutex);

  /// The inode was stored. Where it carries attributes, that is written into its directory's own
  /// object, once and in the background: with it other mounts, and this one after its end, know
  /// that they have to ask. Best effort: what fails is tried with the next such file.
  void note_carried(const InodePtr& inode) EXCLUDES(core_.tree.mutex);

  /// A page of this listing of the directory is in the tree.
  void listed(const InodePtr& directory, const Listing& listing) EXCLUDES(core_.tree.mutex);

  /// True where the attributes that the tree has may be shown without asking first. Tree::mutex is
  /// held; clang cannot know that the caller's tree is the one of `core_`.
  bool settled(const Inode& inode) const NO_THREAD_SAFETY_ANALYSIS;
  /// The same of a name in `directory` that has a record.
  bool settled(const Inode& directory, const NameRecord& record) const NO_THREAD_SAFETY_ANALYSIS;

  /// Calls `ready` once the directory's sample, if one is under way, has been answered.
  void when_sampled(const InodePtr& directory, Callback<void()> ready) EXCLUDES(core_.tree.mutex);

 private:
  void write_note(const InodePtr& directory, NameLock::Use use) EXCLUDES(core_.tree.mutex);
  bool may_carry(const Inode& inode) const REQUIRES(core_.tree.mutex);
  /// A directory whose listing had no marker has no object that could carry anything.
  bool has_no_object(const Inode& inode) const REQUIRES(core_.tree.mutex);
  Result<std::string> object_key(const Inode& inode) const REQUIRES(core_.tree.mutex);
  void learned(const InodePtr& inode, const std::string& key, Scheduler::Time asked,
               Result<ObjectInfo> info) EXCLUDES(core_.tree.mutex);
  std::vector<InodePtr> neighbours(const InodePtr& inode) REQUIRES(core_.tree.mutex);
  /// The object's metadata are in the tree, or nobody can know more of them than the tree does.
  static bool known(const Inode& inode);
  static bool known(NameTable::Slot slot);

  // attribute_samples.cc: what is looked at when a listing comes in

  struct Sample;
  /// What SiblingSamples is to know of a directory.
  struct Sibling {
    InodeId parent;
    SiblingSamples::Times times;
  };
  /// Absent where the directory is no matter of its siblings', or more than they could tell.
  std::optional<Sibling> sibling(const Inode& directory, const Listing& listing) const
      REQUIRES(core_.tree.mutex);
  /// `noted`: the directory's own object is there to be looked at.
  std::shared_ptr<Sample> begin_sample(const InodePtr& directory, bool noted)
      REQUIRES(core_.tree.mutex);
  void look(const std::shared_ptr<Sample>& sample) EXCLUDES(core_.tree.mutex);
  void sample_answered(Sample& sample, const Result<void>& learned) EXCLUDES(core_.tree.mutex);
  /// Returns those that have to be looked at now.
  SiblingSamples::Directories tell_siblings(Sample& sample) REQUIRES(core_.tree.mutex);
  void look_again(const SiblingSamples::Directories& directories) EXCLUDES(core_.tree.mutex);

  FsCore& core_;
  SiblingSamples siblings_ GUARDED_BY(core_.tree.mutex);
};

}  // namespace penstock
