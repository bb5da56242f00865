// SPDX-License-Identifier: Apache-2.0
#include "config/configuration.h"

#include <string>
#include <vector>

#include "config/values.h"
#include "support/catch.h"

namespace penstock {
namespace {

/// Of texts, the weakest first: the system's, then the user's.
Configuration of(const std::vector<std::string>& texts) {
  std::vector<ConfigFile> files;
  for (const std::string& text : texts)
    files.push_back(parse_config(text, files.empty() ? "/sys" : "/user", "/home/a"));
  Result<Configuration> configuration = Configuration::of(std::move(files));
  INFO((configuration ? "" : std::string(configuration.error().message())));
  REQUIRE(configuration);
  return *std::move(configuration);
}

struct Seen {
  std::string value;
  std::string origin;
  bool operator==(const Seen&) const = default;
};

Seen look(const Configuration& configuration, std::string_view option,
          const ConfigQuestion& question) {
  const Result<EffectiveOptions> effective = configuration.options(question);
  INFO((effective ? "" : std::string(effective.error().message())));
  REQUIRE(effective);
  const OptionRow* const row = find_option(option);
  return {value_text(*row, effective->options),
          effective->origins[static_cast<size_t>(row - option_table().data())]};
}

ConfigQuestion ask(std::string mount, std::string preset = "") {
  return {.mount = std::move(mount), .preset = std::move(preset), .built_in = {}, .wanted = {}};
}

TEST_CASE("what stands closer to the mount counts, layer by layer") {
  const std::string source = "[mounts.m]\nsource = 's3://b'\n";
  const std::string ttl = "metadata-ttl = ";
  // Each step adds one layer above those before it; the command line is parsed over all of them.
  CHECK(look(of({source}), "metadata-ttl", ask("m")) == Seen{"60s", ""});
  const std::string system = "[defaults]\n" + ttl + "1\n";
  CHECK(look(of({system + source}), "metadata-ttl", ask("m")) == Seen{"1s", "/sys:2:1"});
  const std::string user = "[defaults]\n" + ttl + "2\n";
  CHECK(look(of({system + source, user}), "metadata-ttl", ask("m")) == Seen{"2s", "/user:2:1"});
  CHECK(look(of({system + source, user}), "metadata-ttl", ask("m", "training")) ==
        Seen{"60m", "preset training"});
  CHECK(look(of({system + source + ttl + "4\n", user}), "metadata-ttl", ask("m", "training")) ==
        Seen{"4s", "/sys:5:1"});
  CHECK(look(of({system + source + ttl + "4\n", user + "[mounts.m]\n" + ttl + "5\n"}),
             "metadata-ttl", ask("m", "training")) == Seen{"5s", "/user:4:1"});
  // Without a named mount its table means nothing.
  CHECK(look(of({system + source + ttl + "4\n", user}), "metadata-ttl", ask("")) ==
        Seen{"2s", "/user:2:1"});
}

TEST_CASE("the preset is the one that is named closest to the mount") {
  const std::string mount = "[mounts.m]\nsource = 's3://b'\n";
  const Configuration all = of({"[defaults]\npreset = 'serving'\n" + mount + "preset = 'shared'\n",
                                "[defaults]\npreset = 'checkpoint'\n"});
  CHECK(look(all, "preset", ask("m", "training")) == Seen{"training", "command line"});
  CHECK(look(all, "preset", ask("m")) == Seen{"shared", "/sys:5:1"});
  CHECK(look(all, "preset", ask("")) == Seen{"checkpoint", "/user:2:1"});
  CHECK(look(all, "metadata-ttl", ask("m")) == Seen{"5s", "preset shared"});
  // Only one holds: nothing is left of the others.
  CHECK(look(all, "stop-timeout", ask("m")) == Seen{"25s", ""});
  CHECK(look(all, "read-only", ask("m")) == Seen{"no", ""});
  CHECK(look(all, "preset", ask("m", "none")) == Seen{"none", "command line"});
  CHECK(look(all, "metadata-ttl", ask("m", "none")) == Seen{"60s", ""});
}

TEST_CASE("a preset of [defaults] holds less than what else stands there") {
  const Configuration here = of({"[defaults]\nmetadata-ttl = 7\npreset = 'training'\n"});
  CHECK(look(here, "metadata-ttl", ask("")) == Seen{"7s", "/sys:2:1"});
  CHECK(look(here, "attributes", ask("")) == Seen{"none", "preset training"});
  const Configuration above =
      of({"[defaults]\nmetadata-ttl = 7\n", "[defaults]\npreset = 'training'\n"});
  CHECK(look(above, "metadata-ttl", ask("")) == Seen{"60m", "preset training"});
}

TEST_CASE("a mount may be described by both files") {
  const Configuration both = of({"[mounts.m]\nsource = 's3://b'\nmountpoint = '/mnt/m'\n",
                                 "[mounts.m]\nmountpoint = '/home/a/m'\nread-only = true\n"});
  const Result<EffectiveOptions> effective = both.options(ask("m"));
  REQUIRE(effective);
  CHECK(effective->options.store.url == "s3://b");
  CHECK(effective->options.mount.mountpoint == "/home/a/m");
  CHECK(effective->options.mount.read_only);
  CHECK(both.mounts() == std::vector<std::string>{"m"});
}

TEST_CASE("only the options that are wanted are taken") {
  const Configuration configuration = of({"[defaults]\nregion = 'x'\ncache-dir = '/c'\n"});
  ConfigQuestion question = ask("");
  question.wanted = [](const OptionRow& row) { return row.name == "cache-dir"; };
  const Result<EffectiveOptions> effective = configuration.options(question);
  REQUIRE(effective);
  CHECK(effective->options.cache.directory == "/c");
  CHECK(effective->options.store.region.empty());
}

TEST_CASE("a mount that is not there says what is") {
  const Configuration one = of({"[mounts.train]\nsource = 's3://b'\n[mounts.half]\n"});
  CHECK(one.options(ask("trian")).error().message() ==
        "'trian' is neither a URL nor a path, and no mount of this name is in /sys; did you mean "
        "train?");
  CHECK(one.options(ask("bucket")).error().message() ==
        "'bucket' is neither a URL nor a path, and no mount of this name is in /sys; a bucket is "
        "s3://bucket, a directory ./bucket");
  CHECK(
      one.options(ask("half")).error().message() ==
      "the mount 'half' has no source; add one to [mounts.half]: source = \"s3://BUCKET/PREFIX\"");
  CHECK(of({}).options(ask("x")).error().message() ==
        "'x' is neither a URL nor a path, and there is no configuration file that names a mount; a "
        "bucket is s3://x, a directory ./x");
}

TEST_CASE("nothing is taken from files with problems") {
  std::vector<ConfigFile> files{parse_config("[defaults]\nqqqq = 1\n", "/sys", ""),
                                parse_config("[defaults]\nb = 1\nc = 1\n", "/user", "")};
  const Result<Configuration> refused = Configuration::of(files);
  REQUIRE_FALSE(refused);
  CHECK(refused.code() == Code::invalid_argument);
  CHECK(refused.error().message() ==
        "/sys:2:1: unknown option 'qqqq'; see penstock --help-all for all there are (and 2 more: "
        "penstock config check)");
}

TEST_CASE("what is shown can be a configuration file, and means the same") {
  const Configuration configuration = of(
      {"[defaults]\nmetadata-ttl = 7\nwrite-back = true\n[mounts.'m.1']\nsource = 's3://b/ü\"\\'\n"
       "mountpoint = '/mnt/a b'\nfile-mode = 0o600\npreset = 'shared'\nlog-file = '/l'\n"});
  const Result<EffectiveOptions> before = configuration.options(ask("m.1"));
  REQUIRE(before);
  const std::string text = config_text(*before, "m.1");
  INFO(text);
  CHECK(text.find("[mounts.\"m.1\"]\n") == 0);
  const Configuration again = of({text});
  const Result<EffectiveOptions> after = again.options(ask("m.1"));
  REQUIRE(after);
  CHECK(after->options.store.url == "s3://b/ü\"\\");
  CHECK(after->options.mount.mountpoint == "/mnt/a b");
  for (const OptionRow& row : option_table()) {
    INFO(row.name);
    CHECK(value_text(row, after->options) == value_text(row, before->options));
  }
  CHECK(text.find("# preset shared") != std::string::npos);
  CHECK(text.find("# built in") != std::string::npos);
  CHECK(text.find("# region is not set: as the AWS CLI\n") != std::string::npos);
}

}  // namespace
}  // namespace penstock
