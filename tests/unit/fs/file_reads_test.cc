// SPDX-License-Identifier: Apache-2.0
#include "fs/files/file_reads.h"

#include <future>
#include <thread>

#include "unit/fs/world.h"

namespace penstock::test {
namespace {

constexpr std::string_view contents = "what the object has";

/// One stored file and a handle that reads it, with the parts of a file system around.
struct Fixture {
  Fixture() {
    const ObjectInfo info = store(contents);
    const MutexLock lock(core->tree.mutex);
    handle->inode = core->tree.learn_file(core->tree.find(root_inode), "f", info, {});
    ++handle->inode->handles;
  }
  ~Fixture() {
    core->alive.reset();
    core->gate.wait();
  }

  /// Puts another version into the bucket, which the mount does not know of.
  ObjectInfo store(std::string_view bytes) {
    world.memory.set("f", bytes);
    return world.memory.info("f").value();
  }
  /// What a read is answered.
  std::string read() {
    std::promise<Result<Slices>> answer;
    auto answered = answer.get_future();
    reads.read(handle, {0, 100}, {},
               [&](Result<Slices> slices) { answer.set_value(std::move(slices)); });
    world.scheduler.advance(milliseconds(1));
    return text(answered.get().value());
  }
  static std::string text(const Slices& slices) {
    std::string text;
    for (const auto& span : slices.spans)
      text.append(reinterpret_cast<const char*>(span.data()), span.size());
    return text;
  }

  World world;
  std::shared_ptr<FsCore> core =
      std::make_shared<FsCore>(FileSystemParts{.store = world.store,
                                               .reads = *world.reads,
                                               .writes = *world.writes,
                                               .copier = world.copier,
                                               .scheduler = world.scheduler,
                                               .notifier = world.scheduler,
                                               .log = world.log},
                               "", MountOptions(), MetadataOptions());
  AttributeLoader attributes{*core};
  DirectoryLoader loader{*core, attributes};
  Resolver resolver{*core, loader, attributes};
  Committer committer{*core, attributes};
  ArchivedReads archived{*core};
  FileReads reads{*core, resolver, committer, archived};
  FileHandlePtr handle = std::make_shared<FileHandle>();
};

TEST_CASE("a read of an open file does not wait for who holds the lock of the names") {
  Fixture fixture;
  REQUIRE(fixture.read() == contents);
  std::promise<std::string> answer;
  auto answered = answer.get_future();
  std::thread reader;
  std::future_status status{};
  {
    const MutexLock lock(fixture.core->tree.mutex);
    reader = std::thread([&] { answer.set_value(fixture.read()); });
    // Only a read that waits for the lock takes so long.
    status = answered.wait_for(std::chrono::seconds(30));
  }
  reader.join();
  CHECK(status == std::future_status::ready);
  CHECK(answered.get() == contents);
}

TEST_CASE("a handle reads what this mount has stored since its last read") {
  Fixture fixture;
  REQUIRE(fixture.read() == contents);
  const ObjectInfo info = fixture.store("new");
  {
    const MutexLock lock(fixture.core->tree.mutex);
    Inode& inode = *fixture.handle->inode;
    inode.etag = info.etag;
    inode.size = info.size;
    inode.reader.reset();
    ++inode.local_version;
  }
  CHECK(fixture.read() == "new");
}

}  // namespace
}  // namespace penstock::test
