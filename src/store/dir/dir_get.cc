// SPDX-License-Identifier: Apache-2.0
#include "store/dir/dir_get.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/wall_clock.h"

namespace penstock {
ReadBuffers::Buffer ReadBuffers::take() {
  {
    const MutexLock lock(mutex_);
    if (!kept_.empty()) {
      Buffer buffer = std::move(kept_.back());
      kept_.pop_back();
      return buffer;
    }
  }
  return Buffer(new std::byte[size]);
}

void ReadBuffers::give_back(Buffer buffer) {
  const MutexLock lock(mutex_);
  if (kept_.size() < max_kept) kept_.push_back(std::move(buffer));
}

DirGet::~DirGet() {
  if (done_) done_(key_error(Code::cancelled, request_.key, "the store is stopping"));
}

void DirGet::post(void (DirGet::*step)()) {
  scheduler_.post([self = shared_from_this(), step] { ((*self).*step)(); });
}

void DirGet::finish(Result<ObjectInfo> result) {
  request_.sink.reset();
  object_.file = Fd();
  std::exchange(done_, nullptr)(std::move(result));
}

void DirGet::open() {
  if (request_.cancel.stop_requested())
    return finish(key_error(Code::cancelled, request_.key, "cancelled"));
  auto found = tree_.find(request_.key, true);
  if (!found) return finish(found.error());
  object_ = std::move(*found);
  if (!request_.if_match.empty() && request_.if_match != object_.info.etag) {
    return finish(key_error(Code::changed, request_.key, "the object is another version"));
  }
  const uint64_t size = object_.info.size;
  left_ = request_.range.value_or(ByteRange{0, size});
  if (request_.range &&
      (left_.length == 0 || left_.offset >= size || left_.length > size - left_.offset)) {
    return finish(
        key_error(Code::invalid_argument, request_.key, "the range is not inside the object"));
  }
  request_.sink->started(object_.info);
  if (left_.length == 0) return finish(std::move(object_.info));
  read();
}

void DirGet::read() {
  if (request_.cancel.stop_requested())
    return finish(key_error(Code::cancelled, request_.key, "cancelled"));
  ReadBuffers::Buffer buffer = buffers_->take();
  const size_t wanted = std::min<uint64_t>(ReadBuffers::size, left_.length);
  const ssize_t got =
      pread(object_.file.get(), buffer.get(), wanted, static_cast<off_t>(left_.offset));
  const int error = errno;
  bool more = true;
  if (got > 0) {
    const auto size = static_cast<size_t>(got);
    more = request_.sink->write(left_.offset, std::span(buffer.get(), size));
    left_.offset += size;
    left_.length -= size;
  }
  buffers_->give_back(std::move(buffer));
  if (got < 0 && error != EINTR)
    return finish(errno_error(error, "reading the object", request_.key));
  if (!more) return finish(key_error(Code::cancelled, request_.key, "the sink takes no more"));
  if (got != 0 && left_.length > 0) return post(&DirGet::read);
  if (left_.length > 0 || !unchanged()) {
    return finish(key_error(Code::changed, request_.key,
                            "another program wrote to the file while it was read"));
  }
  finish(std::move(object_.info));
}

// Not by ETag: the file's ctime also changes when another file takes its place, and its bytes do
// not.
bool DirGet::unchanged() const {
  struct stat now {};
  if (fstat(object_.file.get(), &now) != 0) return false;
  return now.st_size == object_.status.st_size &&
         to_ns(now.st_mtim) == to_ns(object_.status.st_mtim);
}

}  // namespace penstock
