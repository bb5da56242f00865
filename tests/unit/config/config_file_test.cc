// SPDX-License-Identifier: Apache-2.0
#include "config/config_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "config/values.h"
#include "support/catch.h"

namespace penstock {
namespace {

ConfigFile parsed(const std::string& text) {
  return parse_config(text, "/etc/p/x.toml", "/home/a");
}

/// The only problem of the text, without the name of the file.
std::string problem(const std::string& text) {
  const ConfigFile file = parsed(text);
  INFO(text);
  REQUIRE(file.problems.size() == 1);
  REQUIRE(file.problems[0].starts_with("/etc/p/x.toml:"));
  return file.problems[0].substr(14);
}

std::string value_of(const std::vector<ConfigSetting>& settings, std::string_view name) {
  for (const ConfigSetting& setting : settings) {
    if (setting.row->name == name) return setting.value;
  }
  return "not there";
}

TEST_CASE("defaults and named mounts are read, with their places") {
  const ConfigFile file = parsed(R"(# comment
[defaults]
endpoint-url = "http://h:1"
cache_dir = "../cache"       # of the file's folder
log-file = "~/x.log"
memory-limit = 67108864
metadata-ttl = 30
file-mode = 0o640
dir-mode = "0750"
max-connections = 7
uid = 12
cache-size = "30%"
ro = false

[mounts.train]
source = "s3://b/train"
mountpoint = "~/train"
preset = "training"
read-only = true
[mounts.empty]
)");
  CHECK(file.problems.empty());
  const auto value = [&](std::string_view name) { return value_of(file.defaults, name); };
  CHECK(value("endpoint-url") == "http://h:1");
  CHECK(value("cache-dir") == "/etc/cache");
  CHECK(value("log-file") == "/home/a/x.log");
  CHECK(value("memory-limit") == "67108864");
  CHECK(value("metadata-ttl") == "30");
  CHECK(value("file-mode") == "0640");
  CHECK(value("dir-mode") == "0750");
  CHECK(value("max-connections") == "7");
  CHECK(value("uid") == "12");
  CHECK(value("cache-size") == "30%");
  CHECK(value("read-only") == "no");
  CHECK(file.defaults.size() == 11);
  REQUIRE(file.mounts.size() == 2);
  const NamedMount& train = file.mounts.at("train");
  CHECK(train.source == "s3://b/train");
  CHECK(train.mountpoint == "/home/a/train");
  CHECK(value_of(train.settings, "preset") == "training");
  CHECK(value_of(train.settings, "read-only") == "yes");
  REQUIRE(train.settings.size() == 2);
  CHECK(train.settings[1].place.text() == "/etc/p/x.toml:19:1");
  CHECK(file.mounts.at("empty").source.empty());
}

TEST_CASE("every option of the table can stand in a file, with its value as one would type it") {
  for (const OptionRow& row : option_table()) {
    INFO(row.name);
    const std::string value = value_text(row, Options{});
    const std::string text = row.kind == ValueKind::flag      ? "true"
                             : row.kind == ValueKind::count   ? value
                             : row.kind == ValueKind::path    ? "'/x'"
                             : row.kind == ValueKind::address ? "'127.0.0.1:9464'"
                             : row.kind == ValueKind::choice && value.empty()
                                 ? fmt::format("'{}'", row.value.substr(0, row.value.find('|')))
                                 : fmt::format("'{}'", value.empty() ? "x" : value);
    for (const std::string_view table : {"defaults", "mounts.m"}) {
      const ConfigFile file = parsed(fmt::format("[{}]\n{} = {}\n", table, row.name, text));
      if (row.command_line_only) {
        REQUIRE(file.problems.size() == 1);
        CHECK(file.problems[0].ends_with("is for the command line only"));
      } else {
        CHECK(file.problems == std::vector<std::string>{});
      }
    }
  }
}

TEST_CASE("a wrong value has the command line's message, and its place") {
  CHECK(problem("[defaults]\nmetadata-ttl = \"1x\"") ==
        "2:16: metadata-ttl: '1x' is not a time; write a number with a unit, such as 500ms, 60s, "
        "5m or 1h");
  CHECK(problem("[defaults]\nmax-connections = 0") ==
        "2:19: max-connections: '0' is too small; the least is 1");
  CHECK(problem("[mounts.x]\nfreshness = 'adaptve'") ==
        "2:13: freshness: 'adaptve' is not one of adaptive, close-to-open, ttl (did you mean "
        "adaptive?)");
  CHECK(problem("[defaults]\nregion = ''") ==
        "2:10: region has an empty value; give one, or leave the option out");
  CHECK(problem("[defaults]\nmemory-limit = -5").starts_with("2:16: memory-limit: '-5' is not"));
}

TEST_CASE("a wrong type says what to write") {
  CHECK(problem("[defaults]\nread-only = 'yes'") ==
        "2:13: 'read-only' is a string; write true or false");
  CHECK(problem("[defaults]\nread-only = 1") ==
        "2:13: 'read-only' is an integer; write true or false");
  CHECK(problem("[defaults]\nmax-connections = '7'") ==
        "2:19: 'max-connections' is a string; write a whole number, without quotes");
  CHECK(problem("[defaults]\nfile-mode = 640") ==
        "2:13: 'file-mode' is an integer; write the mode in octal, as \"0644\" or 0o644");
  CHECK(problem("[defaults]\nmemory-limit = 1.5") ==
        "2:16: 'memory-limit' is a number with a fraction; write a size, such as \"4GiB\", or a "
        "number of bytes");
  CHECK(problem("[defaults]\nregion = ['a']") ==
        "2:10: 'region' is an array; write a string, between quotes");
  CHECK(problem("[defaults]\nregion = 2024-01-01") ==
        "2:10: 'region' is a date; write a string, between quotes");
  CHECK(problem("defaults = 1") == "1:1: 'defaults' is an integer; write [defaults]");
  CHECK(problem("[mounts]\ntrain = 's3://b'").find("for example [mounts.train]") !=
        std::string::npos);
}

TEST_CASE("what is not known says what was meant") {
  CHECK(problem("[defaults]\nmetadata-tll = 1") ==
        "2:1: unknown option 'metadata-tll'; did you mean metadata-ttl?");
  CHECK(problem("[mounts.x]\nsurce = 's3://b'") ==
        "2:1: unknown option 'surce'; did you mean source?");
  CHECK(problem("[defaults]\nsource = 's3://b'") ==
        "2:1: unknown option 'source'; it belongs into [mounts.NAME]");
  CHECK(problem("[default]") == "1:2: unknown table 'default'; did you mean 'defaults'?");
  CHECK(problem("region = 'x'") ==
        "1:1: 'region' stands in no table; options stand in [defaults] or in [mounts.NAME]");
  CHECK(problem("[defaults]\nmetadata-ttl = 1\nmetadata_ttl = 2") ==
        "3:1: 'metadata-ttl' is given twice in this table");
  CHECK(problem("[mounts.'a/b']").starts_with("1:9: 'a/b' is no name for a mount"));
}

TEST_CASE("sources and mountpoints are checked") {
  CHECK(problem("[mounts.x]\nsource = 'bucket'") ==
        "2:10: source: 'bucket' is no URL; write s3://BUCKET[/PREFIX] or file:///DIR");
  CHECK(problem("[mounts.x]\nsource = 1").starts_with("2:10: 'source' is an integer; write a URL"));
  CHECK(problem("[mounts.x]\nmountpoint = ''").starts_with("2:14: 'mountpoint' is empty"));
  CHECK(problem("[mounts.x]\nmountpoint = 'mnt'") ==
        "2:14: mountpoint: 'mnt' is relative; begin it with / or ~/");
  const ConfigFile homeless = parse_config("[defaults]\ncache-dir = '~/c'", "/x", "");
  REQUIRE(homeless.problems.size() == 1);
  CHECK(homeless.problems[0] == "/x:2:13: '~/c': there is no HOME here; write the whole path");
}

TEST_CASE("secrets are refused, and it is said where they belong") {
  for (const std::string name : {"secret-access-key", "aws_secret_access_key", "AWS_SESSION_TOKEN",
                                 "access-key-id", "password"}) {
    for (const std::string table : {"", "[defaults]\n", "[mounts.x]\n"}) {
      const std::string said = problem(fmt::format("{}{} = 'hunter2'", table, name));
      CHECK(said.find("secrets do not belong into this file; put them into ~/.aws/credentials") !=
            std::string::npos);
      CHECK(said.find("hunter2") == std::string::npos);
    }
  }
}

TEST_CASE("what is not TOML is said with its place, and all problems in their order") {
  CHECK(problem("[defaults]\nregion = ").starts_with("2:"));
  CHECK(problem("[defaults]\nregion = 'a'\nregion = 'b'").starts_with("3:"));
  CHECK(problem("[defaults]\nregion = 'a\xff'").find("this is not TOML: ") != std::string::npos);
  for (const char* header :
       {"[$]", "[[=]]", "[\x01", "[a.$]", "a.$ = 1", "[defaults]\na = {$=1}"}) {
    CAPTURE(header);
    CHECK(problem(header).find("this is not TOML: ") != std::string::npos);
  }
  // A letter outside of quotes; those in strings and comments are as good as others.
  for (const char* bare : {"\xCF\x9A = 1", "a = \xC3\xA9", "a = 'x'\xC3\xA9", "[\xC2\xA0]",
                           "a = \"\"\"x\\\n \xC3\xA9\"\"\"", "a = '''x'''\xC3\xA9"}) {
    CAPTURE(bare);
    CHECK(problem(bare).find("stands outside of quotes") != std::string::npos);
  }
  CHECK(problem("# \xC3\xA9\n[defaults]\na = \"\xC3\xA9\\\"\" \xC3\xA9").starts_with("3:11:"));
  CHECK(parsed("# \xC3\xA9\n[mounts.\"\xC3\xA9\"]\nsource = 's3://bucket/\xC3\xA9' # \xC3\xA9\n"
               "mountpoint = '''/\xC3\xA9\"\\'''\nregion = \"\"\"\\\n  a\xC3\xA9\"\"\"")
            .problems.empty());
  const ConfigFile file = parsed("[mounts.x]\nb = 1\na = 2\n[defaults]\nz = 1\ny = 1");
  REQUIRE(file.problems.size() == 4);
  CHECK(file.problems[0].find(":2:1:") != std::string::npos);
  CHECK(file.problems[3].find(":6:1:") != std::string::npos);
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "penstock-config-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string file = path + "/" + name;
    std::ofstream(file) << text;
    REQUIRE(chmod(file.c_str(), mode) == 0);
    return file;
  }
  std::string path;
};

TEST_CASE("files are read where they are, and one that is asked for must be there") {
  const Folder folder;
  const std::string file = folder.write("a", "[defaults]\nregion = 'x'", 0644);
  ConfigPlaces places{.usual = {folder.path + "/none", file}, .uid = getuid(), .gid = getgid()};
  std::vector<ConfigFile> files = read_config_files(places);
  REQUIRE(files.size() == 1);
  CHECK(files[0].path == file);
  CHECK(value_of(files[0].defaults, "region") == "x");
  places.file = folder.path + "/none";
  files = read_config_files(places);
  REQUIRE(files.size() == 1);
  REQUIRE(files[0].problems.size() == 1);
  CHECK(files[0].problems[0] ==
        "the configuration file " + places.file + " cannot be used: No such file or directory");
  places.file = "/dev/null";
  files = read_config_files(places);
  REQUIRE(files.size() == 1);
  CHECK(files[0].problems.empty());
  places.file = folder.path;
  CHECK(read_config_files(places)[0].problems[0].ends_with("cannot be used: it is a directory"));
  places.file = folder.write("large", std::string(2 << 20, '\n'), 0644);
  CHECK(read_config_files(places)[0].problems[0].ends_with("it is larger than 1 MiB"));
}

TEST_CASE("a file that others may write is refused") {
  const Folder folder;
  const auto problem_of = [&](const ConfigPlaces& places) {
    const std::vector<ConfigFile> files = read_config_files(places);
    return files[0].problems.empty() ? std::string("none") : files[0].problems[0];
  };
  const std::string all = folder.write("all", "", 0646);
  CHECK(problem_of({.file = all, .uid = getuid(), .gid = getgid()})
            .ends_with("everybody may write to it; take that away: chmod o-w"));
  const std::string group = folder.write("group", "", 0664);
  if (getuid() == 0) REQUIRE(chown(group.c_str(), 0, 12345) == 0);
  const bool foreign = getuid() == 0;
  CHECK(problem_of({.file = group, .uid = getuid(), .gid = 54321})
            .ends_with(foreign ? "group 12345 may write to it; take that away: chmod g-w"
                               : "take that away: chmod g-w"));
  const std::string own = folder.write("own", "", 0600);
  CHECK(problem_of({.file = own, .uid = getuid(), .gid = getgid()}) == "none");
  // Root's file serves all users; a user's serves nobody else.
  const bool by_root = getuid() == 0;
  CHECK((problem_of({.file = own, .uid = 4321, .gid = 4321}) == "none") == by_root);
  if (by_root) {
    REQUIRE(chown(own.c_str(), 4321, 4321) == 0);
    CHECK(problem_of({.file = own, .uid = 0, .gid = 0})
              .find("it belongs to user 4321, who could change what you mount") !=
          std::string::npos);
  }
}

}  // namespace
}  // namespace penstock
