// SPDX-License-Identifier: Apache-2.0
#include "fuzz/temp_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "fuzz/target.h"

namespace penstock::fuzz {
namespace {

/// In memory where the machine can: a file is written for each input.
class Folder {
 public:
  Folder() {
    const std::filesystem::path memory = "/dev/shm";
    std::error_code error;
    path_ =
        access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path(error);
    path_ += "/penstock-fuzz-XXXXXX";
    must(mkdtemp(path_.data()) != nullptr, "a folder can be made");
    owner_ = getpid();
  }
  ~Folder() {
    std::error_code ignored;
    if (owner_ == getpid()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  pid_t owner_ = 0;
};

}  // namespace

const std::string& own_folder() {
  static const Folder folder;
  return folder.path();
}

const std::string& file_with(std::string_view text) {
  static const std::string path = own_folder() + "/input";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written =
      file >= 0 && write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (file >= 0) close(file);
  must(written, "a file can be written");
  return path;
}

}  // namespace penstock::fuzz
