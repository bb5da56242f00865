// SPDX-License-Identifier: Apache-2.0
#include "simulation/oracle.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "simulation/oracle_text.h"

namespace penstock::sim {
namespace {

/// More possibilities than that are not followed.
constexpr size_t most_contents = 64;

}  // namespace

void Oracle::stat_done(int node, const std::string& path, Span span, int error,
                       const struct stat& found) {
  check_error(node, path, span, error, "stat");
  if (path.empty()) return;
  const bool directory = S_ISDIR(found.st_mode);
  // A link may be shown as a file while its attributes were not looked at, never the other way.
  const bool link = S_ISLNK(found.st_mode);
  const auto size = static_cast<uint64_t>(found.st_size);
  const std::vector<PathState> states = window(node, path, span, true);
  std::vector<PathState> matching;
  for (const PathState& state : states) {
    const bool same = error != 0  ? error == ENOENT && state.kind == PathState::Kind::absent
                      : directory ? state.kind == PathState::Kind::directory
                                  : state.kind == PathState::Kind::file &&
                                        state.bytes->size() == size && (state.link || !link);
    if (same) matching.push_back(state);
  }
  const LocalName* local = local_name(node, path, span);
  if (local != nullptr || busy(node, path, span)) {
    if (error != 0 || busy(node, path, span) || !matching.empty()) return;
    if (directory && local->kind == PathState::Kind::directory) return;
    if (!directory && local->file != nullptr) {
      const LocalFile& file = *local->file;
      const bool under_way = !file.pending.empty();
      const bool changing = under_way || file.changed >= span.from || file.unknown;
      const auto fits = [&](const std::string& bytes) { return bytes.size() == size; };
      const bool fitting =
          file.unknown || std::ranges::any_of(changing ? file.ever : file.contents, fits);
      if (fitting && (file.link || !link)) return;
    }
  } else if (error != 0 || !matching.empty()) {
    return told(node, path, span, matching);
  }
  if (directory && holds_below(node, path, span)) return;
  if (was_moved(node, path, span)) return;
  fail("stat", node, path, span,
       directory ? "stat: a directory"
                 : fmt::format("stat: a {} of {} bytes", link ? "link" : "file", size));
}

void Oracle::open_done(int node, const std::string& path, Span span, int error,
                       const OpenFilePtr& file, int flags, const std::string& path_now) {
  check_error(node, path, span, error, "open");
  if (error != 0 || file->directory) return;
  OpenInfo& info = open_[file.get()];
  info.node = node;
  info.span = span;
  // Of a folder whose name the kernel has dropped it knows the path no more, only its end.
  const bool renamed = std::ranges::count(renamed_since(node, path, span.from), path_now) > 0;
  const bool moved = path_now != path && (renamed || !path.ends_with("/" + path_now));
  const std::string& present = moved ? path_now : path;
  info.paths = {path, present};
  if (moved || info.paths.size() == 1) info.present = present;
  if (path_now != path && !moved) {
    for (const std::string& name : renamed_since(node, path, span.from)) info.paths.insert(name);
    // A folder above it was renamed while it was being opened.
    if (info.paths.size() > 1) info.present.clear();
  }
  info.named_since = named_since(node, present, span);
  if (crashed_.contains(node) && !file->created) take_promised(node, present, file->node->id);
  if (!file->writes() && (flags & O_TRUNC) == 0) {
    const auto local = locals_.find({node, file->node->id});
    if (local != locals_.end()) info.local = local->second;
    return;
  }
  writers_[{node, path}] = forever;
  writers_[{node, present}] = forever;
  // What was removed or replaced meanwhile may be this file, or have been before it: from now on
  // either may be told of the name.
  if (const auto other = busy_.find({node, present});
      other != busy_.end() && (other->second.now > 0 || other->second.last > span.from))
    other->second.last = forever;
  LocalFilePtr& local = locals_[{node, file->node->id}];
  const bool fresh = local == nullptr || local->writers == 0;
  if (fresh) {
    auto begun = std::make_shared<LocalFile>();
    begun->opened = span.from;
    for (const std::string& name : std::set<std::string>{path, present}) {
      for (const PathState& state : window(node, name, span, false)) {
        if (state.bytes != nullptr) begun->contents.insert(*state.bytes);
        if (state.kind == PathState::Kind::absent) begun->contents.insert("");
      }
    }
    // What was promised before a crash may have been stored by the same bytes as were there.
    if (const auto name = names_.find({node, path});
        begun->contents.empty() && name != names_.end() && name->second.file != nullptr)
      begun->contents = name->second.file->contents;
    if (file->created) begun->contents.insert("");
    begun->made_here = file->created;
    if (const auto before = names_.find({node, present}); file->created && before != names_.end())
      begun->replaced_opened = before->second.left_alone_since;
    // What was closed a moment ago.
    if (local != nullptr) begun->contents.insert(local->contents.begin(), local->contents.end());
    if (local != nullptr) begun->unknown = local->unknown;
    if (local != nullptr) begun->stored_behind_end = local->stored_behind_end;
    // An edit of what others have taken away since goes on.
    const bool described = local != nullptr && owes_attributes(node, path, *local);
    if (described) {
      begun->described = local->described;
      begun->described_at = local->described_at;
    }
    if (local != nullptr && (local->unsaved || described || owed(node, path))) {
      begun->opened = local->opened;
      begun->made_here = begun->made_here || local->made_here;
    }
    if (local != nullptr) begun->beside = local->beside;
    begun->ever = begun->contents;
    local = begun;
  }
  ++local->writers;
  info.local = local;
  const bool created = file->created;
  if ((flags & O_TRUNC) != 0) {
    local->contents = {""};
    local->ever.insert("");
    local->changed = world_.now();
    local->unknown = local->stored_behind_end = false;
    may_be_stored(*local);
  }
  if (created) local->changed = world_.now();
  if (file->node->deleted) {
    // It was found under its name, and that was taken away before the open came to the node.
    local->deleted = info.nameless = true;
  } else if ((flags & O_TRUNC) != 0 || created) {
    set_local(node, present, {PathState::Kind::file, local, span.from});
    commit_points_[node].insert("");
  }
}

PendingChange Oracle::write_begins(const OpenFile& file, bool append, uint64_t at,
                                   const std::string& bytes) {
  const auto info = open_.find(&file);
  if (info == open_.end() || info->second.local == nullptr || !file.writes()) return std::nullopt;
  std::list<PendingWrite>& pending = info->second.local->pending;
  pending.push_back({.append = append, .at = at, .bytes = bytes});
  may_be_stored(*info->second.local);
  return std::prev(pending.end());
}

PendingChange Oracle::truncate_begins(const OpenFile& file, uint64_t size) {
  const auto info = open_.find(&file);
  if (info == open_.end() || info->second.local == nullptr) return std::nullopt;
  LocalFile& local = *info->second.local;
  local.pending.push_back({.truncates = true, .at = size});
  may_be_stored(local);
  return std::prev(local.pending.end());
}

void Oracle::write_done(int node, const OpenFile& file, PendingChange change, Span span, int error,
                        uint64_t at, const std::string& bytes) {
  const auto found = open_.find(&file);
  if (found == open_.end() || found->second.local == nullptr || !change) return;
  LocalFile& local = *found->second.local;
  const bool append = (*change)->append;
  const auto beside = std::move((*change)->beside);
  local.pending.erase(*change);
  for (PendingWrite& other : local.pending) other.beside.emplace_back(at, bytes);
  local.changed = world_.now();
  const std::string path = *found->second.paths.begin();
  if (error != 0) {
    if (error == ESTALE || error == EINTR) {
      local.unknown = true;
      return;
    }
    check_error(node, path, span, error, "write");
    local.unknown = true;
    return;
  }
  std::set<std::string> after;
  for (std::string content : local.contents) {
    // Where others of this node have truncated the file the kernel does not know its end.
    if (append && content.size() != at) {
      after.insert(content + bytes);
      if (content.size() < at) continue;
    }
    write_into(content, at, bytes);
    after.insert(content);
    // Of two that were under way at once either may have been the last.
    for (const auto& [where, what] : beside) write_into(content, where, what);
    after.insert(std::move(content));
  }
  local.contents = std::move(after);
  local.ever.insert(local.contents.begin(), local.contents.end());
  if (local.ever.size() > most_contents) local.ever = local.contents;
  if (local.contents.size() > most_contents) local.unknown = true;
  may_be_stored(local);
  changed_here(node, found->second, span);
}

/// A page is written in place, whatever flags its handle has.
Callback<void(int)> Oracle::page_written(int node, const OpenFile& file, uint64_t at,
                                         std::string bytes) {
  const Nanos began = world_.now();
  const PendingChange change = write_begins(file, false, at, bytes);
  return [this, node, &file, at, began, change, bytes = std::move(bytes)](int error) {
    write_done(node, file, change, {began, world_.now()}, error, at, bytes);
  };
}

void Oracle::stored_in_memory(const OpenFile& file, bool behind_end) {
  const auto found = open_.find(&file);
  if (found == open_.end() || found->second.local == nullptr) return;
  found->second.local->changed = world_.now();
  found->second.local->stored_behind_end |= behind_end;
}

/// The name has what this node has written.
void Oracle::changed_here(int node, const OpenInfo& info, Span span) {
  if (info.local->deleted) return;
  for (const std::string& name : info.paths) {
    const auto known = names_.find({node, name});
    if (known != names_.end() && known->second.file == info.local) return;
  }
  if (!info.present.empty())
    set_local(node, info.present, {PathState::Kind::file, info.local, span.from});
}

void Oracle::truncate_done(int node, const OpenFile& file, PendingChange change, Span span,
                           int error, uint64_t size) {
  const auto found = open_.find(&file);
  if (found == open_.end() || found->second.local == nullptr || !change) return;
  LocalFile& local = *found->second.local;
  local.pending.erase(*change);
  local.changed = world_.now();
  if (error != 0) {
    local.unknown = true;
    if (error != ESTALE) check_error(node, *found->second.paths.begin(), span, error, "truncate");
    return;
  }
  std::set<std::string> after;
  for (std::string content : local.contents) {
    content.resize(size, '\0');
    after.insert(std::move(content));
  }
  local.contents = std::move(after);
  local.ever.insert(local.contents.begin(), local.contents.end());
  may_be_stored(local);
  changed_here(node, found->second, span);
}

void Oracle::read_done(int node, const OpenFile& file, Span span, int error, uint64_t offset,
                       size_t size, const std::string& bytes) {
  const auto found = open_.find(&file);
  if (found == open_.end() || error == EBADF || error == EINTR) return;
  OpenInfo& info = found->second;
  const std::string path = *info.paths.begin();
  const Span since{info.span.from, span.to};
  // Here somebody truncates the file, or makes it anew.
  if (error == 0 && busy(node, path, span)) return;
  LocalFilePtr local = local_of(node, file);
  if (error != 0) {
    // What is written here of a version that others have replaced cannot be read either.
    Nanos version_of = info.span.from;
    if (local != nullptr) version_of = std::min(version_of, local->opened);
    // While attributes are set the file is what it was when that was asked for.
    for (const std::string& name : info.paths)
      version_of = std::min(version_of, believed_since(node, name, info.span.from));
    if (error == ESTALE || error == ENOENT) {
      for (const std::string& name : info.paths) {
        // A rename that a crash interrupted has put another object there, too.
        if (stored_beside(node, name, version_of) != forever) return;
        // What was opened is what the folder was believed to have when it got this name.
        if (was_moved(node, name, {version_of, span.to})) return;
        for (std::string at = name; !at.empty(); at = parent_of(at)) {
          if (changed_by_others(node, at, version_of - options_.bound, span.to)) return;
        }
      }
      fail("ESTALE to a reader", node, path, since,
           fmt::format("read: {}, and nobody but this node has changed the file",
                       strerrorname_np(error)));
    }
    fail("unexpected error", node, path, since, fmt::format("read: {}", strerrorname_np(error)));
  }
  if (local != nullptr) {
    const bool under_way = !local->pending.empty();
    if (local->unknown || local->stored_behind_end) return;
    if (under_way || local->changed >= span.from) return;
    for (const std::string& content : local->contents) {
      if (piece(content, offset, size) == bytes) return;
    }
    const bool only = local->writers > 0 && local->changed != 0;
    if (only && !changed_by_others(node, path, local->opened - options_.bound, span.to))
      fail("read of a changed file", node, path, since,
           fmt::format("read {}+{}: {}, not what this node has written ({})", offset, size,
                       shown(bytes), shown(*local->contents.begin())));
  }
  std::set<uint64_t> matching;
  for (const std::string& name : info.paths) {
    for (const PathState& state : moved_here(node, name, since)) {
      if (state.bytes != nullptr && piece(*state.bytes, offset, size) == bytes)
        matching.insert(state.version);
    }
    for (const PathState& state : window(node, name, since, false)) {
      if (state.bytes != nullptr && piece(*state.bytes, offset, size) == bytes)
        matching.insert(state.version);
    }
    // What this node itself replaced was the newest when the file was opened.
    if (const auto states = history_.find(name); states != history_.end()) {
      for (const PathState& state : states->second) {
        if (state.bytes != nullptr && state.from <= span.to &&
            state.to + options_.bound >= info.named_since &&
            piece(*state.bytes, offset, size) == bytes)
          matching.insert(state.version);
      }
    }
  }
  if (matching.empty() && local != nullptr) {
    // Earlier contents of this node, which an open handle may go on with.
    for (const std::string& content : local->ever) {
      if (piece(content, offset, size) == bytes) return;
    }
  }
  if (matching.empty())
    fail("read", node, path, since,
         fmt::format("read {}+{}: {}: that is no version of it", offset, size, shown(bytes)));
  if (local != nullptr) return;
  check_asked(info, matching, since);
  if (info.versions) {
    std::set<uint64_t> both;
    std::ranges::set_intersection(*info.versions, matching, std::inserter(both, both.end()));
    if (both.empty())
      fail("two versions", node, path, since,
           fmt::format("read {}+{}: {}: another version than this handle read before", offset, size,
                       shown(bytes)));
    matching = std::move(both);
  }
  info.versions = std::move(matching);
}

/// With close-to-open, what an open finds was the newest at a moment since it began.
void Oracle::check_asked(const OpenInfo& info, const std::set<uint64_t>& versions,
                         Span since) const {
  if (!options_.asks_at_open) return;
  for (const std::string& name : info.paths) {
    // What a folder had is believed under its new name.
    if (was_moved(info.node, name, since)) return;
    const auto states = history_.find(name);
    if (states == history_.end()) continue;
    for (const PathState& state : states->second) {
      if (!versions.contains(state.version)) continue;
      if (state.to >= info.span.from) return;
      if (replaced_by_a_call(info.node, name, state, info.span.from)) return;
    }
  }
  fail("an old version", info.node, *info.paths.begin(), since,
       "a version was read that had been replaced before the file was opened");
}

bool Oracle::replaced_by_a_call(int node, const std::string& name, const PathState& state,
                                Nanos then) const {
  const auto moves = moves_.find(node);
  return moves != moves_.end() && std::ranges::any_of(moves->second, [&](const Rename& move) {
           return move.to == name && move.began <= state.to && then <= move.ended;
         });
}

PendingCommit Oracle::commit_begins(int node, const OpenFile& file) {
  const LocalFilePtr local = local_of(node, file);
  if (local == nullptr) return {};
  local->asked = world_.now();
  commit_points_[node].insert(local->contents.begin(), local->contents.end());
  local->commits.push_back(local->contents);
  may_be_stored(*local);
  return {local, local->changed != 0, std::prev(local->commits.end())};
}

/// All that the commit may have stored.
std::set<std::string> Oracle::commit_ends(int node, const PendingCommit& commit) {
  if (commit.file == nullptr) return {};
  LocalFile& local = *commit.file;
  commit_points_[node].insert(local.contents.begin(), local.contents.end());
  std::set<std::string> contents = std::move(*commit.contents);
  // With write-back they are stored later.
  commit_points_[node].insert(contents.begin(), contents.end());
  local.commits.erase(commit.contents);
  return contents;
}

void Oracle::commit_done(int node, const OpenFile& file, const PendingCommit& commit, Span span,
                         int error, const char* what) {
  const std::set<std::string> contents = commit_ends(node, commit);
  // The close of a reader stores nothing, and is no answer to who wrote.
  if (const LocalFilePtr local = local_of(node, file); local != nullptr && file.writes())
    local->unsaved = error != 0;
  const auto found = open_.find(&file);
  if (found == open_.end() || found->second.local == nullptr) return;
  const OpenInfo& info = found->second;
  const LocalFile& local = *info.local;
  const std::string path = info.present.empty() ? *info.paths.begin() : info.present;
  if (error == ESTALE) return lost_to_others(node, info);
  if (error != 0) return check_error(node, path, span, error, what);
  if (!file.writes() || local.unknown || !commit.changed || local.deleted) return;
  if (options_.write_back) return promised(node, info, contents);
  for (const std::string& name : info.paths) {
    // Its folder may be getting another name.
    for (std::string at = name; !at.empty(); at = parent_of(at)) {
      const auto other = busy_.find({node, at});
      if (other != busy_.end() && (other->second.now > 0 || other->second.last > local.opened + 1))
        return;
    }
    // Nothing may have changed after all; and what was stored others may have taken away since.
    if (stood(name, {local.opened, span.to}, contents)) return;
  }
  fail("lost", node, path, {local.opened, span.to},
       fmt::format("{} succeeded, and {} was never in the bucket", what,
                   contents.empty() ? "nothing" : shown(*contents.begin())));
}

/// The store has what others have put in place of what was opened: from now on either may be told,
/// what is here or that, though a program has changed the file after it.
void Oracle::lost_to_others(int node, const OpenInfo& info) {
  for (const std::string& path : info.paths) {
    const auto name = names_.find({node, path});
    if (name == names_.end() || name->second.file != info.local) continue;
    name->second.since = std::min(name->second.since, info.local->opened - options_.bound);
  }
}

void Oracle::promised(int node, const OpenInfo& info, std::set<std::string> contents) {
  contents.insert(info.local->contents.begin(), info.local->contents.end());
  for (const std::string& path : info.paths) {
    const auto name = names_.find({node, path});
    if (name != names_.end() && name->second.file == info.local)
      promises_[{node, path}] = {contents, world_.now(), info.local->opened};
  }
}

void Oracle::attributes_set(int node, const PendingCommit& commit) {
  (void)commit_ends(node, commit);
}

void Oracle::closed(int node, const OpenFile& file) {
  const auto found = open_.find(&file);
  if (found == open_.end()) return;
  if (found->second.local != nullptr && file.writes()) {
    const LocalFile& local = *found->second.local;
    commit_points_[node].insert(local.contents.begin(), local.contents.end());
    --found->second.local->writers;
    for (const std::string& path : found->second.paths) held_until_now(node, path);
    if (!options_.write_back) {
      for (const std::string& path : found->second.paths)
        writers_[{node, path}] = world_.now() + 600 * second;
    }
  }
  open_.erase(found);
}

}  // namespace penstock::sim
