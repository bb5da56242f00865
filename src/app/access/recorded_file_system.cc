// SPDX-License-Identifier: Apache-2.0
#include "app/access/recorded_file_system.h"

#include <chrono>
#include <utility>

#include "base/wall_clock.h"
#include "frontend/errno.h"

namespace penstock {
namespace {

using Clock = std::chrono::steady_clock;

AccessRecord begin(const char* operation, std::optional<std::string> path) {
  AccessRecord record;
  record.began_us = wall_clock_ns() / 1000;
  record.operation = operation;
  record.path = std::move(path);
  return record;
}

std::string flags_of(const OpenFlags& flags, bool exclusive) {
  std::string text = flags.read ? "r" : "";
  if (flags.write) text += "w";
  if (flags.truncate) text += "+trunc";
  if (exclusive) text += "+excl";
  return text;
}

/// Of operations whose answer has nothing else that is worth a word.
constexpr auto nothing_more = [](AccessRecord&, const auto&...) {};

}  // namespace

uint64_t RecordedFileSystem::Handles::add(HandleId handle, std::optional<std::string> path) {
  const MutexLock lock(mutex_);
  open_[handle] = {.number = ++last_, .path = std::move(path)};
  return last_;
}

RecordedFileSystem::Handles::Open RecordedFileSystem::Handles::find(HandleId handle) const {
  const MutexLock lock(mutex_);
  const auto found = open_.find(handle);
  return found == open_.end() ? Open{} : found->second;
}

RecordedFileSystem::Handles::Open RecordedFileSystem::Handles::take(HandleId handle) {
  const MutexLock lock(mutex_);
  const auto found = open_.find(handle);
  if (found == open_.end()) return {};
  Open open = std::move(found->second);
  open_.erase(found);
  return open;
}

RecordedFileSystem::RecordedFileSystem(FileSystem& inner, PathOf path_of, const std::string& source,
                                       std::shared_ptr<Log> log)
    : ForwardingFileSystem(inner), path_of_(std::move(path_of)), log_(std::move(log)) {
  AccessRecord mount = begin("mount", "");
  mount.to = source;
  write_down(mount);
}

std::optional<std::string> RecordedFileSystem::below(InodeId parent,
                                                     const std::string& name) const {
  std::optional<std::string> path = path_of_(parent);
  if (!path) return std::nullopt;
  if (!path->empty()) *path += '/';
  *path += name;
  return path;
}

AccessRecord RecordedFileSystem::of_inode(const char* operation, InodeId inode) const {
  return begin(operation, path_of_(inode));
}

AccessRecord RecordedFileSystem::of_name(const char* operation, InodeId parent,
                                         const std::string& name) const {
  return begin(operation, below(parent, name));
}

AccessRecord RecordedFileSystem::of_open(const char* operation, Handles::Open open) {
  AccessRecord record = begin(operation, std::move(open.path));
  record.handle = open.number;
  return record;
}

AccessRecord RecordedFileSystem::of_handle(const char* operation, HandleId handle) const {
  return of_open(operation, files_.find(handle));
}

void RecordedFileSystem::write_down(const AccessRecord& record) const {
  std::string line = to_line(record);
  line.pop_back();  // the log ends lines by itself
  log_->info("{}", line);
}

template <typename T, typename More>
Done<T> RecordedFileSystem::recorded(AccessRecord record, Done<T> done, More more) const {
  return [this, record = std::move(record), done = std::move(done), more = std::move(more),
          began = Clock::now()](Result<T> result) mutable {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began);
    record.took_us = took.count();
    if (!result) {
      record.error = to_errno(result.code());
    } else if constexpr (std::is_void_v<T>) {
      more(record);
    } else {
      more(record, *result);
    }
    write_down(record);
    done(std::move(result));
  };
}

template <typename T>
Done<T> RecordedFileSystem::recorded(AccessRecord record, Done<T> done) const {
  return recorded(std::move(record), std::move(done), nothing_more);
}

void RecordedFileSystem::lookup(InodeId parent, std::string name, Done<Entry> done) {
  auto answer = recorded(of_name("lookup", parent, name), std::move(done));
  inner().lookup(parent, std::move(name), std::move(answer));
}

void RecordedFileSystem::getattr(InodeId inode, Done<Attributes> done) {
  inner().getattr(inode, recorded(of_inode("getattr", inode), std::move(done)));
}

void RecordedFileSystem::setattr(InodeId inode, AttributeChange change, Done<Attributes> done) {
  AccessRecord record = of_inode("setattr", inode);
  record.size = change.size;
  record.mode = change.mode;
  inner().setattr(inode, change, recorded(std::move(record), std::move(done)));
}

void RecordedFileSystem::mkdir(InodeId parent, std::string name, uint32_t mode, Caller caller,
                               Done<Entry> done) {
  AccessRecord record = of_name("mkdir", parent, name);
  record.mode = mode;
  inner().mkdir(parent, std::move(name), mode, caller,
                recorded(std::move(record), std::move(done)));
}

void RecordedFileSystem::make_node(InodeId parent, std::string name, NewNode node, Caller caller,
                                   Done<Entry> done) {
  AccessRecord record = of_name(node.type == FileType::symlink ? "symlink" : "mknod", parent, name);
  record.to = node.target;
  record.mode = node.mode;
  inner().make_node(parent, std::move(name), std::move(node), caller,
                    recorded(std::move(record), std::move(done)));
}

void RecordedFileSystem::link(InodeId inode, InodeId parent, std::string name, Done<Entry> done) {
  AccessRecord record = of_inode("link", inode);
  record.to = below(parent, name).value_or("");
  inner().link(inode, parent, std::move(name), recorded(std::move(record), std::move(done)));
}

void RecordedFileSystem::read_link(InodeId inode, Done<std::string> done) {
  inner().read_link(inode, recorded(of_inode("readlink", inode), std::move(done)));
}

void RecordedFileSystem::rmdir(InodeId parent, std::string name, Done<void> done) {
  auto answer = recorded(of_name("rmdir", parent, name), std::move(done));
  inner().rmdir(parent, std::move(name), std::move(answer));
}

void RecordedFileSystem::unlink(InodeId parent, std::string name, Done<void> done) {
  auto answer = recorded(of_name("unlink", parent, name), std::move(done));
  inner().unlink(parent, std::move(name), std::move(answer));
}

void RecordedFileSystem::rename(InodeId parent, std::string name, InodeId new_parent,
                                std::string new_name, bool no_replace, Done<void> done) {
  AccessRecord record = of_name("rename", parent, name);
  record.to = below(new_parent, new_name).value_or("");
  if (no_replace) record.flags = "noreplace";
  inner().rename(parent, std::move(name), new_parent, std::move(new_name), no_replace,
                 recorded(std::move(record), std::move(done)));
}

void RecordedFileSystem::exchange(InodeId parent, std::string name, InodeId other_parent,
                                  std::string other_name, Done<void> done) {
  AccessRecord record = of_name("rename", parent, name);
  record.to = below(other_parent, other_name).value_or("");
  record.flags = "exchange";
  inner().exchange(parent, std::move(name), other_parent, std::move(other_name),
                   recorded(std::move(record), std::move(done)));
}

void RecordedFileSystem::create(InodeId parent, std::string name, uint32_t mode, OpenFlags flags,
                                bool exclusive, Caller caller, Done<Created> done) {
  AccessRecord record = of_name("create", parent, name);
  record.flags = flags_of(flags, exclusive);
  record.mode = mode;
  auto answer = recorded(std::move(record), std::move(done),
                         [this](AccessRecord& made, const Created& created) {
                           made.handle = files_.add(created.opened.handle, made.path);
                         });
  inner().create(parent, std::move(name), mode, flags, exclusive, caller, std::move(answer));
}

void RecordedFileSystem::open(InodeId inode, OpenFlags flags, Done<Opened> done) {
  AccessRecord record = of_inode("open", inode);
  record.flags = flags_of(flags, false);
  inner().open(inode, flags,
               recorded(std::move(record), std::move(done),
                        [this](AccessRecord& made, const Opened& opened) {
                          made.handle = files_.add(opened.handle, made.path);
                        }));
}

void RecordedFileSystem::read(HandleId handle, ByteRange range, std::stop_token cancel,
                              Done<Slices> done) {
  AccessRecord record = of_handle("read", handle);
  record.offset = range.offset;
  record.size = range.length;
  inner().read(handle, range, std::move(cancel),
               recorded(std::move(record), std::move(done),
                        [](AccessRecord& made, const Slices& got) { made.bytes = got.size(); }));
}

void RecordedFileSystem::write(HandleId handle, WriteAt at, std::span<const std::byte> data,
                               Done<void> done) {
  AccessRecord record = of_handle("write", handle);
  record.offset = at.offset;
  record.size = data.size();
  if (at.append) record.flags = "append";
  inner().write(handle, at, data, recorded(std::move(record), std::move(done)));
}

void RecordedFileSystem::allocate(HandleId handle, Allocation request, Done<void> done) {
  inner().allocate(handle, request, recorded(of_handle("fallocate", handle), std::move(done)));
}

void RecordedFileSystem::seek(HandleId handle, uint64_t offset, bool hole,
                              Done<std::optional<uint64_t>> done) {
  AccessRecord record = of_handle("lseek", handle);
  record.offset = offset;
  inner().seek(handle, offset, hole, recorded(std::move(record), std::move(done)));
}

void RecordedFileSystem::copy_range(CopyRange request, std::stop_token cancel,
                                    Done<uint64_t> done) {
  AccessRecord record = of_handle("copy_file_range", request.source);
  record.offset = request.source_offset;
  record.to = files_.find(request.target).path.value_or("");
  inner().copy_range(request, std::move(cancel),
                     recorded(std::move(record), std::move(done),
                              [](AccessRecord& made, uint64_t copied) { made.bytes = copied; }));
}

void RecordedFileSystem::flush(HandleId handle, Closer closer, Done<void> done) {
  inner().flush(handle, closer, recorded(of_handle("close", handle), std::move(done)));
}

void RecordedFileSystem::fsync(HandleId handle, Done<void> done) {
  inner().fsync(handle, recorded(of_handle("fsync", handle), std::move(done)));
}

void RecordedFileSystem::release(HandleId handle) {
  AccessRecord record = of_open("release", files_.take(handle));
  inner().release(handle);
  write_down(record);
}

void RecordedFileSystem::open_directory(InodeId inode, Done<HandleId> done) {
  inner().open_directory(inode, recorded(of_inode("opendir", inode), std::move(done),
                                         [this](AccessRecord& made, HandleId handle) {
                                           made.handle = directories_.add(handle, made.path);
                                         }));
}

void RecordedFileSystem::read_directory(ReadDirectory request,
                                        Done<std::vector<DirectoryEntry>> done) {
  inner().read_directory(
      request, recorded(of_open("readdir", directories_.find(request.handle)), std::move(done)));
}

void RecordedFileSystem::release_directory(HandleId handle) {
  AccessRecord record = of_open("releasedir", directories_.take(handle));
  inner().release_directory(handle);
  write_down(record);
}

void RecordedFileSystem::sync_directory(InodeId inode, Done<void> done) {
  inner().sync_directory(inode, recorded(of_inode("fsyncdir", inode), std::move(done)));
}

void RecordedFileSystem::get_xattr(InodeId inode, std::string name, Done<std::string> done) {
  auto answer = recorded(of_inode("getxattr", inode), std::move(done));
  inner().get_xattr(inode, std::move(name), std::move(answer));
}

void RecordedFileSystem::list_xattrs(InodeId inode, Done<std::vector<std::string>> done) {
  inner().list_xattrs(inode, recorded(of_inode("listxattr", inode), std::move(done)));
}

void RecordedFileSystem::set_xattr(InodeId inode, std::string name, std::string value,
                                   XattrMode mode, Done<void> done) {
  auto answer = recorded(of_inode("setxattr", inode), std::move(done));
  inner().set_xattr(inode, std::move(name), std::move(value), mode, std::move(answer));
}

void RecordedFileSystem::remove_xattr(InodeId inode, std::string name, Done<void> done) {
  auto answer = recorded(of_inode("removexattr", inode), std::move(done));
  inner().remove_xattr(inode, std::move(name), std::move(answer));
}

void RecordedFileSystem::statfs(Done<FileSystemStats> done) {
  inner().statfs(recorded(begin("statfs", ""), std::move(done)));
}

}  // namespace penstock
