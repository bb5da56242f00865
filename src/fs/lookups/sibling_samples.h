// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "fs/nodes/inode.h"

namespace penstock {

/// What AttributeLoader has found in directories whose files it looked at, for the directories
/// beside them. Where several of one parent carried nothing, seven of eight that are like them are
/// taken to carry nothing either, and are not looked at. Like them is what was written at the same
/// time: an object's metadata cannot change without its Last-Modified, so that what was written in
/// another hour, or after all of them, is never taken to be like them.
///
/// Bounded. Not thread-safe: Tree::mutex guards it.
class SiblingSamples {
 public:
  /// Last-Modified of the oldest and the newest object of a directory, in seconds.
  struct Times {
    int64_t oldest_s = 0;
    int64_t newest_s = 0;
  };
  /// Which are gone by then are of no interest.
  using Directories = std::vector<std::weak_ptr<Inode>>;

  struct Judgement {
    bool look = true;  ///< At the files of the directory that was asked about.
    /// Those that were taken to be as this one will turn out to be.
    Directories stands_for;
  };
  /// Whether the files of a named directory, which were written then, have to be looked at.
  Judgement judge(const InodePtr& directory, Times times);

  /// No file that was looked at in a directory of `parent` carries attributes.
  void found_none(InodeId parent, Times times);
  /// One does: from now on all directories of `parent` are looked at. Returns those to look at now.
  Directories found_some(InodeId parent, Directories stands_for);
  /// Nobody knows, for a request failed: the next one like them stands for these. Returns those to
  /// look at now: all of them where others of `parent` are known to carry some, and those that
  /// would be too many to remember.
  Directories found_out_nothing(InodeId parent, Directories stands_for);

 private:
  /// When objects of directories in which nothing was found were written.
  struct Period {
    Times times;
    uint32_t looked_at = 0;  ///< Directories.
  };
  struct Siblings {
    InodeId parent = 0;
    std::vector<Period> periods;
    bool mixed = false;     ///< In one of them something was found.
    Directories unchecked;  ///< Not looked at; the next one that is stands for them.
  };
  Siblings& of(InodeId parent);

  std::vector<Siblings> siblings_;  ///< Those used last are the last ones.
};

}  // namespace penstock
