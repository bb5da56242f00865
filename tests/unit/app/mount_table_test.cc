// SPDX-License-Identifier: Apache-2.0
#include "app/mount_table.h"

#include <sys/sysmacros.h>

#include <filesystem>

#include "support/catch.h"

namespace penstock {
namespace {

constexpr const char* text =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "40 22 0:52 / /mnt/my\\040data rw,nosuid,nodev shared:5 master:2 - fuse.penstock s3://b/p "
    "rw,user_id=1000,group_id=7\n"
    "41 22 0:53 / /mnt/a rw - fuse.penstock file:///x rw,user_id=0,group_id=0\n"
    "42 41 0:54 / /mnt/a rw - tmpfs tmpfs rw\n"
    "nonsense\n"
    "43 22 0:55 / /mnt/b\n";

TEST_CASE("a device of the table is the one that stat tells") {
  CHECK(device_number("0:52") == makedev(0, 52));
  CHECK(device_number("259:300") == makedev(259, 300));
  for (const char* none : {"", "52", "0:", ":1", "0:5x"}) CHECK(device_number(none) == 0);
}

TEST_CASE("mountinfo is understood, escapes and optional fields included") {
  const auto table = parse_mount_table(text);
  REQUIRE(table.size() == 4);
  CHECK(table[1].mountpoint == "/mnt/my data");
  CHECK(table[1].type == "fuse.penstock");
  CHECK(table[1].is_penstock());
  CHECK(table[1].source == "s3://b/p");
  CHECK(table[1].device == "0:52");
  CHECK(table[1].owner_uid == 1000);
  CHECK_FALSE(table[0].is_penstock());
}

TEST_CASE("the uppermost of several mounts counts") {
  const auto table = parse_mount_table(text);
  CHECK(find_mount(table, "/mnt/a")->type == "tmpfs");
  CHECK_FALSE(find_mount(table, "/mnt"));
  CHECK(mount_holding(table, "/mnt/my data/x/y")->source == "s3://b/p");
  CHECK(mount_holding(table, "/mnt/my datax")->mountpoint == "/");
}

TEST_CASE("inside means the directory or below") {
  CHECK(is_inside("/a/b", "/a"));
  CHECK(is_inside("/a", "/a"));
  CHECK(is_inside("/a", "/"));
  CHECK_FALSE(is_inside("/ab", "/a"));
  CHECK_FALSE(is_inside("/", "/a"));
}

TEST_CASE("paths become absolute and free of links") {
  std::string name = (std::filesystem::temp_directory_path() / "penstock-table-XXXXXX").string();
  const std::filesystem::path base = std::filesystem::canonical(mkdtemp(name.data()));
  std::filesystem::create_directory(base / "real");
  std::filesystem::create_directory_symlink(base / "real", base / "link");
  CHECK(canonical_path("link", base.string()) == (base / "real").string());
  CHECK(canonical_path("link/", base.string()) == (base / "real").string());
  CHECK(canonical_path("link/none", base.string()) == (base / "real/none").string());
  CHECK(canonical_path("./link/../none/", base.string()) == (base / "none").string());
  CHECK(canonical_path("/", base.string()) == "/");
  std::filesystem::remove_all(base);
}

TEST_CASE("this process's own mounts can be read") {
  CHECK(find_mount(read_mount_table("/proc"), "/proc")->type == "proc");
  CHECK(read_mount_table("/nowhere").empty());
}

}  // namespace
}  // namespace penstock
