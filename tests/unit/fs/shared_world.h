// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <utility>

#include "unit/fs/world.h"

namespace penstock::test {

/// What the kernel was told to forget.
struct ToldKernel final : KernelCache {
  void invalidate_data(InodeId inode) override { data.insert(inode); }
  void invalidate_entry(InodeId parent, std::string_view name) override {
    names.emplace(parent, name);
  }

  std::set<InodeId> data;
  std::set<std::pair<InodeId, std::string>> names;
};

/// A mount whose kernel holds a reference to whatever it has looked up, and that others change.
struct SharedWorld : World {
  explicit SharedWorld(MetadataOptions metadata = {.ttl = milliseconds(10'000)}) : World(metadata) {
    file_system->attach(kernel);
  }
  /// What the kernel is still to be told holds up the file system's end.
  ~SharedWorld() { scheduler.advance(milliseconds(1)); }

  InodeId held(InodeId directory, const std::string& name) {
    return run<Entry>(
               [&](Done<Entry> done) { file_system->lookup(directory, name, std::move(done)); })
        .value()
        .attributes.inode;
  }
  /// Until what is known is too old to be believed.
  void wait() { scheduler.advance(milliseconds(10'000)); }
  /// Has the mount find out what has become of the names of a directory.
  std::set<std::string> look(InodeId directory) {
    wait();
    return list(directory);
  }

  Result<HandleId> open(InodeId inode, OpenFlags flags) {
    const Result<Opened> opened =
        run<Opened>([&](Done<Opened> done) { file_system->open(inode, flags, std::move(done)); });
    if (!opened) return opened.error();
    return opened->handle;
  }
  Result<std::string> read(HandleId handle) {
    const Result<Slices> slices = run<Slices>([&](Done<Slices> done) {
      file_system->read(handle, {0, 1000}, {}, std::move(done));
    });
    if (!slices) return slices.error();
    std::string bytes;
    for (const auto& span : slices->spans)
      bytes.append(reinterpret_cast<const char*>(span.data()), span.size());
    return bytes;
  }
  Result<void> write(HandleId handle, const std::string& bytes) {
    return run<void>([&](Done<void> done) {
      file_system->write(handle, {}, std::as_bytes(std::span(bytes.data(), bytes.size())),
                         std::move(done));
    });
  }
  Result<void> flush(HandleId handle) {
    return run<void>([&](Done<void> done) { file_system->flush(handle, {}, std::move(done)); });
  }
  Result<Attributes> getattr(InodeId inode) {
    return run<Attributes>(
        [&](Done<Attributes> done) { file_system->getattr(inode, std::move(done)); });
  }
  Result<Attributes> setattr(InodeId inode, const AttributeChange& change) {
    return run<Attributes>(
        [&](Done<Attributes> done) { file_system->setattr(inode, change, std::move(done)); });
  }
  Result<void> set_xattr(InodeId inode) {
    return run<void>([&](Done<void> done) {
      file_system->set_xattr(inode, "user.a", "b", XattrMode::any, std::move(done));
    });
  }
  Result<void> unlink(InodeId directory, const std::string& name) {
    return run<void>(
        [&](Done<void> done) { file_system->unlink(directory, name, std::move(done)); });
  }
  Result<void> rmdir(InodeId directory, const std::string& name) {
    return run<void>(
        [&](Done<void> done) { file_system->rmdir(directory, name, std::move(done)); });
  }
  Result<void> rename(InodeId from, const std::string& name, InodeId to,
                      const std::string& new_name) {
    return run<void>([&](Done<void> done) {
      file_system->rename(from, name, to, new_name, false, std::move(done));
    });
  }
  Result<Entry> mkdir(InodeId directory, const std::string& name) {
    return run<Entry>(
        [&](Done<Entry> done) { file_system->mkdir(directory, name, 0755, {}, std::move(done)); });
  }
  Result<Entry> mknod(InodeId directory, const std::string& name) {
    return run<Entry>([&](Done<Entry> done) {
      file_system->make_node(directory, name, {}, {}, std::move(done));
    });
  }
  bool told(InodeId directory, const std::string& name) {
    scheduler.run();
    return kernel.names.contains({directory, name});
  }
  Code open_directory(InodeId directory) {
    return run<HandleId>([&](Done<HandleId> done) {
             file_system->open_directory(directory, std::move(done));
           })
        .code();
  }

  ToldKernel kernel;
};

}  // namespace penstock::test
