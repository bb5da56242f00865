// SPDX-License-Identifier: Apache-2.0
//
// The part of libfuse that src/frontend calls, as the boundary to the model of the kernel.
#include "simulation/fuse_calls.h"

#include <sys/statvfs.h>
#include <sys/uio.h>

#include <cstring>

using penstock::sim::Answer;
using penstock::sim::KernelBoundary;
using penstock::sim::World;

namespace penstock::sim {
namespace {

// The sizes are the protocol's (linux/fuse.h); what is in them is not.
constexpr size_t entry_header = 24;
constexpr size_t plus_header = 128 + 24;

struct Head {
  uint64_t next;
  uint64_t length;
};

size_t padded(size_t size) { return (size + 7) / 8 * 8; }

}  // namespace

std::vector<PackedEntry> unpack(const std::string& data, bool plus) {
  std::vector<PackedEntry> entries;
  size_t at = 0;
  while (at + entry_header <= data.size()) {
    PackedEntry entry;
    const char* from = data.data() + at;
    if (plus) {
      void* pointer = nullptr;
      std::memcpy(&pointer, from, sizeof pointer);
      entry.entry = *static_cast<fuse_entry_param*>(pointer);
      delete static_cast<fuse_entry_param*>(pointer);
      from += 128;
    }
    Head head{};
    std::memcpy(&head, from, sizeof head);
    entry.next = static_cast<off_t>(head.next);
    entry.name.assign(from + entry_header, head.length);
    at += padded((plus ? plus_header : entry_header) + head.length);
    entries.push_back(std::move(entry));
  }
  return entries;
}

namespace {

size_t add_entry(char* buffer, size_t room, const char* name, const fuse_entry_param* param,
                 off_t next, bool plus) {
  const size_t length = std::strlen(name);
  const size_t size = padded((plus ? plus_header : entry_header) + length);
  if (buffer == nullptr || size > room) return size;
  std::memset(buffer, 0, size);
  if (plus) {
    void* copy = new fuse_entry_param(*param);
    std::memcpy(buffer, &copy, sizeof copy);
    buffer += 128;
  }
  const Head head{static_cast<uint64_t>(next), length};
  std::memcpy(buffer, &head, sizeof head);
  std::memcpy(buffer + entry_header, name, length);
  return size;
}

int finish(fuse_req_t request) {
  World& world = World::get();
  world.check_unlocked(std::string("the reply to ") + request->operation);
  if (request->answered)
    violation("answered twice", fmt::format("{} {}", request->operation, request->text));
  request->answered = true;
  world.trace("  reply {} {}: {}", request->operation, request->text,
              request->answer.error == 0 ? "ok" : strerrorname_np(request->answer.error));
  world.wake_all(request->done);
  return 0;
}

}  // namespace
}  // namespace penstock::sim

using penstock::sim::add_entry;
using penstock::sim::finish;

extern "C" {

void* fuse_req_userdata(fuse_req_t request) { return request->userdata; }
const fuse_ctx* fuse_req_ctx(fuse_req_t request) { return &request->caller; }
void fuse_req_interrupt_func(fuse_req_t request, fuse_interrupt_func_t function, void* data) {
  request->on_interrupt = function;
  request->interrupt_data = data;
  if (request->interrupted && !request->answered) function(request, data);
}

int fuse_reply_err(fuse_req_t request, int error) {
  request->answer.error = error;
  return finish(request);
}
void fuse_reply_none(fuse_req_t request) { finish(request); }
int fuse_reply_entry(fuse_req_t request, const fuse_entry_param* entry) {
  request->answer.entry = *entry;
  return finish(request);
}
int fuse_reply_create(fuse_req_t request, const fuse_entry_param* entry,
                      const fuse_file_info* file) {
  request->answer.entry = *entry;
  request->answer.file = *file;
  return finish(request);
}
int fuse_reply_attr(fuse_req_t request, const struct stat* attributes, double timeout) {
  request->answer.attributes = *attributes;
  request->answer.attribute_timeout = timeout;
  return finish(request);
}
int fuse_reply_readlink(fuse_req_t request, const char* link) {
  request->answer.data = link;
  return finish(request);
}
int fuse_reply_open(fuse_req_t request, const fuse_file_info* file) {
  request->answer.file = *file;
  return finish(request);
}
int fuse_reply_write(fuse_req_t request, size_t count) {
  request->answer.count = count;
  return finish(request);
}
int fuse_reply_buf(fuse_req_t request, const char* buffer, size_t size) {
  request->answer.data.assign(buffer, size);
  return finish(request);
}
int fuse_reply_iov(fuse_req_t request, const iovec* pieces, int count) {
  for (int i = 0; i < count; ++i)
    request->answer.data.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return finish(request);
}
int fuse_reply_statfs(fuse_req_t request, const struct statvfs*) { return finish(request); }
int fuse_reply_xattr(fuse_req_t request, size_t count) {
  request->answer.count = count;
  return finish(request);
}
int fuse_reply_ioctl(fuse_req_t request, int, const void*, size_t) { return finish(request); }
int fuse_reply_lseek(fuse_req_t request, off_t offset) {
  request->answer.count = static_cast<size_t>(offset);
  return finish(request);
}

size_t fuse_add_direntry(fuse_req_t, char* buffer, size_t room, const char* name,
                         const struct stat* attributes, off_t next) {
  fuse_entry_param param{};
  param.attr = *attributes;
  return add_entry(buffer, room, name, &param, next, false);
}
size_t fuse_add_direntry_plus(fuse_req_t, char* buffer, size_t room, const char* name,
                              const fuse_entry_param* param, off_t next) {
  return add_entry(buffer, room, name, param, next, true);
}

// A session is the model of one node's kernel.
int fuse_lowlevel_notify_inval_inode(fuse_session* session, fuse_ino_t node, off_t offset,
                                     off_t length) {
  World::get().check_unlocked("the kernel's invalidation");
  return reinterpret_cast<KernelBoundary*>(session)->inval_inode(node, offset, length);
}
int fuse_lowlevel_notify_inval_entry(fuse_session* session, fuse_ino_t parent, const char* name,
                                     size_t length) {
  World::get().check_unlocked("the kernel's invalidation");
  return reinterpret_cast<KernelBoundary*>(session)->inval_entry(parent, std::string(name, length));
}

void fuse_session_exit(fuse_session*) {}
int fuse_session_loop(fuse_session*) { return 0; }
const char* fuse_pkgversion() { return "simulated"; }

}  // extern "C"
