// SPDX-License-Identifier: Apache-2.0
#include "app/warm/file_spool.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

namespace penstock {
namespace {

Error write_error() {
  return Error(Code::no_space,
               std::string("cannot note it in a temporary file: ") + std::strerror(errno));
}

/// Up to a zero byte, which neither names nor ETags have; false at the end of the file.
bool read_field(std::FILE* file, std::string& field) {
  field.clear();
  for (int c = std::getc(file); c != EOF; c = std::getc(file)) {
    if (c == 0) return true;
    field += static_cast<char>(c);
  }
  return false;
}

}  // namespace

FileSpool::FileSpool() : file_(std::tmpfile()) {
  if (file_ == nullptr)
    throw std::system_error(errno, std::generic_category(), "cannot make a temporary file");
}

Result<void> FileSpool::add(const WarmFile& file) {
  const MutexLock lock(mutex_);
  for (const std::string& field : {file.name, file.etag, std::to_string(file.size)}) {
    if (std::fwrite(field.c_str(), 1, field.size() + 1, file_.get()) != field.size() + 1)
      return write_error();
  }
  ++size_;
  return {};
}

uint64_t FileSpool::size() const {
  const MutexLock lock(mutex_);
  return size_;
}

Result<void> FileSpool::for_each(const WarmVisitor& visit) {
  {
    const MutexLock lock(mutex_);
    if (std::fflush(file_.get()) != 0) return write_error();
    std::rewind(file_.get());
  }
  WarmFile file;
  std::string size;
  while (read_field(file_.get(), file.name) && read_field(file_.get(), file.etag) &&
         read_field(file_.get(), size)) {
    file.size = std::strtoull(size.c_str(), nullptr, 10);
    if (!visit(file)) break;
  }
  return {};
}

}  // namespace penstock
