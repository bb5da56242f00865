// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>

#include "base/deferred.h"
#include "data/write/file_strand.h"
#include "data/write/gathering.h"
#include "data/write/part_table.h"
#include "data/write/write_core.h"
#include "data/write/writer_contents.h"
#include "data/write/writer_object.h"

namespace penstock {

/// Reads the file as it is now, each byte from where it is: memory, staging file, base, or the
/// object that the store has copied it from. Called under the file's lock, see FileStrand.
class ContentsReader {
 public:
  /// All of these must outlive it.
  ContentsReader(WriteCore& core, FileStrand& strand, const WriterContents& contents,
                 const PartTable& parts, const WriterObject& object)
      : core_(core), strand_(strand), contents_(contents), parts_(parts), object_(object) {}

  /// `range` lies inside the file. no_space where only the unfinished upload has some of it.
  void read(ByteRange range, const std::stop_token& cancel, Done<Slices> done, Deferred& after);
  /// What somebody gets who wants bytes of a part that neither memory nor the disk had room for.
  /// The object as it is so far would have them, and must not be there before the program is done.
  Error out_of_reach();

 private:
  using To = std::shared_ptr<Gathering>;
  void read_staged(ByteRange range, const To& gathering, Deferred& after);
  void read_base(ByteRange range, const To& gathering, const std::stop_token& cancel,
                 Deferred& after);
  void read_sent(ByteRange range, const To& gathering, const std::stop_token& cancel,
                 Deferred& after);
  void read_copied(ByteRange range, const PartTable::CopiedFrom& from, const To& gathering,
                   const std::stop_token& cancel, Deferred& after);

  WriteCore& core_;
  FileStrand& strand_;
  const WriterContents& contents_;
  const PartTable& parts_;
  const WriterObject& object_;
  bool said_out_of_reach_ = false;
};

}  // namespace penstock
