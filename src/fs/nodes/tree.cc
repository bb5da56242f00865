// SPDX-License-Identifier: Apache-2.0
#include "fs/nodes/tree.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/wall_clock.h"
#include "fs/names/content_types.h"
#include "fs/names/lock_name.h"
#include "fs/names/own_names.h"
#include "fs/nodes/inode_record.h"

namespace penstock {
namespace {

/// More remembered absences than this in one directory, and the oldest knowledge is dropped
/// wholesale.
constexpr size_t max_absent = 10'000;

/// An answer's time may be this much earlier than that of the object which it confirms.
constexpr int64_t longest_answer_s = 2;

/// How old what was last modified then is by now; absent where that is not known.
std::optional<std::chrono::nanoseconds> age_now(int64_t last_modified_ns) {
  if (last_modified_ns == 0) return std::nullopt;
  return std::chrono::nanoseconds(std::max<int64_t>(0, wall_clock_ns() - last_modified_ns));
}

/// Somebody may wait for a lock file to go, by trying to make it: what is known of it is old at
/// once.
bool never_believed(const Inode& inode) {
  return inode.type == FileType::file && lock_name(inode.name);
}

}  // namespace

Tree::Tree(std::string prefix, const MountOptions& mount, const MetadataOptions& metadata,
           KeyNames the_keys, const Scheduler& scheduler, KernelView& kernel)
    : keys(the_keys),
      freshness(metadata),
      prefix_(std::move(prefix)),
      mount_(mount),
      storage_classes_(StorageClasses::parse(mount.storage_class).value()),
      metadata_(metadata),
      scheduler_(scheduler),
      kernel_(kernel),
      mounted_at_ns_(wall_clock_ns()) {
  const MutexLock lock(mutex);
  crowded_at_ = metadata_.memory;
  root_ = make(FileType::directory);
  root_->binding = Binding::root;
  root_->references = 1;
}

Tree::~Tree() {
  // Children own their parents and parents their children: the circle is opened here.
  const MutexLock lock(mutex);
  for (auto& [id, inode] : inodes_) {
    if (inode->directory) inode->directory->children.clear();
    inode->parent.reset();
  }
}

InodePtr Tree::make(FileType type, InodeId id) {
  fold_oldest();
  recent_.push_back(id);
  auto inode = std::make_shared<Inode>(id, type);
  inode->mtime_ns = inode->ctime_ns = mounted_at_ns_;
  if (type == FileType::directory) {
    inode->directory->use = by_use_.insert(by_use_.end(), inode.get());
    inode->directory->children.count_into(names_, record_bytes_);
  }
  inodes_.emplace(inode->id, inode);
  check_bound();
  return inode;
}

std::string Tree::path_of(const Inode& inode) const {
  std::vector<const Inode*> chain;
  const Inode* at = &inode;
  for (; at->named(); at = at->parent.get()) chain.push_back(at);
  if (at != root_.get()) chain.push_back(at);
  std::string path;
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    if (!path.empty()) path += '/';
    path += (*it)->name;
  }
  return path;
}

Error Tree::gone(const Inode& inode) {
  if (inode.deleted() && inode.type == FileType::directory)
    return Error(Code::not_found, "the directory was removed");
  return Error(Code::changed, fmt::format("'{}' was removed or replaced meanwhile", inode.name));
}

Result<std::string> Tree::key_of(const Inode& inode) const {
  if (!inode.kept_key.empty()) return inode.kept_key;
  std::vector<const Inode*> chain;
  const Inode* at = &inode;
  for (; at->named(); at = at->parent.get()) chain.push_back(at);
  if (at->binding != Binding::root) return gone(*at);
  std::string key = prefix_;
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    key += keys.component_of((*it)->name);
    if ((*it)->type == FileType::directory) key += '/';
  }
  return key;
}

Result<std::string> Tree::name_key(const Inode& inode) const {
  if (!inode.named()) return gone(inode);
  return child_key(*inode.parent, inode.name, inode.type);
}

Result<std::string> Tree::child_key(const Inode& directory, std::string_view name,
                                    FileType type) const {
  Result<std::string> key = key_of(directory);
  if (!key) return key;
  *key += keys.component_of(name);
  if (type == FileType::directory) *key += '/';
  return key;
}

Result<void> Tree::check_name(const Inode& directory, std::string_view name, FileType type,
                              uint32_t max_key_bytes) const {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos) {
    return Error(Code::invalid_argument, fmt::format("'{}' cannot be a file name", name));
  }
  // The names of components that are no names: such keys are shown, never made.
  const std::string component = keys.component_of(name);
  if (component.empty() || component == "." || component == "..")
    return Error(Code::invalid_argument, "this name stands for a key's component that is none");
  if (is_own(directory, name))
    return Error(Code::access_denied, fmt::format("'{}' here is kept for Penstock itself", name));
  if (name.size() > max_name_bytes)
    return Error(Code::name_too_long, "a name has at most 255 bytes");
  const Result<std::string> key = child_key(directory, name, type);
  if (!key) return key.error();
  if (key->size() > max_key_bytes) {
    return Error(
        Code::name_too_long,
        fmt::format("the object's key, path included, would pass {} bytes", max_key_bytes));
  }
  return {};
}

bool Tree::is_own(const Inode& directory, std::string_view name) const {
  return &directory == root_.get() && name == own_name;
}

InodePtr Tree::add_child(const InodePtr& directory, const std::string& name, FileType type) {
  InodePtr inode = make(type);
  NameTable& names = directory->directory->children;
  if (const NameTable::Slot old = names.find(name)) inode->unseen = references_of(old) > 0;
  displace(*directory, name, Binding::vanished);
  inode->parent = directory;
  inode->name = name;
  told_own(*inode, scheduler_.now());
  names.insert(*inode);
  directory->directory->returned(name);
  directory->directory->absent.erase(name);
  directory->directory->taken.erase(name);
  return inode;
}

StoredAttributes Tree::initial_attributes(const Inode& directory, std::string_view name,
                                          FileType type, uint32_t mode,
                                          const Caller& caller) const {
  StoredAttributes stored;
  if (type == FileType::file) set_headers(stored, directory, name);
  const Attributes above = attributes(directory);
  const bool passes_group = (above.mode & S_ISGID) != 0;
  const bool is_directory = type == FileType::directory;
  if (passes_group && is_directory) mode |= S_ISGID;
  const uint32_t gid = passes_group ? above.gid : caller.gid;
  if (mode != (is_directory ? mount_.dir_mode : mount_.file_mode)) stored.mode = mode;
  if (caller.uid != mount_.uid) stored.uid = caller.uid;
  if (gid != mount_.gid) stored.gid = gid;
  if (!is_directory && type != FileType::file) {
    stored.type = type;
    stored.mode = mode;
  }
  return stored;
}

void Tree::set_headers(StoredAttributes& stored, const Inode& directory,
                       std::string_view name) const {
  if (stored.type) return;  // no regular file
  if (mount_.content_type == MountOptions::ContentType::automatic)
    add_content_type(stored.other, name);
  if (storage_classes_.empty()) return;
  std::string path = path_of(directory);
  if (!path.empty()) path += '/';
  storage_classes_.add_to(stored.other, path.append(name));
}

void Tree::detach(const InodePtr& inode, Binding how) {
  if (!inode->named()) return;
  if (how == Binding::vanished && inode->references > 0)
    kernel_.forget_entry(inode->parent->id, inode->name);
  NameTable& siblings = inode->parent->directory->children;
  if (siblings.find(inode->name).node() == inode.get()) {
    siblings.erase(inode->name);
    inode->parent->directory->left(inode->name);
  }
  inode->was_in = inode->parent->id;
  inode->parent.reset();
  inode->binding = how;
  if (inode->directory) {
    std::vector<std::string> held;
    inode->directory->children.each([&held](NameTable::Slot slot) {
      if (slot.node() != nullptr || references_of(slot) > 0) held.emplace_back(slot.name());
      return true;
    });
    for (const std::string& name : held) detach(child(*inode, name), Binding::vanished);
    inode->directory->children.clear();
  }
  drop_if_unused(inode);
}

void Tree::lose(const InodePtr& inode) {
  if (!inode->named()) return;
  const InodePtr directory = inode->parent;
  const std::string name = inode->name;
  // Of which nothing is known but that there may be something: who looks it up asks the store.
  add_child(directory, name, inode->type)->told = {};
}

bool Tree::changing(const Inode& inode) {
  if (inode.local_only || inode.claims.leaving() || inode.commits_running > 0) return true;
  if (!inode.kept_key.empty()) return true;
  if (inode.directory != nullptr) return inode.claims.in_use();
  const FileWriter* writer = inode.writer().get();
  return writer != nullptr && (inode.claims.in_use() || writer->dirty() || writer->pending());
}

bool Tree::keeps(const Inode& inode) const {
  return changing(inode) || (inode.directory != nullptr && keeps_below(inode));
}

bool Tree::keeps_below(const Inode& directory) const {
  const NameTable& children = directory.directory->children;
  if (children.nodes() == 0) return false;
  return !children.each([this](NameTable::Slot slot) REQUIRES(mutex) {
    return slot.node() == nullptr || !keeps(static_cast<const Inode&>(*slot.node()));
  });
}

void Tree::move(const InodePtr& inode, const InodePtr& directory, const std::string& name) {
  if (directory->directory->children.find(name).node() != inode.get())
    displace(*directory, name, Binding::deleted);
  inode->parent->directory->children.erase(inode->name);
  inode->parent->directory->left(inode->name);
  inode->parent = directory;
  inode->name = name;
  directory->directory->children.insert(*inode);
  directory->directory->returned(name);
  directory->directory->absent.erase(name);
}

void Tree::exchange(const InodePtr& one, const InodePtr& other) {
  for (const InodePtr& each : {one, other}) {
    names_changed(*each->parent);
    each->ctime_ns = wall_clock_ns();
    each->parent->directory->children.erase(each->name);
  }
  std::swap(one->parent, other->parent);
  std::swap(one->name, other->name);
  for (const InodePtr& each : {one, other}) each->parent->directory->children.insert(*each);
}

InodePtr Tree::learn_file(const InodePtr& directory, const std::string& name,
                          const ObjectInfo& info, Scheduler::Time asked) {
  InodePtr inode = child(*directory, name);
  const bool other_type = inode != nullptr && inode->type != FileType::file;
  // A directory below which something is written here hides the file.
  if (other_type && keeps(*inode)) return inode;
  if (inode == nullptr || other_type) inode = add_child(directory, name, FileType::file);
  learn_object(inode, info, asked);
  return child(*directory, name);
}

InodePtr Tree::restore(RestoredFile file) {
  InodePtr directory = root_;
  std::string_view path = std::string_view(file.key).substr(prefix_.size());
  for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
    const auto name = keys.name_of(path.substr(0, slash));
    if (!name) return nullptr;
    directory = learn_directory(directory, *name, scheduler_.now());
    if (directory->type != FileType::directory) return nullptr;
    path.remove_prefix(slash + 1);
  }
  const auto name = keys.name_of(path);
  if (path.empty() || !name || directory->directory->children.contains(*name)) return nullptr;
  InodePtr inode = add_child(directory, *name, FileType::file);
  inode->stored = parse_attributes(file.metadata);
  inode->stored_known = true;
  inode->mtime_ns = inode->stored.mtime_ns.value_or(file.since_ns);
  inode->ctime_ns = file.since_ns;
  inode->local_only = !file.in_store;
  inode->etag = std::move(file.etag);
  inode->size = file.writer->size();
  (void)inode->set_writer(std::move(file.writer));
  note_writer(inode);
  return inode;
}

InodePtr Tree::learn_directory(const InodePtr& directory, const std::string& name,
                               Scheduler::Time asked) {
  InodePtr inode = child(*directory, name);
  // A file that is being written here keeps its name until it is done with.
  if (inode != nullptr && inode->type == FileType::file && keeps(*inode)) return inode;
  if (inode == nullptr || inode->type != FileType::directory)
    inode = add_child(directory, name, FileType::directory);
  if (inode->directory != nullptr) told_directory(*inode, asked);
  return inode;
}

void Tree::learn_object(const InodePtr& inode, const ObjectInfo& info, Scheduler::Time asked) {
  const bool other = inode->etag != info.etag || inode->size != info.size;
  // While only attributes are stored the store may have their object already: the same contents.
  if (other && inode->saving_attributes && inode->size == info.size) {
    inode->etag = info.etag;
    inode->reader.reset();
    inode->stored_known = true;
    return;
  }
  // What is being written here is newer than anything the store tells; its commit will meet the
  // difference. A name that is about to go has what it had until that is settled.
  if (other && changing(*inode)) return;
  // Nothing is known yet of what was just found.
  const bool known = !inode->etag.empty() || inode->size > 0 || inode->modified_s != 0;
  const bool held = inode->references > 0 || inode->handles > 0 || inode->writer() != nullptr;
  if (other && known && held && inode->type == FileType::file) {
    if (!inode->named()) return;
    const InodePtr directory = inode->parent;
    const std::string name = inode->name;
    return learn_object(add_child(directory, name, FileType::file), info, asked);
  }
  told(*inode, info.last_modified_ns, asked);
  inode->archive = archive_of(info);
  if (other) {
    inode->etag = info.etag;
    inode->size = info.size;
    inode->reader.reset();
    inode->stored = {};
    inode->stored_known = false;
    inode->stored_dirty = false;  // it was a change of what has gone
    inode->link_target.clear();
    inode->mtime_ns = inode->ctime_ns = info.last_modified_ns;
  }
  if (inode->writer() != nullptr && inode->writer()->dirty()) return;
  compare_modified(*inode, info.last_modified_ns);
  // What is stored soon is newer than the metadata that the object has.
  if (inode->commits_running > 0 || inode->stored_dirty) {
    inode->stored_known = true;
  } else if (info.metadata) {
    learn_metadata(inode, info, asked);
  } else if (!inode->stored_known && inode->type == FileType::file) {
    inode->mtime_ns = info.last_modified_ns;
  }
}

void Tree::modified_here(Inode& inode, int64_t answered_ns) {
  inode.modified_s = answered_ns / ns_per_second;
  inode.modified_told = false;
}

void Tree::compare_modified(Inode& inode, int64_t last_modified_ns) {
  const int64_t modified_s = last_modified_ns / ns_per_second;
  const bool changing = inode.commits_running > 0 || inode.stored_dirty ||
                        (inode.directory != nullptr && inode.directory->marker_writing);
  if (changing || modified_s == 0) return;
  const int64_t known_s = std::exchange(inode.modified_s, modified_s);
  const bool was_told = std::exchange(inode.modified_told, true);
  if (known_s == 0 || (was_told ? modified_s == known_s : modified_s <= known_s + longest_answer_s))
    return;
  inode.stored_known = false;
  inode.ctime_ns = last_modified_ns;
}

void Tree::learn_metadata(const InodePtr& inode, const ObjectInfo& info, Scheduler::Time asked) {
  StoredAttributes stored = parse_attributes(*info.metadata);
  if (inode->shown_as && inode->named() && inode->type == FileType::file &&
      *inode->shown_as != stored.type.value_or(inode->type)) {
    // A kernel that sees an inode change its type gives it up: the name gets another one.
    const InodePtr directory = inode->parent;
    const std::string name = inode->name;
    return learn_object(add_child(directory, name, FileType::file), info, asked);
  }
  inode->stored = std::move(stored);
  inode->stored_known = true;
  if (inode->type == FileType::file || inode->stored.mtime_ns)
    inode->mtime_ns = inode->stored.mtime_ns.value_or(info.last_modified_ns);
  if (inode->directory != nullptr && inode->stored.children_carry)
    inode->directory->carried = DirectoryState::Carried::some;
  note_carried(*inode);
}

void Tree::names_changed(Inode& directory) {
  directory.mtime_ns = directory.ctime_ns = wall_clock_ns();
  directory.stored.mtime_ns.reset();
}

void Tree::note_carried(const Inode& inode) {
  if (inode.named() && inode.stored.any())
    inode.parent->directory->carried = DirectoryState::Carried::some;
}

void Tree::note_change(Inode& directory, const std::string& name) {
  const Inode* changed_in = &directory;
  const std::string* changed = &name;
  while (true) {
    DirectoryState& state = *changed_in->directory;
    ++state.change_count;
    if (state.listing != nullptr || state.partial_listings > 0)
      state.changed[*changed] = state.change_count;
    if (!changed_in->named() || changed_in->parent == nullptr) return;
    changed = &changed_in->name;
    changed_in = changed_in->parent.get();
  }
}

void Tree::note_absent(Inode& directory, const std::string& name, Scheduler::Time asked) {
  auto& absent = directory.directory->absent;
  if (absent.size() >= max_absent) absent.clear();
  absent[name] = asked;
  directory.directory->taken.erase(name);
  directory.directory->left(name, asked);
}

void Tree::note_taken(Inode& directory, const std::string& name) {
  DirectoryState& state = *directory.directory;
  state.absent.erase(name);
  if (!state.children.contains(name)) {
    if (state.taken.size() >= max_absent) state.taken.clear();
    state.taken.insert(name);
    // No listing that began before has it.
    state.doubt_absences();
  }
  kernel_.forget_entry(directory.id, name);
}

bool Tree::taken(const Inode& directory, const std::string& name) {
  return directory.directory->taken.contains(name);
}

Told Tree::told_of(int64_t last_modified_ns, Scheduler::Time asked) const {
  // The answer may have been long on its way, and the object changed meanwhile.
  const Scheduler::Time now = scheduler_.now();
  const std::chrono::nanoseconds lasts = freshness.of_age(age_now(last_modified_ns));
  return {now, std::max(lasts - (now - asked), std::chrono::nanoseconds(0))};
}

void Tree::told(Inode& inode, int64_t last_modified_ns, Scheduler::Time asked) {
  inode.told = told_of(last_modified_ns, asked);
}

void Tree::told_directory(Inode& directory, Scheduler::Time asked) {
  // A directory with a marker is as old as that: another mount may change the directory's mode or
  // owner there while nothing below it changes.
  const DirectoryState& state = *directory.directory;
  told(directory, state.has_marker ? directory.modified_s * ns_per_second : state.oldest_ns, asked);
}

void Tree::told_own(Inode& inode, Scheduler::Time sent) {
  // Others may have changed it since the store did it, long before the answer was here.
  const Scheduler::Time now = scheduler_.now();
  inode.told = {now, std::max(freshness.of_own() - (now - sent), std::chrono::nanoseconds(0))};
}

void Tree::told_listing(Inode& directory, Scheduler::Time began, int64_t newest_ns) {
  DirectoryState& state = *directory.directory;
  state.complete = true;
  state.own = false;
  state.listed = told_at(began, newest_ns);
}

Told Tree::told_at(Scheduler::Time began, int64_t newest_ns) const {
  return {began, freshness.of_age(age_now(newest_ns))};
}

bool Tree::fresh(const Inode& inode) const {
  if (inode.vanished()) return false;
  if (!inode.named() || changing(inode)) return true;
  return inode.told.holds(scheduler_.now()) && !never_believed(inode);
}

std::chrono::milliseconds Tree::left(const Inode& inode) const {
  if (inode.vanished() || inode.claims.leaving() || never_believed(inode))
    return std::chrono::milliseconds(0);
  if (inode.told.holds(scheduler_.now())) return inode.told.left(scheduler_.now());
  return fresh(inode) ? freshness.of_own() : std::chrono::milliseconds(0);
}

bool Tree::listing_fresh(const Inode& directory) const {
  const DirectoryState& state = *directory.directory;
  return state.complete && state.listed.holds(scheduler_.now());
}

std::optional<Scheduler::Time> Tree::absent_since(const Inode& directory,
                                                  const std::string& name) const {
  const DirectoryState& state = *directory.directory;
  const auto known = state.absent.find(name);
  if (known != state.absent.end()) return known->second;
  if (state.complete) return state.listed.at;
  return std::nullopt;
}

bool Tree::listing_denies(const Inode& directory, const std::string& name,
                          Scheduler::Time since) const {
  const DirectoryState& state = *directory.directory;
  if (taken(directory, name)) return false;
  const auto told_at = [&](Scheduler::Time at, std::chrono::milliseconds lasts) {
    return at >= since || scheduler_.now() - at < lasts;
  };
  const auto whole = state.own ? freshness.own_directory() : freshness.absence();
  if (state.complete && told_at(state.listed.at, whole)) return true;
  const std::string component = keys.component_of(name);
  const bool on_page =
      component > state.page.from && (state.page.to.empty() || component + '/' < state.page.to);
  if (on_page && told_at(state.page.asked, freshness.absence())) return true;
  const auto known = state.absent.find(name);
  return known != state.absent.end() && told_at(known->second, freshness.absence());
}

Attributes Tree::attributes(const Inode& inode) const {
  const bool directory = inode.type == FileType::directory;
  Attributes result;
  result.inode = inode.id;
  result.number = inode.number;
  result.type = inode.stored.type.value_or(inode.type);
  result.size = inode.writer() != nullptr ? inode.writer()->size() : inode.size;
  if (inode.stored.target) result.size = inode.stored.target->size();
  result.mode = inode.stored.mode.value_or(directory ? mount_.dir_mode : mount_.file_mode);
  result.uid = inode.stored.uid.value_or(mount_.uid);
  result.gid = inode.stored.gid.value_or(mount_.gid);
  const bool has_place = inode.named() || inode.binding == Binding::root;
  result.links = has_place ? 1 : 0;
  // A directory's own, "." and the ".." of each below, where it was listed; else 1, which programs
  // take for "unknown" as Btrfs has it too.
  if (directory && has_place && inode.directory->complete)
    result.links = 2 + inode.directory->children.subdirectories();
  result.device = inode.stored.device.value_or(0);
  result.mtime_ns = inode.mtime_ns;
  result.ctime_ns = inode.ctime_ns;
  result.atime_ns = inode.stored.atime_ns.value_or(inode.mtime_ns);
  result.ttl = left(inode);
  return result;
}

Entry Tree::entry(const InodePtr& inode) {
  give_reference(*inode);
  return Entry{.attributes = show(*inode), .ttl = left(*inode)};
}

Attributes Tree::show(Inode& inode) const {
  Attributes result = attributes(inode);
  inode.shown_as = result.type;
  return result;
}

InodePtr Tree::forget(InodeId id, uint64_t count) {
  if (const auto held = held_.find(id); held != held_.end()) {
    NameRecord& record = *held->second.record;
    record.references -= static_cast<uint32_t>(std::min<uint64_t>(record.references, count));
    if (record.references > 0) return nullptr;
    record.shown_as.reset();
    record.pages_cached = false;
    held_.erase(held);
    return nullptr;
  }
  InodePtr inode = by_number(id);
  if (inode == nullptr || inode == root_) return inode;
  inode->references -= std::min(inode->references, count);
  if (inode->references == 0) {
    inode->shown_as.reset();
    inode->cached_pages.clear();
  }
  drop_if_unused(inode);
  fold(inode);
  return inode;
}

void Tree::drop_if_unused(const InodePtr& inode) {
  // The bytes of a vanished file that could not be stored are kept, for later tries.
  const bool owed = inode->vanished() && inode->writer() != nullptr && inode->writer()->dirty();
  const bool has_place = inode->named() || inode == root_;
  if (!has_place && !owed && inode->references == 0 && inode->handles == 0) erase(*inode);
}

}  // namespace penstock
