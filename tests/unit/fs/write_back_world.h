// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "data/write_back/write_back_engine.h"
#include "unit/fs/world.h"
#include "unit/journal/journal_fixture.h"

namespace penstock::test {

/// A whole mount with --write-back, but for the kernel. What programs write goes to a journal on
/// the disk. `sync_to_store`: as with --fsync=bucket.
struct WriteBackWorld : World {
  explicit WriteBackWorld(std::shared_ptr<Disk> disk = std::make_shared<FaultyDisk>(),
                          bool sync_to_store = false) {
    Journal::Left left;
    auto opened =
        Journal::open(options(folder.path()), left, scheduler, Log::none(), std::move(disk));
    REQUIRE(opened);
    journal = std::move(*opened);
    journal_direct = make_write_engine({store, budget, buffers, scheduler, log, uploads}, {});
    write_back = make_write_back_engine({.direct = *journal_direct,
                                         .journal = *journal,
                                         .store = store,
                                         .copier = copier,
                                         .scheduler = scheduler,
                                         .log = log},
                                        true);
    make_with(*write_back, sync_to_store);
  }
  /// Begins anew, with another engine in front of the write-back engine.
  void make_with(WriteEngine& writes, bool sync_to_store = false) {
    file_system = make_file_system({.store = store,
                                    .reads = *reads,
                                    .writes = writes,
                                    .copier = copier,
                                    .scheduler = scheduler,
                                    .notifier = scheduler,
                                    .log = log,
                                    .sync_to_store = sync_to_store},
                                   "", MountOptions{}, {.ttl = milliseconds(10'000)});
  }
  ~WriteBackWorld() { end(); }
  /// What it is made of may go then.
  void end() {
    store.release_all();
    scheduler.advance(milliseconds(10));
    file_system.reset();
    scheduler.advance(milliseconds(10));
  }

  static JournalOptions options(const std::string& directory) {
    return {.directory = directory, .identity = "memory", .prefix = "", .make_room = {}};
  }

  Result<HandleId> open(InodeId inode, OpenFlags flags) {
    const Result<Opened> opened =
        run<Opened>([&](Done<Opened> done) { file_system->open(inode, flags, std::move(done)); });
    return opened ? Result<HandleId>(opened->handle) : Result<HandleId>(opened.error());
  }
  Result<void> write(HandleId handle, uint64_t offset, const std::string& bytes) {
    return run<void>([&](Done<void> done) {
      file_system->write(handle, {.offset = offset},
                         std::as_bytes(std::span(bytes.data(), bytes.size())), std::move(done));
    });
  }
  Result<void> flush(HandleId handle) {
    return run<void>([&](Done<void> done) { file_system->flush(handle, {}, std::move(done)); });
  }
  Result<void> close(HandleId handle) {
    const Result<void> flushed = flush(handle);
    file_system->release(handle);
    return flushed;
  }
  Result<void> rename(const std::string& from, const std::string& to) {
    return run<void>([&](Done<void> done) {
      file_system->rename(root_inode, from, root_inode, to, false, std::move(done));
    });
  }
  /// Begins to rename; the answer is there once the scheduler has run.
  std::shared_ptr<std::optional<Result<void>>> begin_rename(const std::string& from,
                                                            const std::string& to) {
    auto renamed = std::make_shared<std::optional<Result<void>>>();
    file_system->rename(
        root_inode, from, root_inode, to, false,
        Done<void>([renamed](Result<void> result) { *renamed = std::move(result); }));
    return renamed;
  }
  void run_milliseconds(int count) {
    for (int i = 0; i < count; ++i) scheduler.advance(milliseconds(1));
  }
  /// What programs read of the first MiB of a file.
  std::string read(InodeId inode) {
    const HandleId handle = open(inode, {.read = true}).value();
    std::string text = read_open(handle);
    file_system->release(handle);
    return text;
  }
  std::string read_open(HandleId handle) {
    const Result<Slices> slices = run<Slices>([&](Done<Slices> done) {
      file_system->read(handle, {0, 1 << 20}, {}, std::move(done));
    });
    std::string text;
    for (const auto& span : slices.value().spans)
      text.append(reinterpret_cast<const char*>(span.data()), span.size());
    return text;
  }

  /// Every file that the next mount finds in the journal if the machine loses power now, with its
  /// bytes; those of an object as zeros.
  std::map<std::string, std::string> after_power_loss() const {
    const TempDir copy;
    std::filesystem::copy(folder.path(), copy.path(), std::filesystem::copy_options::recursive);
    ManualScheduler other;
    Journal::Left left;
    const auto next = Journal::open(options(copy.path()), left, other, Log::none());
    REQUIRE(next);
    CHECK(left.damaged.empty());
    std::map<std::string, std::string> files;  // of one key the last counts, as for a mount
    for (const JournalState& state : left.files) {
      const Bytes bytes = content(**next, state);
      files[state.key] = std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return files;
  }

  TempDir folder;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<DirectWriteEngine> journal_direct;
  std::unique_ptr<WriteBackEngine> write_back;
};

/// "t", which is open twice and has unsent bytes, and "n", which is to replace it.
struct ReplacedFile {
  explicit ReplacedFile(WriteBackWorld& the_world) : world(the_world) {
    world.memory.set("n", "new");
    world.memory.set("t", "0123456789");
    REQUIRE(world.lookup(root_inode, "n"));
    const InodeId file = world.inode("t");
    reading = world.open(file, {.read = true}).value();
    writing = world.open(file, {.write = true}).value();
    REQUIRE(world.write(writing, 3, "NEW"));
  }
  void begin() { replaced = world.begin_rename("n", "t"); }
  /// Who has the file open goes on with its bytes when the other one has the name.
  void end() {
    REQUIRE((replaced != nullptr && replaced->has_value()));
    CHECK(**replaced);
    CHECK(world.memory.contents("t") == "new");
    CHECK(world.read_open(reading) == "012NEW6789");
    CHECK(world.write(writing, 0, "X"));
    CHECK(world.read_open(reading) == "X12NEW6789");
    CHECK(world.close(writing));
    CHECK(world.read_open(reading) == "X12NEW6789");
    world.file_system->release(reading);
  }

  WriteBackWorld& world;
  HandleId reading = 0;
  HandleId writing = 0;
  std::shared_ptr<std::optional<Result<void>>> replaced;
};

}  // namespace penstock::test
