// SPDX-License-Identifier: Apache-2.0
#include "app/hints/hint_file.h"

#include <utility>

#include "fs/names/own_names.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view file_name = "prefetch";
/// Inodes of this file: no file system counts as far.
constexpr InodeId folder = 1ULL << 46;
constexpr InodeId file = folder + 1;
/// Its handles; others may be addresses.
constexpr HandleId first_handle = 1ULL << 63;
constexpr milliseconds believed{60'000};

bool own(InodeId inode) { return inode >= folder; }
bool own_handle(HandleId handle) { return handle >= first_handle; }
bool own_folder_in(InodeId parent, const std::string& name) {
  return parent == root_inode && name == own_name;
}
bool own_place(InodeId parent, const std::string& name) {
  return own(parent) || own_folder_in(parent, name);
}

Attributes attributes_of(InodeId inode) {
  constexpr uint32_t folder_mode = 0555;
  constexpr uint32_t file_mode = 0222;
  return {.inode = inode,
          .type = inode == folder ? FileType::directory : FileType::file,
          .mode = inode == folder ? folder_mode : file_mode,
          .ttl = believed};
}

Error refused() {
  return {Code::not_permitted, "it is not kept in the bucket, and cannot be changed"};
}

/// Looks one component of a name up after the other.
class VersionSearch : public std::enable_shared_from_this<VersionSearch> {
 public:
  VersionSearch(MountedFileSystem& files, std::string name,
                Callback<void(std::optional<ObjectVersion>)> answer)
      : files_(files), name_(std::move(name)), answer_(std::move(answer)) {}

  void step(InodeId at) {
    const size_t end = std::min(name_.find('/', begin_), name_.size());
    std::string component = name_.substr(begin_, end - begin_);
    begin_ = end + 1;
    files_.lookup(at, std::move(component),
                  [self = shared_from_this(), at](const Result<Entry>& entry) {
                    if (at != root_inode) self->files_.forget(at, 1);
                    entry ? self->found(entry->attributes.inode) : self->answer_(std::nullopt);
                  });
  }

 private:
  void found(InodeId inode) {
    if (begin_ < name_.size()) return step(inode);
    std::optional<ObjectVersion> version = files_.known_version(inode);
    files_.forget(inode, 1);
    answer_(std::move(version));
  }

  MountedFileSystem& files_;
  const std::string name_;
  size_t begin_ = 0;
  Callback<void(std::optional<ObjectVersion>)> answer_;
};

}  // namespace

OrderHints::FindVersion version_finder(MountedFileSystem& files) {
  return [&files](std::string name, Callback<void(std::optional<ObjectVersion>)> answer) {
    std::make_shared<VersionSearch>(files, std::move(name), std::move(answer))->step(root_inode);
  };
}

Result<void> HintFileSystem::take(HandleId handle, std::optional<std::string_view> bytes) {
  HintLines::Names names;
  OrderHints::ListId list = 0;
  {
    const MutexLock lock(mutex_);
    const auto found = lists_.find(handle);
    if (found == lists_.end()) return Error(Code::bad_handle);
    list = found->second.id;
    names = bytes ? found->second.lines.take(*bytes) : found->second.lines.rest();
  }
  if (names.too_long) return Error(Code::invalid_argument, "a name is longer than 4,096 bytes");
  return hints_.add(list, std::move(names.names), names.outside);
}

void HintFileSystem::lookup(InodeId parent, std::string name, Done<Entry> done) {
  const bool in_folder = parent == folder;
  if (!in_folder && !own_folder_in(parent, name))
    return inner().lookup(parent, std::move(name), std::move(done));
  if (in_folder && name != file_name) return done(Error(Code::not_found));
  done(Entry{.attributes = attributes_of(in_folder ? file : folder), .ttl = believed});
}
void HintFileSystem::forget(InodeId inode, uint64_t count) {
  if (!own(inode)) inner().forget(inode, count);
}
void HintFileSystem::name_unheard(InodeId parent, const std::string& name) {
  if (!own_place(parent, name)) inner().name_unheard(parent, name);
}
void HintFileSystem::sent_back(InodeId inode, uint64_t thread) {
  if (!own(inode)) inner().sent_back(inode, thread);
}
void HintFileSystem::found_nothing(InodeId parent, const std::string& name, uint64_t thread) {
  if (!own_place(parent, name)) inner().found_nothing(parent, name, thread);
}
void HintFileSystem::getattr(InodeId inode, Done<Attributes> done) {
  own(inode) ? done(attributes_of(inode)) : inner().getattr(inode, std::move(done));
}
// Opening it to be written anew changes its size, and nothing.
void HintFileSystem::setattr(InodeId inode, AttributeChange change, Done<Attributes> done) {
  if (!own(inode)) return inner().setattr(inode, change, std::move(done));
  change.size == 0 ? done(attributes_of(inode)) : done(refused());
}
void HintFileSystem::mkdir(InodeId parent, std::string name, uint32_t mode, Caller caller,
                           Done<Entry> done) {
  if (own(parent)) return done(refused());
  inner().mkdir(parent, std::move(name), mode, caller, std::move(done));
}
void HintFileSystem::make_node(InodeId parent, std::string name, NewNode node, Caller caller,
                               Done<Entry> done) {
  if (own(parent)) return done(refused());
  inner().make_node(parent, std::move(name), std::move(node), caller, std::move(done));
}
void HintFileSystem::link(InodeId inode, InodeId parent, std::string name, Done<Entry> done) {
  if (own(inode) || own(parent)) return done(refused());
  inner().link(inode, parent, std::move(name), std::move(done));
}
void HintFileSystem::rmdir(InodeId parent, std::string name, Done<void> done) {
  if (own_place(parent, name)) return done(refused());
  inner().rmdir(parent, std::move(name), std::move(done));
}
void HintFileSystem::unlink(InodeId parent, std::string name, Done<void> done) {
  if (own(parent)) return done(refused());
  inner().unlink(parent, std::move(name), std::move(done));
}
void HintFileSystem::rename(InodeId parent, std::string name, InodeId new_parent,
                            std::string new_name, bool no_replace, Done<void> done) {
  if (own_place(parent, name) || own_place(new_parent, new_name)) return done(refused());
  inner().rename(parent, std::move(name), new_parent, std::move(new_name), no_replace,
                 std::move(done));
}
void HintFileSystem::exchange(InodeId parent, std::string name, InodeId other_parent,
                              std::string other_name, Done<void> done) {
  if (own_place(parent, name) || own_place(other_parent, other_name)) return done(refused());
  inner().exchange(parent, std::move(name), other_parent, std::move(other_name), std::move(done));
}
void HintFileSystem::create(InodeId parent, std::string name, uint32_t mode, OpenFlags flags,
                            bool exclusive, Caller caller, Done<Created> done) {
  if (own(parent)) return done(refused());
  inner().create(parent, std::move(name), mode, flags, exclusive, caller, std::move(done));
}
void HintFileSystem::open(InodeId inode, OpenFlags flags, Done<Opened> done) {
  if (!own(inode)) return inner().open(inode, flags, std::move(done));
  const OrderHints::ListId id = hints_.begin();
  const HandleId handle = first_handle + id;
  {
    const MutexLock lock(mutex_);
    lists_.emplace(handle, List{.id = id, .lines = HintLines(mountpoint_)});
  }
  done(Opened{.handle = handle, .direct_io = true});
}
bool HintFileSystem::may_wait_long(HandleId handle) const {
  return !own_handle(handle) && ForwardingFileSystem::may_wait_long(handle);
}
void HintFileSystem::read(HandleId handle, ByteRange range, std::stop_token cancel,
                          Done<Slices> done) {
  own_handle(handle) ? done(Slices{})
                     : inner().read(handle, range, std::move(cancel), std::move(done));
}
void HintFileSystem::write(HandleId handle, WriteAt at, std::span<const std::byte> data,
                           Done<void> done) {
  if (!own_handle(handle)) return inner().write(handle, at, data, std::move(done));
  done(take(handle, std::string_view(reinterpret_cast<const char*>(data.data()), data.size())));
}
bool HintFileSystem::drop_set_ids(HandleId handle, bool all) {
  return !own_handle(handle) && inner().drop_set_ids(handle, all);
}
void HintFileSystem::allocate(HandleId handle, Allocation request, Done<void> done) {
  own_handle(handle) ? done(refused()) : inner().allocate(handle, request, std::move(done));
}
void HintFileSystem::seek(HandleId handle, uint64_t offset, bool hole,
                          Done<std::optional<uint64_t>> done) {
  if (own_handle(handle)) return done(std::optional<uint64_t>());
  inner().seek(handle, offset, hole, std::move(done));
}
void HintFileSystem::copy_range(CopyRange request, std::stop_token cancel, Done<uint64_t> done) {
  if (own_handle(request.source) || own_handle(request.target))
    return done(Error(Code::not_supported));
  inner().copy_range(request, std::move(cancel), std::move(done));
}
// The last name may have no end.
void HintFileSystem::flush(HandleId handle, Closer closer, Done<void> done) {
  own_handle(handle) ? done(take(handle, std::nullopt))
                     : inner().flush(handle, closer, std::move(done));
}
std::vector<ProcessId> HintFileSystem::owners(HandleId handle) {
  return own_handle(handle) ? std::vector<ProcessId>() : inner().owners(handle);
}
void HintFileSystem::fsync(HandleId handle, Done<void> done) {
  own_handle(handle) ? done({}) : inner().fsync(handle, std::move(done));
}
void HintFileSystem::release(HandleId handle) {
  if (!own_handle(handle)) return inner().release(handle);
  {
    const MutexLock lock(mutex_);
    lists_.erase(handle);
  }
  hints_.end(handle - first_handle);
}
void HintFileSystem::cache_share(HandleId handle, Done<CacheShare> done) {
  if (own_handle(handle)) return done(Error(Code::not_supported));
  inner().cache_share(handle, std::move(done));
}
// It is seen by whoever knows it.
void HintFileSystem::open_directory(InodeId inode, Done<HandleId> done) {
  own(inode) ? done(HandleId(first_handle)) : inner().open_directory(inode, std::move(done));
}
void HintFileSystem::read_directory(ReadDirectory request, Done<std::vector<DirectoryEntry>> done) {
  if (own_handle(request.handle)) return done(std::vector<DirectoryEntry>());
  inner().read_directory(request, std::move(done));
}
void HintFileSystem::release_directory(HandleId handle) {
  if (!own_handle(handle)) inner().release_directory(handle);
}
void HintFileSystem::sync_directory(InodeId inode, Done<void> done) {
  own(inode) ? done({}) : inner().sync_directory(inode, std::move(done));
}
void HintFileSystem::get_xattr(InodeId inode, std::string name, Done<std::string> done) {
  if (own(inode)) return done(Error(Code::no_attribute));
  inner().get_xattr(inode, std::move(name), std::move(done));
}
void HintFileSystem::list_xattrs(InodeId inode, Done<std::vector<std::string>> done) {
  if (own(inode)) return done(std::vector<std::string>());
  inner().list_xattrs(inode, std::move(done));
}
void HintFileSystem::set_xattr(InodeId inode, std::string name, std::string value, XattrMode mode,
                               Done<void> done) {
  if (own(inode)) return done(refused());
  inner().set_xattr(inode, std::move(name), std::move(value), mode, std::move(done));
}
void HintFileSystem::remove_xattr(InodeId inode, std::string name, Done<void> done) {
  if (own(inode)) return done(refused());
  inner().remove_xattr(inode, std::move(name), std::move(done));
}

}  // namespace penstock
