// SPDX-License-Identifier: Apache-2.0
// AttributeLoader: the files that are looked at when a listing comes in.
#include <algorithm>
#include <utility>

#include "base/wall_clock.h"
#include "fs/lookups/attribute_loader.h"
#include "fs/nodes/inode_record.h"

namespace penstock {

using Carried = DirectoryState::Carried;

/// What is looked at together, and what that will tell.
struct AttributeLoader::Sample {
  InodePtr directory;
  std::vector<InodePtr> inodes;
  std::optional<Sibling> sibling;
  SiblingSamples::Directories stands_for;
  size_t missing = 0;
  bool failed = false;
};

std::optional<AttributeLoader::Sibling> AttributeLoader::sibling(const Inode& directory,
                                                                 const Listing& listing) const {
  // What a directory's own object notes, and the objects of its directories, no listing tells.
  const bool told = listing.done && !listing.error && listing.pages == 1 && !listing.saw_marker &&
                    listing.newest_ns != 0 && directory.directory->children.subdirectories() == 0;
  if (!told || !directory.named()) return std::nullopt;
  return Sibling{.parent = directory.parent->id,
                 .times = {.oldest_s = listing.oldest_ns / ns_per_second,
                           .newest_s = listing.newest_ns / ns_per_second}};
}

void AttributeLoader::listed(const InodePtr& directory, const Listing& listing) {
  SiblingSamples::Directories others;
  std::shared_ptr<Sample> sample;
  {
    const MutexLock lock(core_.tree.mutex);
    DirectoryState& state = *directory->directory;
    if (core_.attributes != MetadataOptions::Attributes::automatic) return;
    const std::optional<Sibling> one = sibling(*directory, listing);
    if (state.carried == Carried::some && one) others = siblings_.found_some(one->parent, {});
    if (state.carried == Carried::unknown) {
      SiblingSamples::Judgement judged;
      if (one) judged = siblings_.judge(directory, one->times);
      if (judged.look) {
        sample = begin_sample(directory, listing.saw_marker);
        sample->sibling = one;
        sample->stands_for = std::move(judged.stands_for);
      } else {
        state.carried = Carried::none;
      }
    }
  }
  if (sample != nullptr) look(sample);
  look_again(others);
}

std::shared_ptr<AttributeLoader::Sample> AttributeLoader::begin_sample(const InodePtr& directory,
                                                                       bool noted) {
  auto sample = std::make_shared<Sample>();
  sample->directory = directory;
  DirectoryState& state = *directory->directory;
  // The first and the last one: what was put there at different times is seldom alike at both ends.
  const auto pick = [&](FileType type, bool last) REQUIRES(core_.tree.mutex) {
    NameTable::Slot found;
    const auto unknown = [&](NameTable::Slot slot) {
      if (slot.type() == type && !known(slot)) found = slot;
      return !found;
    };
    last ? state.children.each_backwards(unknown) : state.children.each(unknown);
    InodePtr inode = core_.tree.inode_of(*directory, found);
    if (inode == nullptr || std::count(sample->inodes.begin(), sample->inodes.end(), inode) > 0)
      return;
    sample->inodes.push_back(std::move(inode));
  };
  for (const FileType type : {FileType::file, FileType::directory}) {
    pick(type, false);
    pick(type, true);
  }
  // What the directory says of them itself (note_carried). A walk never looks the directory's name
  // up, since the kernel has got its attributes with the name.
  noted |= directory->binding == Binding::root;
  if (noted && !known(*directory) && !has_no_object(*directory))
    sample->inodes.push_back(directory);
  sample->missing = sample->inodes.size();
  if (sample->inodes.empty()) return sample;  // all of it was written here
  state.carried = Carried::none;
  // The sample of the page before may be under way still.
  state.sampling += static_cast<uint32_t>(sample->missing);
  return sample;
}

void AttributeLoader::look(const std::shared_ptr<Sample>& sample) {
  for (const InodePtr& inode : sample->inodes) {
    learn(inode,
          [this, sample](const Result<void>& learned) { sample_answered(*sample, learned); });
  }
}

void AttributeLoader::sample_answered(Sample& sample, const Result<void>& learned) {
  SiblingSamples::Directories others;
  std::vector<Callback<void()>> ready;
  {
    const MutexLock lock(core_.tree.mutex);
    DirectoryState& state = *sample.directory->directory;
    sample.failed |= !learned;
    if (--sample.missing == 0 && sample.sibling) others = tell_siblings(sample);
    if (--state.sampling == 0) ready.swap(state.sample_waiters);
  }
  look_again(others);
  for (auto& call : ready) call();
}

SiblingSamples::Directories AttributeLoader::tell_siblings(Sample& sample) {
  const auto& [parent, times] = *sample.sibling;
  if (sample.directory->directory->carried == Carried::some)
    return siblings_.found_some(parent, std::move(sample.stands_for));
  if (sample.failed) return siblings_.found_out_nothing(parent, std::move(sample.stands_for));
  siblings_.found_none(parent, times);
  return {};
}

void AttributeLoader::look_again(const SiblingSamples::Directories& directories) {
  for (const std::weak_ptr<Inode>& each : directories) {
    const InodePtr directory = each.lock();
    if (directory == nullptr) continue;
    std::shared_ptr<Sample> sample;
    {
      const MutexLock lock(core_.tree.mutex);
      if (directory->directory->carried == Carried::none)
        sample = begin_sample(directory, directory->directory->has_marker);
    }
    if (sample != nullptr) look(sample);
  }
}

void AttributeLoader::when_sampled(const InodePtr& directory, Callback<void()> ready) {
  {
    const MutexLock lock(core_.tree.mutex);
    DirectoryState& state = *directory->directory;
    if (state.sampling > 0) {
      state.sample_waiters.push_back(std::move(ready));
      return;
    }
  }
  ready();
}

}  // namespace penstock
