// SPDX-License-Identifier: Apache-2.0
// What folder may be a store.
#include <filesystem>
#include <fstream>

#include "store/dir/dir_store.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("a folder that is no store is refused with a sentence") {
  const TempDir dir;
  std::ofstream(dir.path() + "/file") << "x";
  CHECK(DirStore::check_root(dir.path() + "/none").code() == Code::not_found);
  CHECK(DirStore::check_root(dir.path() + "/file").code() == Code::not_a_directory);
}

TEST_CASE("a folder where upper and lower case are one name is refused") {
  const TempDir dir;
  REQUIRE(DirStore::check_root(dir.path()));
  CHECK(fs::directory_iterator(dir.path()) == fs::directory_iterator());
  // Looks as a file system does that ignores case, which few kernels have.
  fs::create_directory(dir.path() + "/.penstock");
  fs::create_directory_symlink(".penstock", dir.path() + "/.PENSTOCK");
  const Result<void> checked = DirStore::check_root(dir.path());
  REQUIRE(checked.code() == Code::invalid_argument);
  CHECK(checked.error().message().find("one file") != std::string::npos);
  // Another folder of that name is another name.
  fs::remove(dir.path() + "/.PENSTOCK");
  fs::create_directory(dir.path() + "/.PENSTOCK");
  CHECK(DirStore::check_root(dir.path()));
}

}  // namespace
}  // namespace penstock::test
