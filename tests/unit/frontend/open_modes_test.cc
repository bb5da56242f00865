// SPDX-License-Identifier: Apache-2.0
#include "frontend/open_modes.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <set>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/plain_backing_file.h"

namespace penstock {
namespace {

using Kind = OpenMode::Kind;

class FakeDevice final : public BackingDevice {
 public:
  int add(const BackingFile&) override {
    ++asked;
    if (refuses) return 0;
    ids.insert(++last);
    return last;
  }
  void remove(int id) override { REQUIRE(ids.erase(id) == 1); }

  bool refuses = false;
  int asked = 0;
  int last = 0;
  std::set<int> ids;  ///< What the kernel has.
};

std::shared_ptr<const BackingFile> new_file() {
  return std::make_shared<const test::PlainBackingFile>(memfd_create("backing", MFD_CLOEXEC));
}

/// The same file, as somebody else opened it.
std::shared_ptr<const BackingFile> reopened(const BackingFile& file) {
  return std::make_shared<const test::PlainBackingFile>(
      open(("/proc/self/fd/" + std::to_string(file.fd())).c_str(), O_RDONLY | O_CLOEXEC));
}

constexpr InodeId inode = 7;

struct Fixture {
  Kind open(NodeId node, const std::shared_ptr<const BackingFile>& backing = nullptr) {
    const OpenMode mode = modes.open(node, backing, device);
    CHECK((mode.kind == Kind::passthrough) == (mode.backing_id > 0));
    return mode.kind;
  }
  void release(NodeId node) { modes.release(node, device); }

  FakeDevice device;
  OpenModes modes;
};

TEST_CASE_METHOD(Fixture,
                 "opens of one backing file share one number, for as long as one is open") {
  const auto file = new_file();
  CHECK(open(inode, file) == Kind::passthrough);
  CHECK(open(inode, file) == Kind::passthrough);
  CHECK(open(inode, reopened(*file)) == Kind::passthrough);
  CHECK(device.asked == 1);
  release(inode);
  release(inode);
  CHECK(device.ids.size() == 1);
  CHECK(file.use_count() == 2);
  release(inode);
  CHECK(device.ids.empty());
  CHECK(file.use_count() == 1);
  CHECK(open(inode, file) == Kind::passthrough);
  CHECK(device.asked == 2);
}

TEST_CASE_METHOD(Fixture, "beside other opens there is no passthrough, until they are closed") {
  CHECK(open(inode) == Kind::served);
  CHECK(open(inode, new_file()) == Kind::served);
  release(inode);
  CHECK(open(inode, new_file()) == Kind::served);
  release(inode);
  release(inode);
  CHECK(device.asked == 0);
  CHECK(open(inode, new_file()) == Kind::passthrough);
  CHECK(modes.refer(inode) == inode);
}

TEST_CASE_METHOD(Fixture, "what does not fit beside passthrough goes to another node") {
  const bool newer_version = GENERATE(false, true);
  const auto file = new_file();
  const auto other = newer_version ? new_file() : nullptr;
  CHECK(open(inode, file) == Kind::passthrough);
  CHECK(open(inode, other) == Kind::elsewhere);
  const NodeId node = modes.refer(inode);
  CHECK(node != inode);
  CHECK(OpenModes::inode_of(node) == inode);
  CHECK(modes.node_of(inode) == node);
  CHECK(open(node, other) == (newer_version ? Kind::passthrough : Kind::served));
  // The old one takes no other opens any more, not even when it is free.
  CHECK(open(inode, file) == Kind::passthrough);
  release(inode);
  release(inode);
  CHECK(open(inode) == Kind::elsewhere);
  CHECK(open(inode, file) == Kind::passthrough);
  CHECK(modes.refer(inode) == node);
}

TEST_CASE_METHOD(Fixture, "who an inode moved for finds its new node free") {
  const auto file = new_file();
  CHECK(open(inode, file) == Kind::passthrough);
  CHECK(modes.moves(inode));
  const NodeId node = modes.refer(inode);
  CHECK(open(node, file) == Kind::served);  // a reader that came in between
  CHECK_FALSE(modes.moves(node));
  CHECK(open(node) == Kind::served);
  release(node);
  release(node);
  CHECK(open(node, file) == Kind::passthrough);
  CHECK(device.ids.size() == 2);
}

TEST_CASE_METHOD(Fixture, "nothing moves without need") {
  CHECK_FALSE(modes.moves(inode));
  CHECK(open(inode) == Kind::served);
  CHECK_FALSE(modes.moves(inode));
  CHECK(modes.node_of(inode) == inode);
}

TEST_CASE_METHOD(Fixture,
                 "an inode is back at its own node when the kernel has forgotten the others") {
  const auto file = new_file();
  CHECK(open(inode, file) == Kind::passthrough);
  CHECK(open(inode) == Kind::elsewhere);
  // The kernel's first look at the new node is given back at once, and it looks again.
  const NodeId node = modes.refer(inode);
  modes.forget(node, 1);
  CHECK(modes.refer(inode) == node);
  CHECK(open(node) == Kind::served);
  release(inode);
  modes.forget(inode, 3);
  release(node);
  CHECK(modes.node_of(inode) == node);
  modes.forget(node, 1);
  CHECK(modes.node_of(inode) == inode);
  CHECK(open(node) == Kind::elsewhere);  // one that the kernel no longer knows
  CHECK(open(inode, file) == Kind::passthrough);
}

TEST_CASE_METHOD(Fixture, "a kernel that refuses is not asked again") {
  device.refuses = true;
  CHECK(open(inode, new_file()) == Kind::served);
  CHECK(open(inode + 1, new_file()) == Kind::served);
  CHECK(device.asked == 1);
  release(inode);
  release(inode + 1);
  CHECK(open(inode, new_file()) == Kind::served);
  CHECK(device.asked == 1);
}

TEST_CASE_METHOD(Fixture, "many threads leave nothing behind") {
  const auto file = new_file();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 1000; ++round) {
        const NodeId node = modes.refer(inode);
        const auto backing = (round + i) % 5 == 0 ? nullptr : file;
        if (modes.open(node, backing, device).kind != Kind::elsewhere) modes.release(node, device);
        modes.forget(node, 1);
      }
    });
  }
  threads.clear();
  CHECK(device.ids.empty());
  CHECK(modes.node_of(inode) == inode);
  CHECK(file.use_count() == 1);
}

}  // namespace
}  // namespace penstock
