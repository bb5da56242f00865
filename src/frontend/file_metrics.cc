// SPDX-License-Identifier: Apache-2.0
#include "frontend/file_metrics.h"

namespace penstock {

const char* name_of(FileOperation operation) {
  switch (operation) {
    case FileOperation::lookup:
      return "lookup";
    case FileOperation::getattr:
      return "getattr";
    case FileOperation::setattr:
      return "setattr";
    case FileOperation::readlink:
      return "readlink";
    case FileOperation::mknod:
      return "mknod";
    case FileOperation::mkdir:
      return "mkdir";
    case FileOperation::unlink:
      return "unlink";
    case FileOperation::rmdir:
      return "rmdir";
    case FileOperation::symlink:
      return "symlink";
    case FileOperation::rename:
      return "rename";
    case FileOperation::link:
      return "link";
    case FileOperation::open:
      return "open";
    case FileOperation::create:
      return "create";
    case FileOperation::read:
      return "read";
    case FileOperation::write:
      return "write";
    case FileOperation::close:
      return "close";
    case FileOperation::fsync:
      return "fsync";
    case FileOperation::opendir:
      return "opendir";
    case FileOperation::readdir:
      return "readdir";
    case FileOperation::fsyncdir:
      return "fsyncdir";
    case FileOperation::statfs:
      return "statfs";
    case FileOperation::setxattr:
      return "setxattr";
    case FileOperation::getxattr:
      return "getxattr";
    case FileOperation::listxattr:
      return "listxattr";
    case FileOperation::removexattr:
      return "removexattr";
    case FileOperation::ioctl:
      return "ioctl";
    case FileOperation::fallocate:
      return "fallocate";
    case FileOperation::lseek:
      return "lseek";
    case FileOperation::copy_file_range:
      return "copy_file_range";
  }
  return "";
}

}  // namespace penstock
