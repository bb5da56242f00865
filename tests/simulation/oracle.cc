// SPDX-License-Identifier: Apache-2.0
#include "simulation/oracle.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "simulation/oracle_text.h"

namespace penstock::sim {
namespace {

constexpr std::string_view own_prefix = ".penstock/";

/// Whether the object says that it is a symbolic link.
bool is_link(const StoredState& object) {
  const auto mode = object.metadata.find("mode");
  return mode != object.metadata.end() && S_ISLNK(std::stoul(mode->second));
}

}  // namespace

Oracle::Oracle(World& world, OracleOptions options) : world_(world), options_(std::move(options)) {}

std::string Oracle::path_of_key(const std::string& key) const {
  return key.substr(options_.prefix.size());
}

// The bucket

void Oracle::object_there(const std::string& key, const std::string& bytes) {
  store_changed({.key = key, .operation = "there", .after = {.exists = true, .bytes = bytes}});
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
    state.bytes = object->second.bytes;
    state.link = object->second.link;
  }
  std::vector<PathState>& states = history_[path];
  if (states.empty()) states.push_back({.from = -forever, .version = 0});
  PathState& last = states.back();
  if (last.kind == state.kind && last.bytes == state.bytes && last.link == state.link) {
    last.stored_again = state.from;
    return;
  }
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
  const int node = node_of(change.actor);
  if (change.actor != foreign_client) check_licence(node, change, path);
  if (change.actor != foreign_client) check_new_name(node, change, path);
  if (change.after.exists) {
    auto bytes = std::make_shared<const std::string>(change.after.bytes);
    if (change.actor != foreign_client && !path.ends_with('/')) check_bytes(node, change, path);
    stored_.insert(*bytes);
    // What is written there later was beside somebody else's object before.
    const std::string name = without_conflict(path);
    if (name != path && change.actor >= 0 && !change.before.exists)
      stored_beside_others(node, name);
    // The same bytes with other metadata are the same version to who reads them.
    const auto before = objects_.find(path);
    const bool link = is_link(change.after);
    if (before == objects_.end() || *before->second.bytes != *bytes || before->second.link != link)
      objects_[path] = {bytes, link};
    puts_[path].push_back({.bytes = bytes,
                           .at = world_.now(),
                           .actor = change.actor,
                           .metadata = change.after.metadata,
                           .etag = change.after.etag});
  } else {
    objects_.erase(path);
  }
  std::string at = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  for (; !at.empty(); at = parent_of(at)) look_again(at, change.actor);
}

void Oracle::change_answered(int actor, const std::string& key, Nanos at) {
  if (!key.starts_with(options_.prefix)) return;
  const auto puts = puts_.find(path_of_key(key));
  if (puts == puts_.end()) return;
  for (Put& put : puts->second) put.answered |= put.actor == actor && put.at == at;
}

void Oracle::version_got(int actor, const ObjectInfo& object) {
  if (!object.key.starts_with(options_.prefix) || !object.metadata) return;
  const auto puts = puts_.find(path_of_key(object.key));
  if (puts == puts_.end()) return;
  // The same bytes with other metadata are of somebody else: an own put is known by its mark there.
  for (Put& put : puts->second)
    put.answered |=
        put.actor == actor && put.etag == object.etag && put.metadata == *object.metadata;
}

/// Somebody else's object keeps the name: what was written here went beside it.
void Oracle::stored_beside_others(int node, const std::string& name) {
  const auto own = names_.find({node, name});
  if (own == names_.end()) return;
  // After a crash that may be what a call without an answer has put there.
  const LocalFile* file = own->second.file.get();
  const Nanos since =
      file == nullptr ? 0 : std::min(file->opened, file->replaced_opened) - options_.bound;
  const bool theirs = std::ranges::any_of(names_of(node, name), [&](const std::string& each) {
    return changed_by_others(node, each, since, world_.now());
  });
  if (!theirs && !crashed_.contains(node))
    fail("stored beside", node, name, {since, world_.now()},
         "what was written was stored beside the object, which nobody else has changed");
  own->second.since = -forever;
  own->second.until = world_.now() + options_.bound;
  if (own->second.file != nullptr) own->second.file->beside = world_.now();
}

void Oracle::check_bytes(int node, const StoreChange& change, const std::string& path) {
  const std::string& bytes = change.after.bytes;
  if (bytes.empty() || commit_points_[node].contains(bytes) || stored_.contains(bytes)) return;
  const auto any_local = [&](const auto& holds) {
    return std::ranges::any_of(locals_, [&](const auto& local) {
      return local.first.first == node && holds(local.second);
    });
  };
  // While a call is under way that stores the file, writes may come before it or after it. One that
  // names the file (a link, a rename) takes what that has at a moment of its own, and stores it
  // later.
  const bool now = any_local([&](const LocalFilePtr& local) {
    return (being_stored(node, local) && possible(*local).contains(bytes)) ||
           (named_by_a_call(node, local) && local->ever.contains(bytes));
  });
  if (now) {
    commit_points_[node].insert(bytes);
    return;
  }
  const bool was = any_local([&](const LocalFilePtr& local) {
    return local->unknown || local->ever.contains(bytes) || possible(*local).contains(bytes);
  });
  if (!was)
    violation("never was", fmt::format("node {} stores '{}' with contents that no program of it "
                                       "ever gave it: {}",
                                       node, path, shown(bytes)));
  violation("half a file", fmt::format("node {} stores '{}' with contents that it had at no close "
                                       "or fsync: {}",
                                       node, path, shown(bytes)));
}

/// What others have put under a name is not replaced by who may only make it: where no other call
/// of the node may be what wrote it.
void Oracle::check_new_name(int node, const StoreChange& change, const std::string& path) {
  const auto asked = new_names_.find({node, path});
  if (asked == new_names_.end() || asked->second == 0) return;
  if (!change.before.exists || !change.after.exists) return;
  // It counts itself once.
  uint32_t changes = 0;
  for (std::string at = path; !at.empty(); at = parent_of(at)) {
    const auto busy = busy_.find({node, at});
    if (busy != busy_.end()) changes += busy->second.now;
  }
  if (changes > 1 || attributes_under_way(node, path) || writers_.contains({node, path})) return;
  violation("replaced a name",
            fmt::format("node {}: {} of '{}', which was to be made anew and had "
                        "{}",
                        node, change.operation, path, shown(change.before.bytes)));
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
      if (write.truncates) {
        content.resize(write.at, '\0');
      } else {
        write_into(content, write.append ? content.size() : write.at, write.bytes);
      }
      result.insert(std::move(content));
    }
  }
  return result;
}

/// Whatever is stored of the file now may be what it may be now.
void Oracle::may_be_stored(LocalFile& local) {
  if (local.commits.empty() || local.unknown) return;
  const std::set<std::string> now = possible(local);
  for (std::set<std::string>& commit : local.commits) commit.insert(now.begin(), now.end());
}

/// A call takes the name's file away, by a removal or a rename: what others have put there before
/// is gone, but where the file was made here and never stored. Nothing is removed then, and theirs
/// stays.
Oracle::LocalName Oracle::taken_away(int node, const std::string& path, Span span) const {
  LocalName absent{PathState::Kind::absent, nullptr, span.from};
  const auto name = names_.find({node, path});
  if (name == names_.end() || name->second.file == nullptr) return absent;
  const LocalFile& local = *name->second.file;
  if (!local.made_here || stored_since(node, path, local.opened)) return absent;
  absent.left_alone_since = std::min(local.opened, local.replaced_opened);
  absent.since = std::min(span.from, absent.left_alone_since - options_.bound);
  return absent;
}

/// When the node stored what is of this name beside somebody else's object, since then.
Nanos Oracle::stored_beside(int node, const std::string& path, Nanos since) const {
  Nanos when = forever;
  for (auto puts = puts_.lower_bound(path + ".conflict-"); puts != puts_.end(); ++puts) {
    if (puts->first == path || without_conflict(puts->first) != path) break;
    for (const Put& put : puts->second) {
      if (node_of(put.actor) == node && put.at >= since) when = std::min(when, put.at);
    }
  }
  return when;
}

bool Oracle::stored_since(int node, const std::string& path, Nanos since) const {
  const auto puts = puts_.find(path);
  return puts != puts_.end() && std::ranges::any_of(puts->second, [&](const Put& put) {
           return put.actor == node && put.at >= since;
         });
}

/// Whether the bucket had the path with such contents at a moment of the span.
bool Oracle::stood(const std::string& path, Span span,
                   const std::set<std::string>& contents) const {
  const auto states = history_.find(path);
  return states != history_.end() && std::ranges::any_of(states->second, [&](const auto& state) {
           return state.bytes != nullptr && state.from <= span.to && state.to >= span.from &&
                  contents.contains(*state.bytes);
         });
}

/// The path, and what it was before folders above it, or it itself, got other names.
std::vector<std::string> Oracle::names_of(int node, const std::string& path) const {
  std::vector<std::string> names{path};
  const auto moves = moves_.find(node);
  if (moves == moves_.end()) return names;
  for (auto move = moves->second.rbegin(); move != moves->second.rend(); ++move) {
    for (size_t i = names.size(); i-- > 0;) {
      if (names[i] == move->to || below(names[i], move->to))
        names.push_back(move->from + names[i].substr(move->to.size()));
    }
  }
  return names;
}

/// What the path has become by renames that were under way then, or came later.
std::vector<std::string> Oracle::renamed_since(int node, const std::string& path,
                                               Nanos since) const {
  std::vector<std::string> names{path};
  const auto moves = moves_.find(node);
  if (moves == moves_.end()) return names;
  for (const Rename& move : moves->second) {
    if (move.ended < since) continue;
    for (size_t i = names.size(); i-- > 0;) {
      if (names[i] == move.from || below(names[i], move.from))
        names.push_back(move.to + names[i].substr(move.from.size()));
    }
  }
  return names;
}

bool Oracle::being_stored(int node, const LocalFilePtr& local) const {
  return !local->commits.empty() || named_by_a_call(node, local);
}

bool Oracle::attributes_under_way(int node, const std::string& path) const {
  return std::ranges::any_of(storing_, [&](const auto& entry) {
    const auto& [where, storing] = entry;
    if (where.first != node || storing.now == 0) return false;
    const std::vector<std::string> names = renamed_since(node, where.second, storing.begun);
    return std::ranges::find(names, path) != names.end();
  });
}

bool Oracle::named_by_a_call(int node, const LocalFilePtr& local) const {
  const auto under_way = [&](const std::string& path) {
    for (std::string at = path; !at.empty(); at = parent_of(at)) {
      const auto busy = busy_.find({node, at});
      if (busy != busy_.end() && busy->second.now > 0) return true;
      if (attributes_under_way(node, at)) return true;
    }
    return false;
  };
  const bool open = std::ranges::any_of(open_, [&](const auto& each) {
    return each.second.local == local && std::ranges::any_of(each.second.paths, under_way);
  });
  return open || std::ranges::any_of(names_, [&](const auto& each) {
           return each.first.first == node && each.second.file == local &&
                  under_way(each.first.second);
         });
}

/// With write-back: what was promised of the path last is not in the bucket yet, or may not be, or
/// is, and the node has not been told.
bool Oracle::owed(int node, const std::string& path) const {
  const auto promise = promises_.find({node, path});
  if (promise == promises_.end()) return false;
  // Of two writes at once either may have been the last: what was stored before the promise is
  // what it holds, or what it held before the last one.
  const bool ambiguous = promise->second.contents.size() > 1;
  const Nanos since = ambiguous ? promise->second.at : promise->second.opened;
  for (const auto& [stored, puts] : puts_) {
    if (without_conflict(stored) != path) continue;
    for (const Put& put : puts) {
      const bool known = put.answered && put.actor == node && put.at >= since;
      if (known && promise->second.contents.contains(*put.bytes)) return false;
    }
  }
  return true;
}

/// Attributes that were set with write-back are not in the bucket yet, or never will be, since
/// others have changed the object.
bool Oracle::owes_attributes(int node, const std::string& path, const LocalFile& file) const {
  if (!file.described) return false;
  const auto puts = puts_.find(path);
  return puts == puts_.end() || std::ranges::none_of(puts->second, [&](const Put& put) {
           return put.answered && put.actor == node && put.at >= file.described_at &&
                  file.described(put.metadata);
         });
}

/// A directory is there while something in it is written or named here, and is believed in for a
/// while.
bool Oracle::holds_below(int node, const std::string& path, Span span) const {
  const auto held = held_.find({node, path});
  if (held != held_.end() && held->second + options_.bound >= span.from) return true;
  const bool naming = std::ranges::any_of(busy_, [&](const auto& entry) {
    const auto& [where, busy] = entry;
    return where.first == node && busy.now > 0 && below(where.second, path);
  });
  if (naming) return true;
  return std::ranges::any_of(names_, [&](const auto& entry) {
    const auto& [where, name] = entry;
    if (where.first != node || name.file == nullptr || !below(where.second, path)) return false;
    return !name.file->deleted && holds(node, where.second, name);
  });
}

void Oracle::held_until_now(int node, const std::string& path) {
  for (std::string at = parent_of(path); !at.empty(); at = parent_of(at))
    held_[{node, at}] = world_.now();
}

/// Without an object of its own a folder is gone with the last of what is in it, whoever has taken
/// that away: others have a part in it.
bool Oracle::emptied_by_others(int node, const std::string& path, Nanos from, Nanos to) const {
  const auto states = history_.find(path);
  const bool absent =
      states != history_.end() && std::ranges::any_of(states->second, [&](const PathState& state) {
        return state.kind == PathState::Kind::absent && state.from <= to && state.to >= from;
      });
  return absent && std::ranges::any_of(history_, [&](const auto& entry) {
           return below(entry.first, path) && changed_by_others(node, entry.first, 0, to);
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
  moves_[node].push_back({from, to, world_.now()});
}

bool Oracle::licensed(const Licence& licence, const std::string& path) const {
  const auto covers = [&](const std::string& named) {
    return named == path || (licence.below && below(path, named));
  };
  if (std::ranges::any_of(licence.paths, covers)) return true;
  // The folders of what was named may have got other names since, one after the other.
  return std::ranges::any_of(licence.paths, [&](const std::string& named) {
    return std::ranges::any_of(renamed_since(licence.node, named, -forever), covers);
  });
}

void Oracle::check_licence(int node, const StoreChange& change, const std::string& full) {
  const bool marker = full.ends_with('/');
  const std::string path = marker ? full.substr(0, full.size() - 1) : without_conflict(full);
  // A directory's own object is written for what is done in it.
  if (marker && visited_directories_.contains({node, path})) return;
  for (const Rename& move : moves_[node]) {
    if (marker && (path == move.to || below(path, move.to))) return;
  }
  for (const auto& [id, licence] : licences_) {
    if (licence.node == node && licensed(licence, path)) return;
  }
  for (const std::string& name : names_of(node, path)) {
    const auto writer = writers_.find({node, name});
    if (writer != writers_.end() && world_.now() <= writer->second) return;
  }
  violation("a key that nobody named",
            fmt::format("node {}: {} of '{}' ({}), and no program of it has asked for that", node,
                        change.operation, full,
                        change.after.exists ? shown(change.after.bytes) : "removed"));
}

// What is said of a fault

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
      if (span.nameless) return;
      Nanos since = span.from;
      if (const auto name = names_.find({node, path}); name != names_.end() && name->second.file)
        since = std::min(since, name->second.file->opened);
      for (const std::string& name : names_of(node, path)) {
        for (std::string at = name; !at.empty(); at = parent_of(at)) {
          if (changed_by_others(node, at, since - options_.bound, span.to)) return;
          if (emptied_by_others(node, at, since - options_.bound, span.to)) return;
        }
      }
      // A folder is copied with what is in it.
      for (const auto& [name, states] : history_) {
        if (!below(name, path)) continue;
        Nanos begun = since;
        if (const auto own = names_.find({node, name}); own != names_.end() && own->second.file)
          begun = std::min(begun, own->second.file->opened);
        if (changed_by_others(node, name, begun - options_.bound, span.to)) return;
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
  for (const std::string& name : names_of(node, path)) {
    if (changed_by_others(node, name, 0, world_.now())) return;
  }
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
    // What was an edit of bytes that are gone stays in the journal.
    for (const std::string& name : names_of(node, path)) {
      kept = kept || changed_by_others(node, name, 0, world_.now());
      // A crash cut off a call that may have taken the file away by then.
      const auto busy = busy_.find({node, name});
      kept =
          kept || (busy != busy_.end() && busy->second.now > 0 && promise.at <= busy->second.last);
      for (const auto& [stored, puts] : puts_) {
        if (without_conflict(stored) != name) continue;
        for (const Put& put : puts) kept = kept || promise.contents.contains(*put.bytes);
      }
    }
    if (!kept)
      fail("promise broken", node, path, {promise.at, promise.at},
           fmt::format("it was closed with {}, which was never stored",
                       shown(*promise.contents.begin())));
  }
}

}  // namespace penstock::sim
