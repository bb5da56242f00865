// SPDX-License-Identifier: Apache-2.0
#include "app/commands/run.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "config/man_page.h"
#include "config/render.h"
#include "support/catch.h"

namespace penstock {
namespace {

struct Ran {
  int status = 0;
  std::string out;
  std::string err;
};

Ran run_with(const std::vector<std::string>& arguments, Environment environment = {}) {
  std::ostringstream out;
  std::ostringstream err;
  environment.uid = 1000;
  // Not that of the machine on which the test runs.
  if (environment.system_config == Environment{}.system_config) environment.system_config = "/none";
  const int status = run(arguments, {.out = out, .err = err}, environment);
  return {status, out.str(), err.str()};
}

/// Arguments that must fail before anything is started: that status, nothing on standard output,
/// one message.
std::string refused(std::vector<std::string> arguments, const Environment& environment = {},
                    int status = 1) {
  arguments.insert(arguments.begin(), "penstock");
  const Ran ran = run_with(arguments, environment);
  CHECK(ran.status == status);
  CHECK(ran.out.empty());
  REQUIRE(ran.err.starts_with("penstock: "));
  REQUIRE(ran.err.ends_with("\n"));
  return ran.err.substr(10, ran.err.size() - 11);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "penstock-run-XXXXXX").string();
    path = std::filesystem::canonical(mkdtemp(name.data()));
  }
  ~TempDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST_CASE("help and version go to standard output") {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"penstock", "--help"},
                                             {"penstock", "-h"},
                                             {"penstock", "mount", "--help"},
                                             {"penstock", "help"},
                                             {"penstock", "help", "mount"},
                                             {"penstock", "help", "version"}}) {
    const Ran ran = run_with(arguments);
    CHECK(ran.status == 0);
    CHECK(ran.out == render_help(false));
    CHECK(ran.err.empty());
  }
  CHECK(run_with({"penstock", "--help-all"}).out == render_help(true));
  CHECK(run_with({"penstock", "mount", "--help-all"}).out == render_help(true));
  CHECK(run_with({"penstock", "version"}).out == "penstock " + std::string(version()) + "\n");
  CHECK(run_with({"penstock", "--version"}).out == "penstock " + std::string(version()) + "\n");
}

TEST_CASE("every command prints its own help") {
  for (const std::string word : {"umount", "warm", "restore", "archive", "tier", "verify", "cache",
                                 "status", "stats", "doctor", "replay", "config"}) {
    const std::string own = render_command_help(word);
    CHECK(own.starts_with("Usage: penstock " + word));
    CHECK(run_with({"penstock", word, "--help"}).out == own);
    CHECK(run_with({"penstock", word, "-h"}).out == own);
    CHECK(run_with({"penstock", "help", word}).out == own);
    CHECK(contains(render_help(false), "penstock " + word + " "));
  }
  CHECK(contains(render_command_help("umount"), "--detach-pending"));
  CHECK_FALSE(contains(render_command_help("umount"), "--endpoint-url"));
}

TEST_CASE("no arguments print the help as an error") {
  const Ran ran = run_with({"penstock"});
  CHECK(ran.status == 1);
  CHECK(ran.err == render_help(false));
}

TEST_CASE("wrong commands say what was meant") {
  CHECK(refused({"muont"}) == "unknown command 'muont'; did you mean mount?");
  CHECK(refused({"unmount", "/mnt"}) == "unknown command 'unmount'; did you mean umount?");
  CHECK(refused({"sync"}) ==
        "unknown command 'sync'; there are mount, umount, warm, restore, archive, tier, verify, "
        "cache, "
        "status, stats, doctor, credentials, replay, config, help, version, see penstock help");
  CHECK(refused({"help", "stauts"}) == "unknown command 'stauts'; did you mean status?");
  CHECK(refused({"s3://b", "/mnt"}) == "the command is missing: penstock mount s3://b MOUNTPOINT");
  CHECK(refused({"--generate", "x"}) ==
        "--generate makes one of options-page, presets, bash-completion, metrics, "
        "penstock.1, penstock-mount.8, penstock.toml.5");
}

TEST_CASE("generated files come out as they are rendered") {
  CHECK(run_with({"penstock", "--generate", "options-page"}).out == render_options_page());
  CHECK(run_with({"penstock", "--generate", "presets"}).out == render_presets());
  CHECK(run_with({"penstock", "--generate", "penstock.1"}).out == man_pages()[0].render());
  CHECK(run_with({"penstock", "--generate", "bash-completion"}).out == render_bash_completion());
}

TEST_CASE("mount refuses what can be seen to be wrong before it starts anything") {
  const TempDirectory temporary;
  const std::string mountpoint = temporary.path + "/mnt";
  std::filesystem::create_directory(mountpoint);
  CHECK(refused({"mount", "--regoin", "x", "s3://b", mountpoint}) ==
        "unknown option --regoin; did you mean --region?");
  CHECK(refused({"mount", "--endpoint", "http://x", "s3://b", mountpoint}) ==
        "unknown option --endpoint; did you mean --endpoint-url?");
  CHECK(contains(refused({"mount", "http://b", mountpoint}), "s3://"));
  CHECK(refused({"mount", "file:///srv/none", temporary.path + "/none"}) ==
        "the mountpoint " + temporary.path + "/none does not exist; make it with: mkdir -p " +
            temporary.path + "/none");
  CHECK(contains(refused({"mount", "file:///srv/none", "/proc"}),
                 "is in use: a proc file system is mounted there"));
  CHECK(
      contains(refused({"mount", "file://" + temporary.path, mountpoint}), "contain one another"));
  CHECK(contains(refused({"mount", "file://" + mountpoint + "/a", mountpoint}),
                 "contain one another"));
  std::filesystem::create_directory(mountpoint + "/left");
  CHECK(
      refused({"mount", "file:///srv/none", mountpoint}) ==
      "the mountpoint " + mountpoint +
          " is not empty: what is in it would be hidden while the mount is there; choose an empty "
          "directory, or say --nonempty");
  for (const std::vector<std::string>& wanted :
       {std::vector<std::string>{"--nonempty"}, {"-o", "nonempty"}}) {
    std::vector<std::string> arguments{"mount", "file:///srv/none", mountpoint};
    arguments.insert(arguments.end(), wanted.begin(), wanted.end());
    CHECK(contains(refused(arguments, {.fuse_device = temporary.path + "/fuse"}),
                   "/fuse is missing"));
  }
  std::filesystem::remove(mountpoint + "/left");
  // Opened for writing, a directory is refused to anybody, as a device is that is not ours.
  std::filesystem::permissions(temporary.path, std::filesystem::perms(0755));
  const std::string denied = refused({"mount", "file:///srv/none", mountpoint},
                                     {.fuse_device = temporary.path, .container_marks = {}});
  CHECK(contains(denied, temporary.path +
                             " cannot be opened: Is a directory; its permissions are "
                             "755; users need 666, as the package fuse3 sets it with fusermount3"));
  CHECK(contains(denied, "chmod 666 " + temporary.path + ", or mount as root"));
  CHECK(contains(refused({"mount", "file:///srv/none", mountpoint},
                         {.fuse_device = temporary.path, .container_marks = {temporary.path}}),
                 "or mount as root; start the container with: --device /dev/fuse"));
  const std::string no_fuse =
      refused({"mount", "file:///srv/none", mountpoint},
              {.fuse_device = temporary.path + "/fuse", .container_marks = {}});
  // In a container the advice is another one.
  CHECK((contains(no_fuse, "fuse is missing: the kernel has no FUSE") ||
         contains(no_fuse, "start the container with: --device /dev/fuse")));
  CHECK(contains(refused({"mount", "file:///srv/none", mountpoint},
                         {.variables = {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}},
                          .fuse_device = temporary.path + "/fuse"}),
                 "--device /dev/fuse"));
  CHECK(contains(
      refused({"mount", "file:///srv/none", mountpoint},
              {.fuse_device = temporary.path + "/fuse", .container_marks = {temporary.path}}),
      "--device /dev/fuse"));
  CHECK(std::filesystem::is_empty(mountpoint));
}

TEST_CASE("relative mountpoints are those of the working directory") {
  const TempDirectory temporary;
  CHECK(contains(
      refused({"mount", "file:///srv/none", "there"}, {.working_directory = temporary.path}),
      "the mountpoint " + temporary.path + "/there does not exist"));
}

TEST_CASE("mount(8)'s fake mount checks and mounts nothing") {
  const TempDirectory temporary;
  const Environment environment{.fuse_device = "/dev/null"};
  const Ran good = run_with(
      {"/sbin/mount.penstock", "file:///srv/none", temporary.path, "-f", "-o", "rw,_netdev"},
      environment);
  CHECK(good.err.empty());
  CHECK(good.status == 0);
  CHECK(run_with({"mount.fuse.penstock", "file:///srv/none", temporary.path + "/none", "-f"},
                 environment)
            .status == 1);
}

TEST_CASE("cache says what it can do") {
  CHECK(run_with({"penstock", "cache", "--help"}).out == render_command_help("cache"));
  CHECK(run_with({"penstock", "cache", "ls", "-h"}).out == render_command_help("cache"));
  CHECK(refused({"cache"}) ==
        "what shall be done with the cache? penstock cache ls, stats, verify or evict");
  CHECK(refused({"cache", "stat"}) ==
        "unknown command 'cache stat'; did you mean penstock cache stats?");
  CHECK(refused({"cache", "ls", "x"}) == "'x' is one argument too many");
  CHECK(refused({"cache", "ls"}) ==
        "you have no home, and thus no default cache; give --cache-dir");
  CHECK(refused({"cache", "ls"}, {.variables = {{"HOME", "/none"}}}) ==
        "/none/.cache/penstock does not exist; --cache-dir names the directory of the cache");
}

TEST_CASE("warm says what it needs") {
  CHECK(run_with({"penstock", "warm", "--help"}).out == render_command_help("warm"));
  CHECK(contains(refused({"warm"}), "what shall be warmed?"));
  CHECK(contains(refused({"warm", "/proc"}), "/proc lies in no mount of Penstock's"));
  CHECK(refused({"warm", "--jobs", "0", "/proc"}) == "--jobs 0 is no number from 1 to 1024");
  CHECK(refused({"warm", "--manifest", "x", "/a", "/b"}) ==
        "with --manifest there is one PATH that its names lie below");
  CHECK(refused({"warm", "s3://a", "s3://b"}) == "one URL can be warmed at a time");
}

TEST_CASE("verify does not ignore options beside the path of a mount") {
  const auto refusal = [](std::vector<std::string> arguments, const Environment& environment = {}) {
    arguments.insert(arguments.begin(), "verify");
    return refused(std::move(arguments), environment, 2);
  };
  CHECK(refusal({"/proc", "--endpoint-url", "http://x"}) ==
        "--endpoint-url is for URLs, and the store of /proc is reached with the options of its "
        "mount: leave it out, or name the URL: penstock verify s3://BUCKET/PREFIX");
  CHECK(
      contains(refusal({"--no-sign-request", "s3://bucket", "/proc"}), "--no-sign-request is for"));
  // Its own options are for paths, too; and what a file says is no word about this path.
  const TempDirectory temporary;
  const std::string file = temporary.path + "/penstock.toml";
  std::ofstream(file) << "[defaults]\nregion = \"eu-west-3\"\n";
  CHECK(contains(refusal({"--jobs", "3", "--no-etag", "/proc"}, {.system_config = file}),
                 "/proc lies in no mount of Penstock's"));
}

TEST_CASE("umount says what is not a mount of ours") {
  const TempDirectory temporary;
  CHECK(refused({"umount"}) == "the MOUNTPOINT is missing: penstock umount /mnt/data");
  CHECK(refused({"umount", "--froce", "/mnt"}) == "unknown option --froce; did you mean --force?");
  CHECK(contains(refused({"umount", "-n", "-r", "-v", "-t", "fuse", temporary.path}),
                 temporary.path + " is not a mount"));
  CHECK(contains(refused({"umount", "/a", "/b"}), "'/b' is one argument too many"));
  CHECK(refused({"umount", temporary.path}).starts_with(temporary.path + " is not a mount"));
  CHECK(refused({"umount", "/proc"}) ==
        "/proc is a mount of type proc, not one of Penstock's; unmount it with: umount /proc");
}

}  // namespace
}  // namespace penstock
