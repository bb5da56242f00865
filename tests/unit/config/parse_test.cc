// SPDX-License-Identifier: Apache-2.0
#include "config/parse.h"

#include <initializer_list>
#include <string>
#include <vector>

#include "support/catch.h"

namespace penstock {
namespace {

using Wish = MountArguments::Wish;

Result<MountArguments> parse(std::vector<std::string> arguments, bool helper = false) {
  return parse_mount_arguments(
      arguments, {.uid = 17, .gid = 18, .working_directory = "/home/ann", .mount_helper = helper});
}

Options good(std::vector<std::string> arguments, bool helper = false) {
  arguments.insert(arguments.end(), {"s3://b/p", "/mnt/x"});
  const Result<MountArguments> parsed = parse(std::move(arguments), helper);
  INFO((parsed ? "" : std::string(parsed.error().message())));
  REQUIRE(parsed);
  return parsed->options;
}

std::string bad(std::vector<std::string> arguments, bool helper = false) {
  arguments.insert(arguments.end(), {"s3://b/p", "/mnt/x"});
  const Result<MountArguments> parsed = parse(std::move(arguments), helper);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.code() == Code::invalid_argument);
  return std::string(parsed.error().message());
}

TEST_CASE("URL and mountpoint stand anywhere among the options") {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"s3://b/p", "/mnt/x", "--region", "r"},
           {"s3://b/p", "--region=r", "/mnt/x"},
           {"--region", "r", "--", "s3://b/p", "/mnt/x"},
           {"/mnt/x", "s3://b/p", "-o", "region=r"},
       }) {
    const auto parsed = parse(arguments);
    REQUIRE(parsed);
    CHECK(parsed->options.store.url == "s3://b/p");
    CHECK(parsed->options.mount.mountpoint == "/mnt/x");
    CHECK(parsed->options.store.region == "r");
  }
  const auto dashed = parse({"--", "s3://b", "--odd--"});
  REQUIRE(dashed);
  CHECK(dashed->options.mount.mountpoint == "--odd--");
}

TEST_CASE("every kind of value is taken from --name value, --name=value and -o") {
  const Options a =
      good({"--memory-limit", "512M", "--metadata-ttl=5m", "--file-mode", "600", "--uid", "root",
            "--gid=7", "--path-style", "always", "--ca-bundle=ca.pem", "--parts-in-flight", "3",
            "--read-only", "--io-uring=on"});
  const Options b = good({"-o", "memory_limit=512M,metadata-ttl=5m,file_mode=600,uid=root,gid=7",
                          "-opath_style=always,ca_bundle=ca.pem,parts_in_flight=3,ro,io_uring=on"});
  for (const Options& o : {a, b}) {
    CHECK(o.mount.memory_limit == 512ULL << 20);
    CHECK(o.metadata.ttl == std::chrono::minutes(5));
    CHECK(o.mount.file_mode == 0600);
    CHECK(o.mount.uid == 0);
    CHECK(o.mount.gid == 7);
    CHECK(o.store.path_style == StoreOptions::PathStyle::always);
    CHECK(o.store.ca_bundle == "/home/ann/ca.pem");
    CHECK(o.write.parts_in_flight == 3);
    CHECK(o.mount.read_only);
    CHECK(o.mount.io_uring == MountOptions::IoUring::on);
  }
}

TEST_CASE("files belong to the mounting user unless told otherwise") {
  CHECK(good({}).mount.uid == 17);
  CHECK(good({}).mount.gid == 18);
  CHECK(good({"--uid", "0"}).mount.uid == 0);
}

TEST_CASE("the last of an option counts, and rw and exec take back") {
  CHECK(good({"--region", "a", "-o", "region=b"}).store.region == "b");
  CHECK_FALSE(good({"-o", "ro,noexec,rw,exec"}).mount.read_only);
  CHECK_FALSE(good({"-o", "ro,noexec,rw,exec"}).mount.no_exec);
  CHECK(good({"-o", "rw,noexec,ro"}).mount.read_only);
  CHECK(good({"-o", "noexec"}).mount.no_exec);
  CHECK_FALSE(good({"--read-only", "--read-only=no"}).mount.read_only);
  CHECK_FALSE(good({"-o", "ro,ro=no"}).mount.read_only);
}

TEST_CASE("a word that is neither URL nor path names a mount of the configuration") {
  const auto alone = parse({"train"});
  REQUIRE(alone);
  CHECK(alone->named == "train");
  CHECK(alone->options.mount.mountpoint.empty());
  const auto placed = parse({"train", "/mnt/x", "-o", "rw"}, true);
  REQUIRE(placed);
  CHECK(placed->named == "train");
  CHECK(placed->options.mount.mountpoint == "/mnt/x");
  CHECK(parse({"s3://b", "mnt"})->named.empty());
  CHECK(parse({"mnt", "s3://b"})->named.empty());
  CHECK(parse({"./train"}).error().message() ==
        "the URL is missing: penstock mount s3://BUCKET ./train");
}

Result<MountArguments> over(const Options& base, const std::vector<std::string>& arguments,
                            bool helper = false) {
  return parse_mount_arguments(arguments, {.uid = 17,
                                           .gid = 18,
                                           .working_directory = "/home/ann",
                                           .mount_helper = helper,
                                           .base = &base});
}

TEST_CASE("arguments stand over what a configuration says") {
  Options base;
  base.store.url = "s3://b/train";
  base.mount.mountpoint = "/mnt/train";
  base.mount.uid = 5;
  base.mount.read_only = true;
  base.store.region = "of the file";
  const auto same = over(base, {"train"});
  REQUIRE(same);
  CHECK(same->options.store.url == "s3://b/train");
  CHECK(same->options.mount.mountpoint == "/mnt/train");
  CHECK(same->options.mount.uid == 5);
  CHECK(same->options.mount.read_only);
  const auto other = over(base, {"train", "/mnt/x", "--region", "r", "-o", "rw"});
  REQUIRE(other);
  CHECK(other->options.mount.mountpoint == "/mnt/x");
  CHECK(other->options.store.region == "r");
  CHECK_FALSE(other->options.mount.read_only);
  // mount(8) says "rw" where fstab says nothing.
  CHECK(over(base, {"train", "/mnt/x", "-o", "rw"}, true)->options.mount.read_only);
  CHECK_FALSE(over(base, {"train", "/mnt/x", "-o", "rw,ro=no"}, true)->options.mount.read_only);
  base.mount.mountpoint.clear();
  CHECK(over(base, {"train"}).error().message() ==
        "the configuration names no mountpoint for 'train': penstock mount train /mnt/data");
}

TEST_CASE("letters") {
  CHECK(good({"-f"}).mount.foreground);
  CHECK(good({"-fr"}).mount.read_only);
  CHECK(good({"-fo", "region=x"}).store.region == "x");
  CHECK(bad({"-q"}) == "unknown option -q; see penstock --help");
}

TEST_CASE("what fstab and mount(8) add means nothing") {
  const Options o =
      good({"-o",
            "rw,defaults,noauto,_netdev,nofail,user=ann,nodev,nosuid,noatime,x-systemd.automount,"
            "x-systemd.idle-timeout=60,comment=a b,,region=r"});
  CHECK(o.store.region == "r");
  CHECK_FALSE(o.mount.read_only);
}

TEST_CASE("mount(8) calls the helper with its own letters") {
  const auto parsed = parse(
      {"s3://b", "/mnt/x", "-sfnv", "-t", "fuse.penstock", "-o", "rw,whatever=1,region=r"}, true);
  REQUIRE(parsed);
  CHECK(parsed->fake);
  CHECK_FALSE(parsed->options.mount.foreground);
  CHECK(parsed->options.store.region == "r");
  CHECK(bad({"-o", "whatever=1"}, true).starts_with("unknown option -o whatever"));
}

TEST_CASE("a comma in a value is escaped") {
  CHECK(good({"-o", R"(log_file=/a\,b,ro)"}).log.file == "/a,b");
}

TEST_CASE("wishes for help need nothing else") {
  CHECK(parse({"--help"})->wish == Wish::help);
  CHECK(parse({"-h"})->wish == Wish::help);
  CHECK(parse({"s3://b", "--help-all", "--nonsense"})->wish == Wish::help_all);
}

TEST_CASE("unknown options name the one that was meant") {
  CHECK(bad({"--endpoint", "x"}) == "unknown option --endpoint; did you mean --endpoint-url?");
  CHECK(bad({"--endpoint-ulr", "x"}) ==
        "unknown option --endpoint-ulr; did you mean --endpoint-url?");
  CHECK(bad({"--readonly"}) == "unknown option --readonly; did you mean --read-only?");
  CHECK(bad({"-o", "metadata_tll=3s"}) ==
        "unknown option -o metadata_tll; did you mean -o metadata-ttl?");
  CHECK(bad({"--hlep"}) == "unknown option --hlep; did you mean --help?");
}

TEST_CASE("wrong uses say what is right") {
  CHECK(bad({"--read-only="}) == "--read-only is neither yes nor no; leave out '='");
  CHECK(bad({"--read-only=maybe"}) == "--read-only: 'maybe' is neither yes nor no");
  CHECK(bad({"-o", "region"}) == "--region needs a value: --region NAME");
  CHECK(bad({"-o", "remount"}) ==
        "-o remount is not supported; unmount, then mount with the new options");
  CHECK(bad({"extra"}).find("one argument too many") != std::string::npos);
  CHECK(bad({"--region="}).find("empty value") != std::string::npos);
  CHECK(parse({"s3://b", "/m", "--region"}).error().message() ==
        "--region needs a value: --region NAME");
  CHECK(parse({"s3://b", "/m", "-o"}).error().message() ==
        "-o needs a value, such as -o ro,metadata_ttl=60s");
  CHECK(parse({"s3://b"}).error().message() ==
        "the MOUNTPOINT is missing: penstock mount s3://b /mnt/data");
  CHECK(parse({"/mnt"}).error().message() == "the URL is missing: penstock mount s3://BUCKET /mnt");
  CHECK(parse({}).error().message().find("URL and MOUNTPOINT are missing") == 0);
  CHECK(parse({"s3://b", ""}).error().message() == "MOUNTPOINT is empty");
}

}  // namespace
}  // namespace penstock
