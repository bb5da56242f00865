// SPDX-License-Identifier: Apache-2.0
#include "base/trusted_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

bool safe(const std::string& folder, uid_t user = geteuid()) {
  const auto why = why_folder_is_unsafe(folder, user);
  if (why) UNSCOPED_INFO(*why);
  return !why;
}

void set_mode(const std::string& path, mode_t mode) { REQUIRE(chmod(path.c_str(), mode) == 0); }

/// A user whom nothing here belongs to.
uid_t stranger() { return geteuid() + 4711; }

TEST_CASE("a folder is safe where it is one's own and nobody else writes to it") {
  const TempDir dir;
  const std::string folder = dir.path() + "/cache";
  CHECK(safe(folder));  // there is none yet
  fs::create_directory(folder);
  CHECK(safe(folder));
  CHECK(safe(folder + "/./below/"));
  set_mode(folder, 0775);
  CHECK_FALSE(safe(folder));
  set_mode(folder, 0757);
  CHECK_FALSE(safe(folder));
  set_mode(folder, 0755);
  CHECK(safe(folder));
}

TEST_CASE("a folder of another user is not safe, nor what is below it") {
  const TempDir dir;
  const std::string folder = dir.path() + "/cache";
  fs::create_directory(folder);
  CHECK_FALSE(safe(folder, stranger()));
  // What root has made cannot be the work of others, but keeps nothing of one's own.
  if (geteuid() != 0) CHECK_FALSE(safe(folder + "/below", stranger()));
}

TEST_CASE("who can replace a folder on the way makes it unsafe") {
  const TempDir dir;
  const std::string parent = dir.path() + "/parent";
  const std::string folder = parent + "/cache";
  fs::create_directories(folder);
  set_mode(parent, 0777);
  CHECK_FALSE(safe(folder));
  CHECK_FALSE(safe(parent + "/none"));
  set_mode(parent, 01777);
  CHECK(safe(folder));
  // Whom a group's members are is its owner's choice.
  set_mode(parent, 0775);
  CHECK(safe(folder));
}

TEST_CASE("one's own links are followed, and what they lead to is looked at") {
  const TempDir dir;
  const std::string folder = dir.path() + "/there/cache";
  fs::create_directories(folder);
  fs::create_directory_symlink("there", dir.path() + "/link");
  fs::create_directory_symlink(dir.path() + "/link", dir.path() + "/again");
  CHECK(safe(dir.path() + "/again/cache"));
  set_mode(folder, 0777);
  CHECK_FALSE(safe(dir.path() + "/again/cache"));
  set_mode(folder, 0755);
  set_mode(dir.path() + "/there", 0777);
  CHECK_FALSE(safe(dir.path() + "/again/cache"));
  fs::create_directory_symlink("round", dir.path() + "/round");
  CHECK(safe(dir.path() + "/round/cache"));  // which cannot be made either
}

TEST_CASE("a file among everybody's is written where it is one's own") {
  const TempDir dir;
  const std::string file = dir.path() + "/log";
  const auto is_safe = [&](uid_t user) { return !why_file_is_unsafe(file, user); };
  set_mode(dir.path(), 01777);
  CHECK(is_safe(stranger()));  // it is made
  std::ofstream(file) << "x";
  CHECK(is_safe(geteuid()));
  CHECK_FALSE(is_safe(stranger()));
  fs::remove(file);
  fs::create_symlink("/etc/passwd", file);
  CHECK_FALSE(is_safe(stranger()));
  set_mode(dir.path(), 0755);
  CHECK(is_safe(stranger()));
  CHECK(!why_file_is_unsafe("/dev/null", stranger()));
}

TEST_CASE("a file is everybody's to read where the folders on the way let them in") {
  const TempDir dir;
  const std::string folder = dir.path() + "/in";
  const std::string file = folder + "/keys";
  fs::create_directory(folder);
  std::ofstream(file) << "x";
  set_mode(dir.path(), 0755);
  set_mode(folder, 0711);
  set_mode(file, 0644);
  CHECK(everybody_may_read(file));
  set_mode(file, 0640);
  CHECK_FALSE(everybody_may_read(file));
  set_mode(file, 0644);
  set_mode(folder, 0750);
  CHECK_FALSE(everybody_may_read(file));
  set_mode(folder, 0755);
  fs::create_symlink(file, dir.path() + "/link");
  CHECK(everybody_may_read(dir.path() + "/link"));
  set_mode(dir.path(), 0700);
  CHECK_FALSE(everybody_may_read(file));
  CHECK_FALSE(everybody_may_read(dir.path() + "/none"));
}

}  // namespace
}  // namespace penstock
