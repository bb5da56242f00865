// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock {

/// A local regular file that holds exactly an object's bytes, all of them, and never changes: the
/// kernel reads from it by itself, also through mappings that outlive every handle. To give its
/// space back, unlink it; never truncate or reuse it. It stays whole while this object lives, which
/// is as long as somebody may be given the file.
class BackingFile {
 public:
  virtual ~BackingFile() = default;
  /// A descriptor of it, open for reading; owned by this object.
  virtual int fd() const noexcept = 0;
};

}  // namespace penstock
