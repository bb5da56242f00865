// SPDX-License-Identifier: Apache-2.0
#include "fs/names/attributes.h"

#include <sys/stat.h>

#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("attributes survive the way to metadata and back") {
  StoredAttributes stored;
  stored.mode = 04755;
  stored.uid = 1000;
  stored.gid = 4294967294U;
  stored.mtime_ns =
      GENERATE(0, 1'700'000'000'000'000'000, 1'700'000'000'123'456'789, -1'500'000'000, -1);
  stored.other = {{"colour", "blue"}};
  const Metadata metadata = to_metadata(stored, FileType::file);
  CHECK(metadata.at("mode") == std::to_string(S_IFREG | 04755));
  const StoredAttributes back = parse_attributes(metadata);
  CHECK(back.mode == stored.mode);
  CHECK(back.uid == stored.uid);
  CHECK(back.gid == stored.gid);
  CHECK(back.mtime_ns == stored.mtime_ns);
  CHECK(back.other == stored.other);
}

TEST_CASE("what others write is understood, or kept as it is") {
  CHECK(parse_attributes({{"mtime", "1700000000"}}).mtime_ns == 1'700'000'000'000'000'000);
  CHECK(parse_attributes({{"mtime", "1700000000.25"}}).mtime_ns == 1'700'000'000'250'000'000);
  for (const char* odd :
       {"", "x", "1.", "1.1234567890", "99999999999999999999", "1e9", " 1", "1 "}) {
    CAPTURE(odd);
    const StoredAttributes stored = parse_attributes({{"mtime", odd}, {"mode", odd}, {"uid", odd}});
    CHECK_FALSE(stored.mtime_ns);
    CHECK_FALSE(stored.mode);
    CHECK_FALSE(stored.uid);
    CHECK(stored.other.size() == 3);
  }
}

TEST_CASE("types that only a mode can tell survive the way to metadata and back") {
  const auto [type, bits] = GENERATE(table<FileType, int>({{FileType::symlink, S_IFLNK},
                                                           {FileType::fifo, S_IFIFO},
                                                           {FileType::socket, S_IFSOCK},
                                                           {FileType::character_device, S_IFCHR},
                                                           {FileType::block_device, S_IFBLK}}));
  StoredAttributes stored;
  stored.type = type;
  stored.mode = 0640;
  stored.device = 0x103;
  const Metadata metadata = to_metadata(stored, FileType::file);
  CHECK(metadata.at("mode") == std::to_string(bits | 0640));
  const StoredAttributes back = parse_attributes(metadata);
  CHECK(back.type == type);
  CHECK(back.mode == 0640U);
  CHECK(back.device == 0x103U);
  CHECK(back.other.empty());
}

TEST_CASE("a regular file's and a directory's mode tell no other type") {
  CHECK_FALSE(parse_attributes({{"mode", std::to_string(S_IFREG | 0644)}}).type);
  CHECK_FALSE(parse_attributes({{"mode", std::to_string(S_IFDIR | 0755)}}).type);
  CHECK_FALSE(parse_attributes({{"mode", "420"}}).type);
}

TEST_CASE("the conventions of gcsfuse, gsutil and GeeseFS are read, and ours come before them") {
  const StoredAttributes gcsfuse = parse_attributes(
      {{"gcsfuse_mtime", "2023-11-14T22:13:20.5Z"}, {"gcsfuse_symlink_target", "../a b"}});
  CHECK(gcsfuse.mtime_ns == 1'700'000'000'500'000'000);
  CHECK(gcsfuse.type == FileType::symlink);
  CHECK(gcsfuse.target == "../a b");
  const StoredAttributes gsutil = parse_attributes({{"goog-reserved-posix-mode", "640"},
                                                    {"goog-reserved-posix-uid", "7"},
                                                    {"goog-reserved-posix-gid", "8"},
                                                    {"goog-reserved-file-mtime", "1700000000"}});
  CHECK(gsutil.mode == 0640U);
  CHECK(gsutil.uid == 7U);
  CHECK(gsutil.gid == 8U);
  CHECK(gsutil.mtime_ns == 1'700'000'000'000'000'000);
  CHECK(gsutil.other.empty());
  const StoredAttributes geese = parse_attributes({{"--symlink-target", "d%C3%A9j%25"}});
  CHECK(geese.target == "d\xC3\xA9j%");
  CHECK(to_metadata(geese, FileType::file).at("--symlink-target") == "d%C3%A9j%25");
  CHECK(parse_attributes({{"gcsfuse_mtime", "2023-11-14T22:13:20Z"}, {"mtime", "5"}}).mtime_ns ==
        5'000'000'000);
  for (const char* odd : {"", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13:20.Z", "xZ",
                          "2023-11-14T22:13:205Z", "2023-11-14T22:13:20.-5Z"}) {
    CAPTURE(odd);
    CHECK_FALSE(parse_attributes({{"gcsfuse_mtime", odd}}).mtime_ns);
  }
}

TEST_CASE("set-ID bits are dropped as the kernel does it") {
  CHECK(without_set_ids(06755) == 0755);
  CHECK(without_set_ids(04700) == 0700);
  CHECK(without_set_ids(02644) == 02644);
}

TEST_CASE("metadata are counted as S3 counts them") {
  CHECK(metadata_bytes({}) == 0);
  CHECK(metadata_bytes({{"a", "bcd"}, {"ef", ""}}) == 6);
}

}  // namespace
}  // namespace penstock
