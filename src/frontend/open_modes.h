// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "penstock/backing_file.h"
#include "penstock/file_system.h"

namespace penstock {

/// What the kernel knows an inode by.
using NodeId = uint64_t;

/// Where the kernel is told of backing files. Called with OpenModes' lock held: must not block.
class BackingDevice {
 public:
  virtual ~BackingDevice() = default;
  /// The kernel's number for the file, above 0; 0 where it refuses.
  virtual int add(const BackingFile& file) = 0;
  /// The kernel opens nothing more with that number of add(); opens that have it keep the file.
  virtual void remove(int backing_id) = 0;
};

/// How an open is answered.
struct OpenMode {
  enum class Kind : uint8_t {
    served,       ///< Reads come to FileSystem::read.
    passthrough,  ///< The kernel reads from the backing file.
    elsewhere,    ///< Not on this node: the kernel must look the name up again and open what it
                  ///< finds.
  };
  Kind kind = Kind::served;
  int backing_id = 0;  ///< With passthrough.
};

/// Decides for each open whether the kernel may read from a backing file, by its rules (Linux,
/// fs/fuse/iomode.c): as long as a node has one open in passthrough mode, all its opens must be,
/// with the same backing file, and mappings of all of them show that file, those of a writer too; a
/// node with other opens takes no passthrough.
///
/// So a node is either passed through to one file or not, as its first open says. What does not fit
/// beside passthrough (a writer, or a reader of a newer version) moves the inode to a new node:
/// lookups name that one from then on, and who has the old version open keeps it. A node that is no
/// longer current serves no opens. Inodes are numbered below 2^48; the bits above tell an
/// inode's nodes apart. Thread-safe.
class OpenModes {
 public:
  static InodeId inode_of(NodeId node) { return node & inode_mask; }

  /// The node for an answer that gives the kernel one more reference to the inode.
  NodeId refer(InodeId inode) EXCLUDES(mutex_);
  /// The kernel gives references back.
  void forget(NodeId node, uint64_t count) EXCLUDES(mutex_);

  /// Decides about an open and counts it, unless it must go elsewhere. `backing` may be null.
  OpenMode open(NodeId node, std::shared_ptr<const BackingFile> backing, BackingDevice& device)
      EXCLUDES(mutex_);
  /// True where an open without backing file would have to go elsewhere, and then already makes the
  /// place: for what must not begin before that is known.
  bool moves(NodeId node) EXCLUDES(mutex_);
  void release(NodeId node, BackingDevice& device) EXCLUDES(mutex_);
  /// The kernel has taken no backing file: none needs to be looked for any more.
  bool refused() const EXCLUDES(mutex_);

  /// The only node of the inode that the kernel may have cached pages of.
  NodeId node_of(InodeId inode) const EXCLUDES(mutex_);

 private:
  static constexpr int inode_bits = 48;
  static constexpr NodeId inode_mask = (NodeId{1} << inode_bits) - 1;

  /// A node with opens.
  struct Node {
    NodeId id = 0;
    uint32_t opens = 0;
    std::shared_ptr<const BackingFile> backing;  ///< Null: not passed through.
    int backing_id = 0;
  };
  /// An inode that is open, or has moved.
  struct State {
    NodeId current = 0;
    uint64_t references = 0;  ///< The kernel's to the current node; counted once it has moved.
    /// The inode moved to a new node for an open without a backing file, which has not come yet.
    /// Until then no open of the new node is passed through, or that open would have to move the
    /// inode again.
    bool awaits_served = false;
    std::vector<Node> nodes;

    Node* find(NodeId node);
    bool passes_through(NodeId node);
  };

  State& state_of(NodeId node) REQUIRES(mutex_);
  /// To a node that nobody has open, if `node` is still the current one.
  void move(State& state, NodeId node, bool for_served) REQUIRES(mutex_);
  void drop_if_unused(InodeId inode) REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::unordered_map<InodeId, State> inodes_ GUARDED_BY(mutex_);
  uint16_t last_move_ GUARDED_BY(mutex_) = 0;
  bool refused_ GUARDED_BY(mutex_) =
      false;  ///< The kernel took no backing file: it will take none.
};

}  // namespace penstock
