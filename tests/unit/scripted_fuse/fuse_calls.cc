// SPDX-License-Identifier: Apache-2.0
//
// The part of libfuse that src/frontend calls, for requests that a test makes.
#include "unit/scripted_fuse/fuse_calls.h"

#include <sys/statvfs.h>
#include <sys/uio.h>

namespace {

void use(fuse_req_t request) {
  if (request->answer) ++request->used_when_gone;
}

int finish(fuse_req_t request, int error) {
  use(request);
  request->answer = error;
  return 0;
}

}  // namespace

extern "C" {

void* fuse_req_userdata(fuse_req_t request) {
  use(request);
  return request->userdata;
}

const fuse_ctx* fuse_req_ctx(fuse_req_t request) {
  use(request);
  return &request->caller;
}

void fuse_req_interrupt_func(fuse_req_t request, fuse_interrupt_func_t function, void* data) {
  use(request);
  request->on_interrupt = function;
  request->interrupt_data = data;
  if (request->overtaken) function(request, data);
  use(request);  // its lock is given back
}

int fuse_reply_err(fuse_req_t request, int error) { return finish(request, error); }
void fuse_reply_none(fuse_req_t request) { finish(request, 0); }
int fuse_reply_entry(fuse_req_t request, const fuse_entry_param*) { return finish(request, 0); }
int fuse_reply_create(fuse_req_t request, const fuse_entry_param*, const fuse_file_info*) {
  return finish(request, 0);
}
int fuse_reply_attr(fuse_req_t request, const struct stat*, double) { return finish(request, 0); }
int fuse_reply_readlink(fuse_req_t request, const char*) { return finish(request, 0); }
int fuse_reply_open(fuse_req_t request, const fuse_file_info*) { return finish(request, 0); }
int fuse_reply_write(fuse_req_t request, size_t) { return finish(request, 0); }
int fuse_reply_buf(fuse_req_t request, const char*, size_t) { return finish(request, 0); }
int fuse_reply_iov(fuse_req_t request, const iovec*, int) { return finish(request, 0); }
int fuse_reply_statfs(fuse_req_t request, const struct statvfs*) { return finish(request, 0); }
int fuse_reply_xattr(fuse_req_t request, size_t) { return finish(request, 0); }
int fuse_reply_ioctl(fuse_req_t request, int, const void*, size_t) { return finish(request, 0); }
int fuse_reply_lseek(fuse_req_t request, off_t) { return finish(request, 0); }

size_t fuse_add_direntry(fuse_req_t, char*, size_t, const char*, const struct stat*, off_t) {
  return 0;
}
size_t fuse_add_direntry_plus(fuse_req_t, char*, size_t, const char*, const fuse_entry_param*,
                              off_t) {
  return 0;
}

int fuse_lowlevel_notify_inval_inode(fuse_session*, fuse_ino_t, off_t, off_t) { return 0; }
int fuse_lowlevel_notify_inval_entry(fuse_session*, fuse_ino_t, const char*, size_t) { return 0; }

void fuse_session_exit(fuse_session*) {}
int fuse_session_loop(fuse_session*) { return 0; }
const char* fuse_pkgversion() { return "scripted"; }

}  // extern "C"
