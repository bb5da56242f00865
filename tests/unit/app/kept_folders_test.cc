// SPDX-License-Identifier: Apache-2.0
// Folders that a mount keeps something in must be its user's alone.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "app/mount_checks.h"
#include "app/pid_file.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

/// A user on a machine, not in a container.
Environment on_machine(uid_t user = geteuid()) {
  Environment environment{.uid = user};
  environment.container_marks.clear();
  return environment;
}

void let_everybody_write(const std::string& path) { REQUIRE(chmod(path.c_str(), 0777) == 0); }

TEST_CASE("a folder for kept data that others may write to is refused, by the option's name") {
  const TempDir dir;
  const std::string folder = dir.path() + "/kept";
  fs::create_directory(folder);
  const auto [name, folder_of] = GENERATE(table<const char*, std::string& (*)(Options&)>(
      {{"--cache-dir", [](Options& o) -> std::string& { return o.cache.directory; }},
       {"--journal-dir", [](Options& o) -> std::string& { return o.write.journal_dir; }},
       {"--state-dir", [](Options& o) -> std::string& { return o.write.state_dir; }}}));
  Options options;
  folder_of(options) = folder;
  CHECK(check_kept_folders(options, on_machine()));
  let_everybody_write(folder);
  const Result<void> refused = check_kept_folders(options, on_machine());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message().find(name) != std::string::npos);
  CHECK(refused.error().message().find("others may write") != std::string::npos);
  // Of a container's user nobody else is there.
  Environment container = on_machine();
  container.variables["KUBERNETES_SERVICE_HOST"] = "10.0.0.1";
  CHECK(check_kept_folders(options, container));
}

TEST_CASE("a log file that is another user's, among everybody's, is refused") {
  const TempDir dir;
  let_everybody_write(dir.path());
  Options options;
  options.log.file = dir.path() + "/log";
  CHECK(check_kept_folders(options, on_machine(geteuid() + 1)));
  std::ofstream(options.log.file) << "x";
  CHECK(check_kept_folders(options, on_machine()));
  const Result<void> refused = check_kept_folders(options, on_machine(geteuid() + 1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message().find("--log-file") != std::string::npos);
}

TEST_CASE("no file about a mount is believed or written behind a link") {
  const TempDir dir;
  const std::string real = dir.path() + "/real";
  fs::create_directory(real);
  REQUIRE(PidFile::create(real, "/mnt"));
  fs::create_directory_symlink(real, dir.path() + "/link");
  CHECK_FALSE(PidFile::create(dir.path() + "/link", "/mnt"));
  const auto file = PidFile::create(real, "/mnt");
  REQUIRE(file);
  CHECK(MountProcess::find({real}, "/mnt").size() == 1);
  CHECK(MountProcess::find({dir.path() + "/link"}, "/mnt").empty());
}

}  // namespace
}  // namespace penstock
