// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "data/write_back/write_back_core.h"
#include "unit/data/write/write_fixture.h"
#include "unit/journal/journal_fixture.h"

namespace penstock::test {

/// What the classes behind a pending file share, without a file: a journal on the disk, a store in
/// memory. Nothing happens until run().
struct CoreFixture : WriteFixture {
  CoreFixture() {
    Journal::Left none;
    auto opened = open(folder.path(), none, disk);
    REQUIRE(opened);
    journal = std::move(*opened);
    core = std::make_unique<WriteBackCore>(
        WriteBackParts{*engine, *journal, store, copier, scheduler, Log::none()});
  }
  ~CoreFixture() { run(); }

  Result<std::unique_ptr<Journal>> open(const std::string& directory, Journal::Left& left,
                                        std::shared_ptr<Disk> on = std::make_shared<FaultyDisk>()) {
    return Journal::open(
        {.directory = directory, .identity = "memory", .prefix = "", .make_room = {}}, left,
        scheduler, Log::none(), std::move(on));
  }
  /// What a later mount finds if this one ends now.
  Journal::Left left_behind() {
    run();
    const TempDir copy;
    std::filesystem::copy(folder.path(), copy.path(), std::filesystem::copy_options::recursive);
    Journal::Left left;
    REQUIRE(open(copy.path(), left));
    return left;
  }
  /// Whose each unfinished upload is for a later mount; 0: nobody's. What was said last counts.
  std::map<std::string, uint64_t> upload_owners() {
    std::map<std::string, uint64_t> owners;
    for (const JournalUpload& upload : left_behind().uploads)
      owners[upload.upload_id] = upload.file;
    return owners;
  }
  /// `bytes` in the journal.
  std::shared_ptr<const JournalPiece> piece(std::string_view bytes) {
    auto stored = journal->append(std::as_bytes(std::span(bytes)));
    REQUIRE(stored);
    return std::move(*stored);
  }

  /// Whether the journal's disk has no room.
  void full(bool is) {
    disk->decide(
        [is](DiskCall call, uint64_t) { return is && call == DiskCall::pwrite ? -ENOSPC : 0; });
  }

  TempDir folder;
  std::shared_ptr<FaultyDisk> disk = std::make_shared<FaultyDisk>();
  std::unique_ptr<Journal> journal;
  ObjectCopier copier{store, uploads};
  std::unique_ptr<WriteBackCore> core;
};

}  // namespace penstock::test
