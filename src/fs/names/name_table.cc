// SPDX-License-Identifier: Apache-2.0
#include "fs/names/name_table.h"

#include "fs/names/absl_containers.h"

namespace penstock {
namespace {

using Slot = NameTable::Slot;

void free_record(Slot slot) {
  if (slot.record() != nullptr) NameRecord::Free()(slot.record());
}

}  // namespace

struct NameTable::Names {
  struct ByName {
    using is_transparent = void;
    static std::string_view name(Slot slot) { return slot.name(); }
    static std::string_view name(std::string_view name) { return name; }
    template <typename A, typename B>
    bool operator()(const A& one, const B& other) const {
      return name(one) < name(other);
    }
  };

  absl::btree_set<Slot, ByName> slots;
};

NameTable::NameTable() = default;
NameTable::~NameTable() { clear(); }

Slot NameTable::find(std::string_view name) const {
  if (names_ == nullptr) return {};
  const auto found = names_->slots.find(name);
  return found == names_->slots.end() ? Slot() : *found;
}

size_t NameTable::size() const { return names_ == nullptr ? 0 : names_->slots.size(); }

void NameTable::count(Slot slot, int32_t by) {
  const auto step = static_cast<uint32_t>(by);  // modulo 2^32
  if (slot.type() == FileType::directory) subdirectories_ += step;
  if (slot.node() != nullptr) nodes_ += step;
  if (all_names_ == nullptr) return;
  const auto wide = static_cast<uint64_t>(static_cast<int64_t>(by));
  *all_names_ += wide;
  if (slot.record() != nullptr) *all_bytes_ += wide * slot.record()->bytes();
}

void NameTable::insert(Slot slot) {
  if (names_ == nullptr) names_ = std::make_unique<Names>();
  count(slot, 1);
  names_->slots.insert(slot);
}

void NameTable::insert(NameRecord::Ptr record) { insert(Slot(record.release())); }
void NameTable::insert(NamedNode& node) { insert(Slot(&node)); }

void NameTable::erase(std::string_view name) {
  if (names_ == nullptr) return;
  const auto found = names_->slots.find(name);
  if (found == names_->slots.end()) return;
  const Slot slot = *found;
  count(slot, -1);
  names_->slots.erase(found);
  free_record(slot);
  if (names_->slots.empty()) names_.reset();
}

void NameTable::replace(Slot now) {
  // The order stays: only what stands for the name is another.
  auto& place = const_cast<Slot&>(*names_->slots.find(now.name()));
  const Slot before = std::exchange(place, now);
  count(before, -1);
  count(now, 1);
  free_record(before);
}

void NameTable::replace(NamedNode& node) { replace(Slot(&node)); }
void NameTable::replace(NameRecord::Ptr record) { replace(Slot(record.release())); }

void NameTable::change(NameRecord& record, const std::function<void(NameRecord&)>& change) {
  count(Slot(&record), -1);
  change(record);
  count(Slot(&record), 1);
}

void NameTable::clear() {
  if (names_ == nullptr) return;
  for (const Slot slot : names_->slots) {
    count(slot, -1);
    free_record(slot);
  }
  names_.reset();
}

bool NameTable::visit(std::string_view after, const Visitor& visitor) const {
  if (names_ == nullptr) return true;
  for (auto at = names_->slots.upper_bound(after); at != names_->slots.end(); ++at)
    if (!visitor(*at)) return false;
  return true;
}

bool NameTable::each(const Visitor& visitor) const {
  if (names_ == nullptr) return true;
  for (const Slot slot : names_->slots)
    if (!visitor(slot)) return false;
  return true;
}

bool NameTable::each_backwards(const Visitor& visitor) const {
  if (names_ == nullptr) return true;
  for (auto at = names_->slots.rbegin(); at != names_->slots.rend(); ++at)
    if (!visitor(*at)) return false;
  return true;
}

}  // namespace penstock
