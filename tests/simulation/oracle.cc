// SPDX-License-Identifier: Apache-2.0
#include "simulation/oracle.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "simulation/oracle_text.h"

namespace penstock::sim {
namespace {

constexpr std::string_view own_prefix = ".penstock/";

}  // namespace

Oracle::Oracle(World& world, OracleOptions options) : world_(world), options_(std::move(options)) {}

std::string Oracle::path_of_key(const std::string& key) const {
  return key.substr(options_.prefix.size());
}

// The bucket

void Oracle::object_there(const std::string& key, const std::string& bytes) {
  store_changed({key, foreign_client, "there", {}, {.exists = true, .bytes = bytes}});
}

PathState Oracle::now(const std::string& path) const {
  const auto found = history_.find(path);
  return found == history_.end() ? PathState{.from = -forever} : found->second.back();
}

void Oracle::look_again(const std::string& path, int actor) {
  PathState state{.from = begun_ ? world_.now() : -forever, .actor = actor, .version = ++versions_};
  const auto child = objects_.lower_bound(path + "/");
  if (child != objects_.end() && child->first.starts_with(path + "/")) {
    state.kind = PathState::Kind::directory;
  } else if (const auto object = objects_.find(path); object != objects_.end()) {
    state.kind = PathState::Kind::file;
    state.bytes = object->second;
  }
  std::vector<PathState>& states = history_[path];
  if (states.empty()) states.push_back({.from = -forever, .version = 0});
  PathState& last = states.back();
  if (last.kind == state.kind && last.bytes == state.bytes) return;
  if (!begun_) {
    last = std::move(state);
    return;
  }
  last.to = world_.now();
  states.push_back(std::move(state));
}

void Oracle::store_changed(const StoreChange& change) {
  if (!change.key.starts_with(options_.prefix)) {
    if (change.actor != foreign_client)
      violation("a key outside the prefix",
                fmt::format("{} of '{}' by node {}", change.operation, change.key, change.actor));
    return;
  }
  const std::string path = path_of_key(change.key);
  // The root's own object is written for what is done in it, and is no name.
  if (path.starts_with(own_prefix) || path.empty()) return;
  if (change.actor != foreign_client) check_licence(change, path);
  if (change.after.exists) {
    auto bytes = std::make_shared<const std::string>(change.after.bytes);
    if (change.actor != foreign_client && !path.ends_with('/')) check_bytes(change, path);
    stored_.insert(*bytes);
    // Somebody else's object keeps the name: what was written here went beside it.
    if (const std::string name = without_conflict(path); name != path && change.actor >= 0)
      names_.erase({change.actor, name});
    // The same bytes with other metadata are the same version to who reads them.
    const auto before = objects_.find(path);
    if (before == objects_.end() || *before->second != *bytes) objects_[path] = bytes;
    puts_[path].push_back({bytes, world_.now(), change.actor});
  } else {
    objects_.erase(path);
  }
  std::string at = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  for (; !at.empty(); at = parent_of(at)) look_again(at, change.actor);
}

void Oracle::check_bytes(const StoreChange& change, const std::string& path) {
  const std::string& bytes = change.after.bytes;
  if (bytes.empty() || commit_points_[change.actor].contains(bytes) || stored_.contains(bytes))
    return;
  const auto any_local = [&](const auto& holds) {
    return std::ranges::any_of(locals_, [&](const auto& local) {
      return local.first.first == change.actor && holds(local.second);
    });
  };
  // While a call is under way that stores the file, writes may come before it or after it.
  const bool now = any_local([&](const LocalFilePtr& local) {
    return being_stored(change.actor, local) && possible(*local).contains(bytes);
  });
  if (now) {
    commit_points_[change.actor].insert(bytes);
    return;
  }
  const bool was = any_local([&](const LocalFilePtr& local) {
    return local->unknown || local->ever.contains(bytes) || possible(*local).contains(bytes);
  });
  if (!was)
    violation("never was", fmt::format("node {} stores '{}' with contents that no program of it "
                                       "ever gave it: {}",
                                       change.actor, path, shown(bytes)));
  violation("half a file", fmt::format("node {} stores '{}' with contents that it had at no close "
                                       "or fsync: {}",
                                       change.actor, path, shown(bytes)));
}

LocalFilePtr Oracle::local_of(int node, const OpenFile& file) const {
  const auto found = locals_.find({node, file.node->id});
  if (found != locals_.end()) return found->second;
  const auto info = open_.find(&file);
  return info == open_.end() ? nullptr : info->second.local;
}

/// What the file may be by now: of each write under way nobody knows whether it was done.
std::set<std::string> Oracle::possible(const LocalFile& local) {
  std::set<std::string> result = local.contents;
  for (const PendingWrite& write : local.pending) {
    for (std::string content : std::set<std::string>(result)) {
      write_into(content, write.append ? content.size() : write.at, write.bytes);
      result.insert(std::move(content));
    }
  }
  return result;
}

bool Oracle::being_stored(int node, const LocalFilePtr& local) const {
  if (local->commits > 0) return true;
  const auto under_way = [&](const std::string& path) {
    for (std::string at = path; !at.empty(); at = parent_of(at)) {
      const auto busy = busy_.find({node, at});
      if (busy != busy_.end() && busy->second.now > 0) return true;
      const auto storing = storing_.find({node, at});
      if (storing != storing_.end() && storing->second > 0) return true;
    }
    return false;
  };
  return std::ranges::any_of(open_, [&](const auto& open) {
    return open.second.local == local && std::ranges::any_of(open.second.paths, under_way);
  });
}

/// With write-back: what was promised of the path last is not in the bucket yet.
bool Oracle::owed(int node, const std::string& path) const {
  const auto promise = promises_.find({node, path});
  if (promise == promises_.end()) return false;
  for (const auto& [stored, puts] : puts_) {
    if (without_conflict(stored) != path) continue;
    for (const Put& put : puts) {
      if (put.actor == node && promise->second.contents.contains(*put.bytes)) return false;
    }
  }
  return true;
}

/// A directory is there while something in it is written here.
bool Oracle::holds_below(int node, const std::string& path) const {
  return std::ranges::any_of(names_, [&](const auto& entry) {
    const auto& [where, name] = entry;
    if (where.first != node || name.file == nullptr || !below(where.second, path)) return false;
    return !name.file->deleted &&
           (name.file->writers > 0 || name.file->unsaved || owed(node, where.second));
  });
}

// Licences

uint64_t Oracle::may_change(int node, std::vector<std::string> paths, bool all_below) {
  for (const std::string& path : paths) {
    for (std::string at = parent_of(path);; at = parent_of(at)) {
      visited_directories_.emplace(node, at);
      if (at.empty()) break;
    }
  }
  licences_[++last_licence_] = {node, std::move(paths), all_below};
  return last_licence_;
}

void Oracle::may_change_no_more(uint64_t id) { licences_.erase(id); }

void Oracle::rename_begins(int node, const std::string& from, const std::string& to) {
  moves_[node].emplace_back(from, to);
}

bool Oracle::licensed(const Licence& licence, const std::string& path) const {
  const auto covers = [&](const std::string& named) {
    return named == path || (licence.below && below(path, named));
  };
  if (std::ranges::any_of(licence.paths, covers)) return true;
  // The folder of what was named may have got another name since.
  const auto moves = moves_.find(licence.node);
  if (moves == moves_.end()) return false;
  return std::ranges::any_of(moves->second, [&](const auto& move) {
    return std::ranges::any_of(licence.paths, [&](const std::string& named) {
      return (named == move.first || below(named, move.first)) &&
             covers(move.second + named.substr(move.first.size()));
    });
  });
}

void Oracle::check_licence(const StoreChange& change, const std::string& full) {
  const bool marker = full.ends_with('/');
  const std::string path = marker ? full.substr(0, full.size() - 1) : without_conflict(full);
  // A directory's own object is written for what is done in it.
  if (marker && visited_directories_.contains({change.actor, path})) return;
  for (const auto& [from, to] : moves_[change.actor]) {
    if (marker && (path == to || below(path, to))) return;
  }
  for (const auto& [id, licence] : licences_) {
    if (licence.node == change.actor && licensed(licence, path)) return;
  }
  const auto writer = writers_.find({change.actor, path});
  if (writer != writers_.end() && world_.now() <= writer->second) return;
  violation("a key that nobody named",
            fmt::format("node {}: {} of '{}' ({}), and no program of it has asked for that",
                        change.actor, change.operation, full,
                        change.after.exists ? shown(change.after.bytes) : "removed"));
}

// What is known of a path

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
  std::vector<PathState> states;
  const auto add = [&](const PathState& state) {
    if (state.from > span.to || state.to + options_.bound < span.from) return;
    // A folder that this node took away, and that others keep there, is there.
    const bool kept = state.kind == PathState::Kind::directory && state.to > own_done;
    if ((state.from < own && !kept) || state.to <= floor) return;
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

const Oracle::LocalName* Oracle::local_name(int node, const std::string& path, Span span) const {
  const auto found = names_.find({node, path});
  if (found == names_.end()) return nullptr;
  const LocalName& name = found->second;
  const bool dirty =
      name.file != nullptr && (name.file->writers > 0 || name.file->unsaved || owed(node, path));
  if (dirty) return &name;
  // What others have made of it since is known at some time.
  const auto states = history_.find(path);
  if (states == history_.end()) return &name;
  for (const PathState& state : states->second) {
    if (state.actor != node && state.from >= name.since && state.from + options_.bound < span.from)
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
  if (present && holds_below(node, path)) return true;
  // Where a directory above is gone, so is the name.
  return !present && !parent_of(path).empty() && may_be(node, parent_of(path), span, false);
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

void Oracle::name_busy(int node, const std::string& path) {
  ++busy_[{node, path}].now;
  // What is about to lose its name may be stored before, for who has it open.
  may_store(node, path);
}

/// Whoever has the path, or what is below it, open: what they have written may be stored now.
void Oracle::may_store(int node, const std::string& path) {
  for (const auto& [file, info] : open_) {
    const bool named = std::ranges::any_of(
        info.paths, [&](const std::string& each) { return each == path || below(each, path); });
    if (named && info.node == node && info.local != nullptr)
      commit_points_[node].insert(info.local->contents.begin(), info.local->contents.end());
  }
}

void Oracle::name_settled(int node, const std::string& path) {
  busy_[{node, path}].last = world_.now();
}

bool Oracle::changed_by_others(int node, const std::string& path, Nanos from, Nanos to) const {
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
  names_[{node, path}] = std::move(name);
}

std::string Oracle::explain(int node, const std::string& path, Span span) const {
  std::string text = fmt::format("asked {:.6f} to {:.6f}; believed for {:.3f} s", span.from / 1e9,
                                 span.to / 1e9, options_.bound / 1e9);
  const auto found = history_.find(path);
  if (found == history_.end()) return text + "; never in the bucket";
  for (const PathState& state : found->second) {
    if (state.to + 4 * options_.bound < span.from) continue;
    text +=
        fmt::format("\n    from {:.6f} by {}: {}{}", std::max<Nanos>(state.from, 0) / 1e9,
                    state.actor, name_of(state.kind), state.bytes ? " " + shown(*state.bytes) : "");
  }
  if (const auto name = names_.find({node, path}); name != names_.end())
    text += fmt::format("\n    here since {:.6f}: {}", name->second.since / 1e9,
                        name_of(name->second.kind));
  return text;
}

void Oracle::fail(std::string_view kind, int node, const std::string& path, Span span,
                  const std::string& text) const {
  violation(kind,
            fmt::format("node {}, '{}': {}\n  {}", node, path, text, explain(node, path, span)));
}

void Oracle::check_error(int node, const std::string& path, Span span, int error,
                         const char* what) {
  switch (error) {
    case 0:
    case EINTR:
      return;
    case ENOENT:
      if (may_be(node, path, span, false)) return;
      fail("does not exist", node, path, span, fmt::format("{}: ENOENT, and it exists", what));
    case ESTALE: {
      Nanos since = span.from;
      if (const auto name = names_.find({node, path}); name != names_.end() && name->second.file)
        since = std::min(since, name->second.file->opened);
      for (std::string at = path; !at.empty(); at = parent_of(at)) {
        if (changed_by_others(node, at, since - options_.bound, span.to)) return;
      }
      fail("ESTALE", node, path, span, fmt::format("{}: ESTALE, and nobody else changed it", what));
    }
    case EEXIST:
      if (may_be(node, path, span, true)) return;
      fail("exists", node, path, span, fmt::format("{}: EEXIST, and it does not exist", what));
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EBUSY:
    case EINVAL:
    case ELOOP:
    case EXDEV:
      return;
    case ENAMETOOLONG:
      if (path.size() > 255) return;
      [[fallthrough]];
    default:
      fail("unexpected error", node, path, span,
           fmt::format("{}: {}", what, strerrorname_np(error)));
  }
}

void Oracle::unsaved(int node, const std::string& path) const {
  // Where others had changed it, the program was told, and the bytes are nobody's.
  if (changed_by_others(node, path, 0, world_.now())) return;
  fail("not saved", node, path, {world_.now(), world_.now()}, "it could not be stored at the end");
}

bool Oracle::changed_by_others_ever(int node) const {
  return std::ranges::any_of(history_, [&](const auto& path) {
    return changed_by_others(node, path.first, 0, world_.now());
  });
}

void Oracle::ended() const {
  for (const auto& [where, promise] : promises_) {
    const auto& [node, path] = where;
    bool kept = false;
    for (const auto& [stored, puts] : puts_) {
      if (without_conflict(stored) != path) continue;
      for (const Put& put : puts) kept = kept || promise.contents.contains(*put.bytes);
    }
    // What was an edit of bytes that are gone stays in the journal.
    if (!kept && !changed_by_others(node, path, 0, world_.now()))
      fail("promise broken", node, path, {promise.at, promise.at},
           fmt::format("it was closed with {}, which was never stored",
                       shown(*promise.contents.begin())));
  }
}

void Oracle::crashed(int node) {
  std::erase_if(names_, [&](const auto& entry) { return entry.first.first == node; });
  std::erase_if(locals_, [&](const auto& entry) { return entry.first.first == node; });
  std::erase_if(licences_, [&](const auto& entry) { return entry.second.node == node; });
}

}  // namespace penstock::sim
