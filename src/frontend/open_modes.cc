// SPDX-License-Identifier: Apache-2.0
#include "frontend/open_modes.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

bool same_file(const BackingFile& a, const BackingFile& b) {
  struct stat of_a {};
  struct stat of_b {};
  return &a == &b || (fstat(a.fd(), &of_a) == 0 && fstat(b.fd(), &of_b) == 0 &&
                      of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino);
}

}  // namespace

OpenModes::Node* OpenModes::State::find(NodeId node) {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const Node& each) { return each.id == node; });
  return found == nodes.end() ? nullptr : &*found;
}

bool OpenModes::State::passes_through(NodeId node) {
  const Node* opened = find(node);
  return opened != nullptr && opened->backing != nullptr;
}

NodeId OpenModes::refer(InodeId inode) {
  const MutexLock lock(mutex_);
  const auto found = inodes_.find(inode);
  if (found == inodes_.end() || found->second.current == inode) return inode;
  ++found->second.references;
  return found->second.current;
}

void OpenModes::forget(NodeId node, uint64_t count) {
  const MutexLock lock(mutex_);
  const auto found = inodes_.find(inode_of(node));
  if (found == inodes_.end() || found->second.current != node) return;
  uint64_t& references = found->second.references;
  references -= std::min(count, references);
  drop_if_unused(inode_of(node));
}

OpenMode OpenModes::open(NodeId node, std::shared_ptr<const BackingFile> backing,
                         BackingDevice& device) {
  const MutexLock lock(mutex_);
  State& state = state_of(node);
  if (state.passes_through(node)) {
    Node& passed = *state.find(node);
    if (backing == nullptr || !same_file(*backing, *passed.backing)) {
      move(state, node, backing == nullptr);
      return {.kind = OpenMode::Kind::elsewhere};
    }
    ++passed.opens;
    return {.kind = OpenMode::Kind::passthrough, .backing_id = passed.backing_id};
  }
  const bool is_current = state.current == node;
  if (is_current && backing == nullptr) state.awaits_served = false;
  if (Node* served = state.find(node)) {
    ++served->opens;
    return {};
  }
  int backing_id = 0;
  if (backing != nullptr && !refused_ && !(is_current && state.awaits_served)) {
    backing_id = device.add(*backing);
    refused_ = backing_id <= 0;
  }
  if (backing_id <= 0) backing = nullptr;
  if (backing == nullptr && !is_current) {
    drop_if_unused(inode_of(node));
    return {.kind = OpenMode::Kind::elsewhere};
  }
  const auto kind = backing == nullptr ? OpenMode::Kind::served : OpenMode::Kind::passthrough;
  state.nodes.push_back(
      Node{.id = node, .opens = 1, .backing = std::move(backing), .backing_id = backing_id});
  return {.kind = kind, .backing_id = backing_id};
}

bool OpenModes::moves(NodeId node) {
  const MutexLock lock(mutex_);
  const auto found = inodes_.find(inode_of(node));
  if (found == inodes_.end()) return false;
  if (found->second.passes_through(node)) move(found->second, node, true);
  return found->second.current != node;
}

void OpenModes::release(NodeId node, BackingDevice& device) {
  std::shared_ptr<const BackingFile> last;  // let go of when the lock is gone
  const MutexLock lock(mutex_);
  const auto found = inodes_.find(inode_of(node));
  if (found == inodes_.end()) return;
  Node* opened = found->second.find(node);
  if (opened == nullptr || --opened->opens > 0) return;
  last = std::move(opened->backing);
  if (last != nullptr) device.remove(opened->backing_id);
  std::erase_if(found->second.nodes, [&](const Node& each) { return each.id == node; });
  drop_if_unused(inode_of(node));
}

bool OpenModes::refused() const {
  const MutexLock lock(mutex_);
  return refused_;
}

NodeId OpenModes::node_of(InodeId inode) const {
  const MutexLock lock(mutex_);
  const auto found = inodes_.find(inode);
  return found == inodes_.end() ? inode : found->second.current;
}

OpenModes::State& OpenModes::state_of(NodeId node) {
  const InodeId inode = inode_of(node);
  return inodes_.try_emplace(inode, State{.current = inode}).first->second;
}

void OpenModes::move(State& state, NodeId node, bool for_served) {
  if (state.current != node) return;
  do {
    if (++last_move_ == 0) ++last_move_;
    state.current = inode_of(node) | (NodeId{last_move_} << inode_bits);
  } while (state.current == node || state.find(state.current) != nullptr);
  state.references = 0;
  state.awaits_served = for_served;
}

void OpenModes::drop_if_unused(InodeId inode) {
  const auto found = inodes_.find(inode);
  if (found != inodes_.end() && found->second.nodes.empty() && found->second.references == 0)
    inodes_.erase(found);
}

}  // namespace penstock
