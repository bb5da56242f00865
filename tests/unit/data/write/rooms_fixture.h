// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "data/write/file_commit.h"
#include "data/write/multipart_upload.h"
#include "unit/data/write/contents_fixture.h"

namespace penstock::test {

/// The classes behind one written file, under a lock, without the file around them. `in(...)` calls
/// them as the file does; nothing of the store happens until run().
struct RoomsFixture : ContentsFixture, FileStrand, FileCommit::Listener {
  explicit RoomsFixture(std::optional<ObjectInfo> base = std::nullopt, Metadata metadata = {})
      : core(WriteEngineParts{store, budget, pool, scheduler, Log::none(), uploads}, options()),
        object({.key = "f"}, std::move(base), std::move(metadata)),
        part_memory(core, *contents, parts, true),
        staging(core, *this, *contents, changes, phase, part_memory),
        upload(rooms()),
        commit_of_file(rooms(), upload, *this, true) {
    if (object.base()) contents->start_from_base(object.base()->size);
  }
  ~RoomsFixture() override { run_all(); }

  static WriteOptions options() {
    WriteOptions options;
    options.single_put_size = part;
    return options;
  }
  MultipartUpload::Rooms rooms() {
    return {.core = core,
            .strand = *this,
            .registry = uploads,
            .contents = *contents,
            .parts = parts,
            .memory = part_memory,
            .staging = staging,
            .object = object,
            .phase = phase};
  }

  template <typename Work>
  void in(Work&& work) {
    FileStrand::run(std::forward<Work>(work));
  }
  void run_all() { WriteFixture::run(); }
  /// The parts from 1 to `count` are written, and sent where they may be.
  void write_parts(uint32_t count) {
    bytes = pattern(count * part + 1);
    write(0, bytes);
    in([&](Deferred& after) {
      object.contents_changed();
      for (uint32_t number = 1; number <= count + 1; ++number) parts.touch(number);
      upload.consider_all(after);
    });
  }
  Pending<ObjectInfo> commit_now(CommitRequest request = {}) {
    return begin<ObjectInfo>([&](Done<ObjectInfo> done) {
      in([&](Deferred& after) {
        commit_of_file.begin(std::move(request), std::move(done), after);
      });
    });
  }

  std::shared_ptr<void> keep() override { return {std::shared_ptr<void>(), this}; }
  void went_on() override {
    in([&](Deferred& after) { upload.check_copy(after); });
    in([&](Deferred& after) { commit_of_file.advance(after); });
  }
  void committed(const Result<ObjectInfo>& result, bool for_change, Deferred&) override {
    ended.emplace_back(result.has_value(), for_change);
  }

  std::string bytes;
  WriteCore core;
  WriterObject object;
  WriterPhase phase;
  ChangeQueue changes;
  PartTable parts;
  PartMemory part_memory;
  PartStaging staging;
  MultipartUpload upload;
  FileCommit commit_of_file;
  std::vector<std::pair<bool, bool>> ended;  // of each commit: succeeded, for a change
};

inline Error upload_is_gone() {
  return Error(Code::not_found, Error::Detail{.message = "no such upload",
                                              .service_code = "NoSuchUpload",
                                              .http_status = 404});
}

}  // namespace penstock::test
