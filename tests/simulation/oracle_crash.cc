// SPDX-License-Identifier: Apache-2.0
//
// What a node's next process must still have after the one before was killed.
#include <algorithm>

#include "simulation/oracle.h"
#include "simulation/oracle_text.h"

namespace penstock::sim {

void Oracle::crashed(int node) {
  crashed_.insert(node);
  const auto of_node = [&](const auto& entry) { return entry.first.first == node; };
  // What was on its way to the store may still take effect.
  for (const auto& [where, local] : locals_) {
    if (where.first != node || !being_stored(node, local)) continue;
    commit_points_[node].merge(possible(*local));
    for (const std::set<std::string>& commit : local->commits)
      commit_points_[node].insert(commit.begin(), commit.end());
  }
  for (Rename& move : moves_[node]) move.ended = std::min(move.ended, world_.now());
  lose_names(node);
  std::erase_if(locals_, of_node);
  std::erase_if(open_, [&](const auto& entry) { return entry.second.node == node; });
  std::erase_if(storing_, of_node);
  std::erase_if(new_names_, of_node);
  for (auto& [where, busy] : busy_) {
    // Of a call whose answer nobody got, nobody knows whether it was done; with write-back the
    // journal may know it, and nothing in the bucket tells.
    if (where.first != node || busy.now == 0) continue;
    if (!options_.write_back) busy.now = 0;
    busy.last = world_.now();
  }
  if (options_.write_back) return;
  for (auto& [where, until] : writers_) {
    if (where.first == node) until = std::min(until, world_.now() + 600 * second);
  }
}

/// Of the names that the node has made or changed, those stay that the bucket has or had, and what
/// was promised.
void Oracle::lose_names(int node) {
  for (auto it = names_.begin(); it != names_.end();) {
    const auto& [where, name] = *it;
    if (where.first != node || name.file == nullptr) {
      ++it;
      continue;
    }
    if (!owed(node, where.second)) {
      if (!may_be_journalled(node, where.second, *name.file)) {
        it = names_.erase(it);
        continue;
      }
      auto left = std::make_shared<LocalFile>();
      left->opened = name.file->opened;
      left->made_here = name.file->made_here;
      left->contents = left->ever = name.file->ever;
      // If the journal has nothing of the file, the name is still that of what the bucket has.
      if (const auto states = history_.find(where.second); states != history_.end()) {
        if (const auto& bytes = states->second.back().bytes; bytes != nullptr) {
          left->contents.insert(*bytes);
          left->ever.insert(*bytes);
        }
      }
      left->unknown = name.file->unknown;
      left->unsaved = true;
      it->second.file = std::move(left);
      busy_[where].last = forever;
      ++it;
      continue;
    }
    // What a close or an fsync under way has put into the journal counts, answered or not.
    auto kept = std::make_shared<LocalFile>();
    kept->opened = name.file->opened;
    kept->made_here = name.file->made_here;
    kept->unknown = name.file->unknown;
    kept->contents = promises_.at(where).contents;
    for (const std::set<std::string>& commit : name.file->commits)
      kept->contents.insert(commit.begin(), commit.end());
    kept->ever = kept->contents;
    promises_.at(where).contents = kept->contents;
    it->second.file = std::move(kept);
    ++it;
  }
}

/// A call that was to store the file has put it into the journal, and failed, or had no answer: the
/// next mount may have the name by that. What was stored before the last change, such as a copy of
/// the object onto itself for its attributes, does not have it.
bool Oracle::may_be_journalled(int node, const std::string& path, const LocalFile& file) const {
  if (!options_.write_back || file.changed == 0 || file.asked == 0) return false;
  const auto puts = puts_.find(path);
  return puts == puts_.end() || std::ranges::none_of(puts->second, [&](const Put& put) {
           return put.answered && put.actor == node && put.at >= file.changed &&
                  file.ever.contains(*put.bytes);
         });
}

/// What was promised before a crash is known by its name alone, until it is opened.
void Oracle::take_promised(int node, const std::string& path, fuse_ino_t inode) {
  const auto name = names_.find({node, path});
  if (name == names_.end() || name->second.file == nullptr) return;
  if (!owed(node, path) && !name->second.file->unsaved) return;
  locals_.try_emplace({node, inode}, name->second.file);
}

}  // namespace penstock::sim
