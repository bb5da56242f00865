// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "fs/names/name_record.h"
#include "penstock/file_system.h"

namespace penstock {

/// What has a name while somebody holds it. Its own name is its key in the NameTable that it is in.
struct NamedNode {
  NamedNode(InodeId the_id, FileType the_type) : id(the_id), type(the_type) {}

  const InodeId id;
  const FileType type;  ///< What the key tells: a directory, or a file for everything else.
  std::string name;     ///< In its directory, or the last one that it had.
};

/// The names of one directory in byte order, as listings are. A name has a record, which the table
/// owns, or a node, which it does not. About 11 bytes a name beside those. Not thread-safe.
class NameTable {
 public:
  /// What one name has; tells false where there is none. Good for as long as the name keeps it.
  class Slot {
   public:
    Slot() = default;
    explicit Slot(NamedNode* node) : word_(reinterpret_cast<uintptr_t>(node) | node_bit) {}
    explicit Slot(NameRecord* record) : word_(reinterpret_cast<uintptr_t>(record)) {}
    explicit operator bool() const { return word_ != 0; }
    /// Null where it is a record.
    NamedNode* node() const {
      return (word_ & node_bit) != 0 ? reinterpret_cast<NamedNode*>(word_ & ~node_bit) : nullptr;
    }
    /// Null where it is a node.
    NameRecord* record() const {
      return (word_ & node_bit) == 0 ? reinterpret_cast<NameRecord*>(word_) : nullptr;
    }
    std::string_view name() const {
      return node() != nullptr ? std::string_view(node()->name) : record()->name();
    }
    FileType type() const { return node() != nullptr ? node()->type : record()->type(); }
    InodeId id() const { return node() != nullptr ? node()->id : record()->id(); }
    bool operator==(const Slot&) const = default;

   private:
    static constexpr uintptr_t node_bit = 1;
    uintptr_t word_ = 0;
  };

  NameTable();
  ~NameTable();
  NameTable(const NameTable&) = delete;
  NameTable& operator=(const NameTable&) = delete;

  /// Adds what this table has to these two, from now on; they must outlive it. While it is empty.
  void count_into(uint64_t& names, uint64_t& record_bytes) {
    all_names_ = &names;
    all_bytes_ = &record_bytes;
  }

  Slot find(std::string_view name) const;
  bool contains(std::string_view name) const { return static_cast<bool>(find(name)); }
  /// Of names; how many of them are directories', and how many have nodes.
  size_t size() const;
  bool empty() const { return size() == 0; }
  uint32_t subdirectories() const { return subdirectories_; }
  uint32_t nodes() const { return nodes_; }
  /// The name must be free.
  void insert(NameRecord::Ptr record);
  void insert(NamedNode& node);
  /// Nothing happens where the name is free. A record is freed.
  void erase(std::string_view name);
  /// The name, which something has, has this instead; a record that it had is freed.
  void replace(NamedNode& node);
  void replace(NameRecord::Ptr record);
  /// Runs `change` on a record of this table, which may take more or less memory then.
  void change(NameRecord& record, const std::function<void(NameRecord&)>& change);
  void clear();

  /// Called for what has a name, in order; stops where it returns false. May not change the table.
  using Visitor = std::function<bool(Slot)>;
  /// All names behind `after`; true where it came to the end. From the first one on: each().
  bool visit(std::string_view after, const Visitor& visitor) const;
  bool each(const Visitor& visitor) const;
  /// From the last one back to the first.
  bool each_backwards(const Visitor& visitor) const;

 private:
  struct Names;

  void count(Slot slot, int32_t by);
  void insert(Slot slot);
  void replace(Slot now);

  std::unique_ptr<Names> names_;  ///< Null: there are none.
  uint32_t subdirectories_ = 0;
  uint32_t nodes_ = 0;
  uint64_t* all_names_ = nullptr;
  uint64_t* all_bytes_ = nullptr;
};

}  // namespace penstock
