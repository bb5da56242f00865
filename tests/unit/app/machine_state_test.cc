// SPDX-License-Identifier: Apache-2.0
#include "app/machine_state.h"

#include <filesystem>
#include <string>

#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock::test {
namespace {

TEST_CASE("a runtime directory that others can write to is told, with what to do") {
  const TempDir folder;
  const Environment environment{.variables = {{"XDG_RUNTIME_DIR", folder.path()}}, .uid = 12345};
  const std::string own = folder.path() + "/penstock";
  const auto unseen = [&] { return read_machine_state({}, environment).unseen; };
  // Nobody has mounted anything yet.
  CHECK(unseen().empty());
  std::filesystem::create_directory(own);
  std::filesystem::permissions(own, std::filesystem::perms(0755));
  CHECK(unseen().empty());

  std::filesystem::permissions(own, std::filesystem::perms::all);
  std::vector<Unseen> told = unseen();
  REQUIRE(told.size() == 1);
  CHECK(told[0].what == own);
  CHECK(told[0].why.find("chmod go-w " + own) != std::string::npos);

  std::filesystem::remove(own);
  std::filesystem::create_symlink(folder.path(), own);
  told = unseen();
  REQUIRE(told.size() == 1);
  CHECK(told[0].why.find("no directory") != std::string::npos);
}

}  // namespace
}  // namespace penstock::test
