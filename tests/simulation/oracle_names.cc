// SPDX-License-Identifier: Apache-2.0
//
// What programs were told of calls that change or list names.
#include <algorithm>
#include <cerrno>

#include "simulation/oracle.h"
#include "simulation/oracle_text.h"

namespace penstock::sim {

void Oracle::removed(int node, const std::string& path, Span span, int error, bool directory) {
  check_error(node, path, span, error, directory ? "rmdir" : "unlink");
  if (error != 0) return;
  const std::string found = moved_meanwhile(node, path, span);
  name_removed(node, found, span);
  if (found == path) return;
  for (const std::string& name : {path, found}) busy_[{node, name}].last = forever;
}

void Oracle::name_removed(int node, const std::string& path, Span span) {
  const LocalName absent = taken_away(node, path, span);
  if (const auto name = names_.find({node, path}); name != names_.end() && name->second.file)
    name->second.file->deleted = true;
  for (auto& [file, info] : open_) {
    if (info.node != node || !info.may_have(path)) continue;
    if (info.local != nullptr) info.local->deleted = true;
    info.nameless = true;
  }
  held_until_now(node, path);
  set_local(node, path, absent);
  promises_.erase({node, path});
}

void Oracle::renamed(int node, const std::string& from, const std::string& to, Span span,
                     int error) {
  for (Rename& move : moves_[node]) {
    if (move.from != from || move.to != to || move.ended != forever) continue;
    move.ended = world_.now();
    move.failed = error != 0;
  }
  if (error == EEXIST || error == EISDIR || error == ENOTDIR || error == ENOTEMPTY) return;
  if (from == to && error == 0) return;
  if (error == ENAMETOOLONG && to.size() > 255) return;
  if (error == ENOENT && may_be(node, parent_of(to), span, false)) return;
  check_error(node, from, span, error, "rename");
  if (error != 0) return;
  const std::string source = moved_meanwhile(node, from, span);
  const std::string target = moved_meanwhile(node, to, span);
  name_moved(node, source, target, span);
  if (source == from && target == to) return;
  // Unless the folders were found under names that they had got before, or that are new ones.
  moves_[node].push_back({source, target, span.from, world_.now()});
  for (const std::string& name : {from, to, source, target}) busy_[{node, name}].last = forever;
}

/// What the path is since folders above it have got other names after the call began. It waited for
/// that, and is about what is in those folders.
std::string Oracle::moved_meanwhile(int node, std::string path, Span span) const {
  const auto moves = moves_.find(node);
  if (moves == moves_.end()) return path;
  for (const Rename& move : moves->second) {
    if (move.ended < span.from || move.ended == forever || move.failed) continue;
    if (below(path, move.from)) path = move.to + path.substr(move.from.size());
  }
  return path;
}

void Oracle::name_moved(int node, const std::string& from, const std::string& to, Span span) {
  const LocalName left = taken_away(node, from, span);
  std::vector<std::pair<std::string, LocalName>> moved;
  for (auto it = names_.begin(); it != names_.end();) {
    const std::string& path = it->first.second;
    if (it->first.first == node && (path == from || below(path, from))) {
      // What others have made of it since was renamed, or was not there to be renamed.
      const bool theirs = changed_by_others(node, path, it->second.since, world_.now());
      it->second.since = theirs ? -forever : span.from;
      const bool own = !theirs || holds(node, path, it->second);
      if (own && it->second.kind != PathState::Kind::absent)
        moved.emplace_back(to + path.substr(from.size()), it->second);
      it = names_.erase(it);
    } else {
      ++it;
    }
  }
  const auto target = names_.find({node, to});
  const LocalFilePtr replaced = target == names_.end() ? nullptr : target->second.file;
  if (target != names_.end()) names_.erase(target);
  if (replaced != nullptr) replaced->deleted = true;
  for (auto& [file, info] : open_) {
    if (info.node != node) continue;
    if (info.nameless) continue;
    info.nameless = info.may_have(to);
    if (info.nameless && info.local) info.local->deleted = true;
    std::set<std::string> more;
    for (const std::string& path : info.paths) {
      if (path == from || below(path, from)) more.insert(to + path.substr(from.size()));
    }
    info.paths.insert(more.begin(), more.end());
    if (info.present == from || below(info.present, from))
      info.present = to + info.present.substr(from.size());
    if (info.local != nullptr) {
      if (!more.empty()) info.local->deleted = false;
      for (const std::string& path : more) writers_[{node, path}] = forever;
    }
  }
  promises_.erase({node, to});
  // What has come into the bucket under its old name owes nothing under the new one.
  std::erase_if(promises_, [&](const auto& promise) {
    const auto& [owner, path] = promise.first;
    return owner == node && (path == from || below(path, from)) && !owed(node, path);
  });
  std::map<std::pair<int, std::string>, Promise> promised;
  for (auto it = promises_.begin(); it != promises_.end();) {
    const std::string& path = it->first.second;
    if (it->first.first == node && (path == from || below(path, from))) {
      promised[{node, to + path.substr(from.size())}] = it->second;
      it = promises_.erase(it);
    } else {
      ++it;
    }
  }
  promises_.merge(promised);
  for (auto& [path, name] : moved) {
    if (name.file != nullptr && path == to && replaced != nullptr && replaced->made_here &&
        !stored_since(node, to, replaced->opened))
      name.file->replaced_opened = std::min(replaced->opened, replaced->replaced_opened);
    if (name.file != nullptr) {
      commit_points_[node].insert(name.file->contents.begin(), name.file->contents.end());
      writers_[{node, path}] = forever;
    }
    if (const Nanos beside = stored_beside(node, path, span.from); beside != forever) {
      name.since = -forever;
      name.until = beside + options_.bound;
    }
    set_local(node, path, name);
  }
  set_local(node, from, left);
}

/// A call that makes a name was refused, for there is one.
void Oracle::name_exists(int node, const std::string& path, Span span) {
  std::vector<PathState> there;
  for (const PathState& state : window(node, path, span, true)) {
    if (state.kind != PathState::Kind::absent) there.push_back(state);
  }
  if (local_name(node, path, span) == nullptr && !busy(node, path, span))
    told(node, path, span, there);
}

void Oracle::made_directory(int node, const std::string& path, Span span, int error) {
  if (error == ENOENT && may_be(node, parent_of(path), span, false)) return;
  check_error(node, path, span, error, "mkdir");
  if (error == EEXIST) name_exists(node, path, span);
  if (error != 0) return;
  // Its folder may have got another name before it was made, or after.
  const std::vector<std::string> names = renamed_since(node, path, span.from);
  if (names.size() == 1)
    return set_local(node, path, {PathState::Kind::directory, nullptr, span.from});
  for (const std::string& name : names) busy_[{node, name}].last = forever;
}

/// What the node has put under the path during the call; null where it was renamed meanwhile. With
/// write-back, what was promised before may have come there as well.
LocalFilePtr Oracle::stored_now(int node, const std::string& path, Span span) const {
  const std::vector<std::string> names = renamed_since(node, path, span.from);
  auto made = std::make_shared<LocalFile>();
  made->opened = span.from;
  for (const std::string& name : names) {
    const auto puts = puts_.find(name);
    if (puts == puts_.end()) continue;
    for (const Put& put : puts->second) {
      if (put.actor == node && put.at >= span.from) made->contents.insert(*put.bytes);
    }
  }
  if (names.size() > 1) return nullptr;
  const auto promise = promises_.find({node, path});
  if (promise != promises_.end() && promise->second.at <= span.from) {
    for (const std::string& bytes : promise->second.contents) {
      if (made->contents.size() > 1) made->contents.erase(bytes);
    }
  }
  if (made->contents.empty())
    fail("lost", node, path, span, "the name was made, and was never in the bucket");
  made->ever = made->contents;
  return made;
}

void Oracle::made_symlink(int node, const std::string& path, Span span, int error,
                          const std::string& target) {
  if (error == ENOENT && may_be(node, parent_of(path), span, false)) return;
  check_error(node, path, span, error, "symlink");
  if (error == EEXIST) name_exists(node, path, span);
  if (error != 0) return;
  const LocalFilePtr made = stored_now(node, path, span);
  if (made == nullptr) {
    for (const std::string& name : renamed_since(node, path, span.from))
      busy_[{node, name}].last = forever;
    return;
  }
  made->link = true;
  made->contents.insert(target);
  made->ever = made->contents;
  set_local(node, path, {PathState::Kind::file, made, span.from});
}

void Oracle::read_link_done(int node, const std::string& path, Span span, int error,
                            const std::string& target) {
  check_error(node, path, span, error, "readlink");
  if (error != 0 || busy(node, path, span)) return;
  std::vector<PathState> matching;
  for (const PathState& state : window(node, path, span, true)) {
    if (state.link && *state.bytes == target) matching.push_back(state);
  }
  if (const LocalName* name = local_name(node, path, span);
      name != nullptr && name->file != nullptr && name->file->link &&
      (name->file->unknown || name->file->ever.contains(target)))
    return;
  if (!matching.empty()) return told(node, path, span, matching);
  if (was_moved(node, path, span)) return;
  fail("readlink", node, path, span, fmt::format("a link to '{}'", shown(target)));
}

/// A link is a copy: the new name has what the file had at a moment of the call, or what was
/// believed of it then.
void Oracle::linked(int node, const std::string& from, const std::string& to, Span span,
                    int error) {
  attributes_answered(node, from);
  if (error == ENOENT && may_be(node, parent_of(to), span, false)) return;
  if (error == EEXIST) {
    check_error(node, to, span, error, "link");
    return name_exists(node, to, span);
  }
  if (error == EPERM) return;
  if (error == ENAMETOOLONG && to.size() > 255) return;
  if (error != 0) return check_error(node, from, span, error, "link");
  const LocalFilePtr made = stored_now(node, to, span);
  if (made == nullptr) {
    for (const std::string& name : renamed_since(node, to, span.from))
      busy_[{node, name}].last = forever;
    return;
  }
  const auto source = names_.find({node, from});
  const LocalFilePtr file = source == names_.end() ? nullptr : source->second.file;
  std::set<std::string> allowed;
  for (const std::string& name : names_of(node, from)) {
    if (const auto states = history_.find(name); states != history_.end()) {
      for (const PathState& state : states->second) {
        if (state.bytes == nullptr || state.from > span.to) continue;
        if (state.to + options_.bound < span.from) continue;
        allowed.insert(*state.bytes);
        made->link = made->link || state.link;
      }
    }
  }
  if (file != nullptr) {
    allowed.insert(file->ever.begin(), file->ever.end());
    made->link = made->link || file->link;
  }
  // What had the new name before may have been stored for those who have it open.
  const auto others = busy_.find({node, to});
  const bool alone = others == busy_.end() || others->second.last <= span.from;
  const bool known = alone && !busy(node, from, span) && (file == nullptr || !file->unknown);
  // Who had the name open before stored it while the link waited for its removal.
  const auto fits = [&](const std::string& bytes) { return allowed.contains(bytes); };
  if (known && std::ranges::none_of(made->contents, fits))
    fail("link", node, to, span,
         fmt::format("a link to '{}' has {}, which that never had", from,
                     shown(*made->contents.begin())));
  set_local(node, to, {PathState::Kind::file, made, span.from});
}

void Oracle::attributes_changed(int node, const std::string& path, Span span, int error,
                                const HasAttributes& asked) {
  attributes_answered(node, path);
  check_error(node, path, span, error, "chmod");
  const auto name = names_.find({node, path});
  if (name == names_.end() || name->second.file == nullptr) return;
  LocalFile& file = *name->second.file;
  // With write-back, attributes of what others have taken away since stay in the journal.
  if (options_.write_back && error == 0) {
    file.described = asked;
    file.described_at = span.from;
  }
  commit_points_[node].insert(file.contents.begin(), file.contents.end());
}

void Oracle::list_done(int node, const std::string& path, Span span, int error,
                       const std::vector<std::string>& names) {
  check_error(node, path, span, error, "list");
  if (error != 0 || busy(node, path, span)) return;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    const std::string child = path.empty() ? name : path + "/" + name;
    if (!seen.insert(name).second)
      fail("listed twice", node, child, span,
           fmt::format("the listing of '{}' has it twice", path));
    if (name.find(".conflict-") == std::string::npos && !may_be(node, child, span, true))
      fail("listed", node, child, span,
           fmt::format("the listing of '{}' has it, and it does not exist", path));
  }
  std::set<std::string> all;
  const auto add = [&](const std::string& child) {
    if (parent_of(child) == path && child != path && !child.empty())
      all.insert(child.substr(path.empty() ? 0 : path.size() + 1));
  };
  for (const auto& [child, states] : history_) add(child);
  for (const auto& [key, name] : names_) {
    if (key.first == node) add(key.second);
  }
  for (const std::string& name : all) {
    const std::string child = path.empty() ? name : path + "/" + name;
    if (!seen.contains(name) && !may_be(node, child, span, false))
      fail("not listed", node, child, span,
           fmt::format("the listing of '{}' lacks it, and it exists", path));
  }
}

}  // namespace penstock::sim
