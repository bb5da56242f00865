// SPDX-License-Identifier: Apache-2.0
//
// What may be told of a path, by what the bucket had and by what a node itself has made of it.
#include <algorithm>

#include "simulation/oracle.h"
#include "simulation/oracle_text.h"

namespace penstock::sim {

/// From when on the node may have what it goes by, for who asks then: while attributes are being
/// set, that is what it had when it was asked to.
Nanos Oracle::believed_since(int node, const std::string& path, Nanos asked) const {
  const auto storing = storing_.find({node, path});
  if (storing == storing_.end()) return asked;
  const bool counts = storing->second.now > 0 || storing->second.last + options_.bound >= asked;
  return counts ? std::min(asked, storing->second.begun) : asked;
}

std::vector<PathState> Oracle::window(int node, const std::string& path, Span span,
                                      bool with_floors) const {
  Nanos own = -forever;
  Nanos own_done = forever;
  if (const auto name = names_.find({node, path}); name != names_.end()) {
    if (name->second.done <= span.from) own = name->second.since;
    own_done = name->second.done;
  }
  Nanos floor = -forever;
  if (const auto floors = floors_.find({node, path}); with_floors && floors != floors_.end()) {
    for (const Floor& each : floors->second) {
      if (each.told <= span.from) floor = std::max(floor, each.moment);
    }
  }
  const Nanos believed_from = believed_since(node, path, span.from);
  std::vector<PathState> states;
  const auto add = [&](const PathState& state) {
    if (state.from > span.to || state.to + options_.bound < believed_from) return;
    // A folder that this node took away, and that others keep there, is there.
    const bool kept = state.kind == PathState::Kind::directory && state.to > own_done;
    const bool older = std::max(state.from, state.stored_again) < own;
    if ((older && !kept) || state.to <= floor) return;
    states.push_back(state);
  };
  const auto found = history_.find(path);
  if (found == history_.end()) {
    add({.from = -forever});
  } else {
    for (const PathState& state : found->second) add(state);
  }
  return states;
}

/// What is written here and not stored yet keeps its name, whoever has changed that.
bool Oracle::holds(int node, const std::string& path, const LocalName& name) const {
  return name.file != nullptr && (name.file->writers > 0 || name.file->unsaved ||
                                  owed(node, path) || owes_attributes(node, path, *name.file));
}

const Oracle::LocalName* Oracle::local_name(int node, const std::string& path, Span span) const {
  const auto found = names_.find({node, path});
  if (found == names_.end()) return nullptr;
  const LocalName& name = found->second;
  if (name.until < span.from) return nullptr;
  if (holds(node, path, name) || name.until != forever) return &name;
  // What others have made of it since is known at some time.
  const auto states = history_.find(path);
  if (states == history_.end()) return &name;
  for (const PathState& state : states->second) {
    // What was never stored leaves theirs alone when it is removed, and so the name believed
    // absent.
    const Nanos seen =
        name.kind == PathState::Kind::absent ? std::max(state.from, name.done) : state.from;
    if (state.actor != node && state.from >= name.since && seen + options_.bound < span.from)
      return nullptr;
  }
  return &name;
}

bool Oracle::may_be(int node, const std::string& path, Span span, bool present) const {
  if (path.empty()) return present;
  const auto is = [&](PathState::Kind kind) {
    return (kind != PathState::Kind::absent) == present;
  };
  const std::vector<PathState> states = window(node, path, span, true);
  if (std::ranges::any_of(states, [&](const PathState& s) { return is(s.kind); })) return true;
  if (const LocalName* name = local_name(node, path, span); name != nullptr && is(name->kind))
    return true;
  if (busy(node, path, span)) return true;
  if (present && (holds_below(node, path, span) || was_moved(node, path, span))) return true;
  // Where a directory above is gone, so is the name.
  return !present && !parent_of(path).empty() && may_be(node, parent_of(path), span, false);
}

/// What a folder had when it was renamed is believed under its new name for as long as it would
/// have been under the old one.
bool Oracle::was_moved(int node, const std::string& path, Span span) const {
  return !moved_here(node, path, span).empty();
}

/// That, as it was under the old name.
std::vector<PathState> Oracle::moved_here(int node, const std::string& path, Span span) const {
  std::vector<PathState> states;
  const auto moves = moves_.find(node);
  if (moves == moves_.end()) return states;
  for (const Rename& move : moves->second) {
    if (move.ended + options_.bound < span.from || !below(path, move.to)) continue;
    const auto old = history_.find(move.from + path.substr(move.to.size()));
    if (old == history_.end()) continue;
    for (const PathState& state : old->second) {
      if (state.kind != PathState::Kind::absent && state.to + options_.bound >= span.from)
        states.push_back(state);
    }
  }
  return states;
}

bool Oracle::busy(int node, const std::string& path, Span span) const {
  for (std::string at = path; !at.empty(); at = parent_of(at)) {
    const auto found = busy_.find({node, at});
    if (found != busy_.end() && (found->second.now > 0 || found->second.last > span.from))
      return true;
    const auto name = names_.find({node, at});
    if (name != names_.end() && name->second.done > span.from) return true;
  }
  return false;
}

/// Since when the node may go by what it does, for who asks then: while a name is being given or
/// taken away, that is what it had when the call began, whatever the bucket has by now.
Nanos Oracle::named_since(int node, const std::string& path, Span span) const {
  Nanos since = span.from;
  for (std::string at = path; !at.empty(); at = parent_of(at)) {
    const auto found = busy_.find({node, at});
    if (found != busy_.end() && (found->second.now > 0 || found->second.last > span.from))
      since = std::min(since, found->second.begun);
  }
  return since;
}

void Oracle::attributes_change(int node, const std::string& path) {
  may_store(node, path);
  Storing& storing = storing_[{node, path}];
  if (storing.now++ == 0) storing.begun = world_.now();
}

void Oracle::attributes_answered(int node, const std::string& path) {
  Storing& storing = storing_[{node, path}];
  --storing.now;
  storing.last = world_.now();
}

void Oracle::name_busy(int node, const std::string& path) {
  Busy& busy = busy_[{node, path}];
  if (busy.now++ == 0) busy.begun = world_.now();
  // What is about to lose its name may be stored before, for who has it open.
  may_store(node, path);
}

/// Whoever has the path, or what is below it, open: what they have written may be stored now.
void Oracle::may_store(int node, const std::string& path) {
  for (const auto& [file, info] : open_) {
    const bool named = std::ranges::any_of(
        info.paths, [&](const std::string& each) { return each == path || below(each, path); });
    if (!named || info.node != node || info.local == nullptr) continue;
    info.local->asked = world_.now();
    commit_points_[node].insert(info.local->contents.begin(), info.local->contents.end());
  }
}

void Oracle::name_settled(int node, const std::string& path) {
  Nanos& last = busy_[{node, path}].last;
  last = std::max(last, world_.now());
  held_until_now(node, path);
}

bool Oracle::changed_by_others(int node, const std::string& path, Nanos from, Nanos to) const {
  // A change of metadata is a version, too, to who writes.
  const auto puts = puts_.find(path);
  const bool put = puts != puts_.end() && std::ranges::any_of(puts->second, [&](const Put& each) {
                     return each.actor != node && each.at >= from && each.at <= to;
                   });
  if (put) return true;
  const auto found = history_.find(path);
  return found != history_.end() && std::ranges::any_of(found->second, [&](const PathState& state) {
           return state.actor != node && state.from >= from && state.from <= to;
         });
}

void Oracle::told(int node, const std::string& path, Span span,
                  const std::vector<PathState>& matching) {
  if (matching.empty()) return;
  Nanos moment = forever;
  for (const PathState& state : matching)
    moment = std::min(moment, std::max(state.from, span.from - options_.bound));
  floors_[{node, path}].push_back({span.to, moment});
}

void Oracle::set_local(int node, const std::string& path, LocalName name) {
  name.done = world_.now();
  // Who still writes to it does not get the name back.
  if (name.file != nullptr && name.file->beside != forever) {
    name.since = -forever;
    name.until = name.file->beside + options_.bound;
  }
  names_[{node, path}] = std::move(name);
}

}  // namespace penstock::sim
