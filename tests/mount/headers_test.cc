// SPDX-License-Identifier: Apache-2.0
// What another S3 client puts on its objects, and into them, is kept by every change.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <map>

#include "mount/mounted_bucket.h"
#include "server/raw_client.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

using Headers = std::map<std::string, std::string>;

const Headers theirs = {{"content-type", "text/html; charset=utf-8"},
                        {"content-encoding", "gzip"},
                        {"content-disposition", "attachment; filename=\"a b.html\""},
                        {"content-language", "de"},
                        {"cache-control", "max-age=60"},
                        {"expires", "Thu, 01 Dec 2033 16:00:00 GMT"},
                        {"x-amz-storage-class", "STANDARD_IA"},
                        {"x-amz-website-redirect-location", "/elsewhere"},
                        {"x-amz-meta-note", "theirs"}};

/// Another S3 client.
class Client {
 public:
  explicit Client(const TestServer& server) : client_(server.port()) {}

  void put(const std::string& key, const std::string& bytes, Headers headers = theirs) {
    headers["x-amz-tagging"] = "stage=raw&owner=a%20b";
    const RawReply reply = client_.send(
        {.method = "PUT", .path = "/test/" + key, .headers = std::move(headers)}, bytes);
    REQUIRE(reply.status == 200);
  }
  /// In words: what the object has not any more.
  std::string lost(const std::string& key) {
    const RawReply reply = client_.send({.method = "HEAD", .path = "/test/" + key});
    if (reply.status != 200) return "the object";
    std::string names;
    for (const auto& [name, value] : theirs) {
      const auto found = reply.headers.find(name);
      if (found == reply.headers.end() || found->second != value) names += name + ' ';
    }
    const RawReply tags = client_.send({.path = "/test/" + key, .query = {{"tagging", ""}}});
    const bool same = tags.body.find("<Key>stage</Key><Value>raw</Value>") != std::string::npos &&
                      tags.body.find("<Key>owner</Key><Value>a b</Value>") != std::string::npos;
    return same ? names : names + "tags";
  }
  void check_whole(const std::string& key) {
    const std::string missing = lost(key);
    CAPTURE(key, missing);
    CHECK(missing.empty());
  }
  std::string type(const std::string& key) {
    return client_.send({.method = "HEAD", .path = "/test/" + key}).headers["content-type"];
  }

 private:
  RawClient client_;
};

int open_checked(const std::filesystem::path& path, int flags) {
  const int fd = open(path.c_str(), flags);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), path.string());
  return fd;
}

void write_at(const std::filesystem::path& path, off_t offset, int flags = O_RDWR) {
  const int fd = open_checked(path, flags);
  REQUIRE(pwrite(fd, "edit", 4, offset) == 4);
  REQUIRE(close(fd) == 0);
}

struct stat stat_of(const std::filesystem::path& path) {
  struct stat result {};
  REQUIRE(stat(path.c_str(), &result) == 0);
  return result;
}

struct Change {
  const char* name;
  std::function<void(const std::filesystem::path&)> apply;
};

const timespec long_ago[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};

const std::vector<Change> changes = {
    {"chmod", [](const auto& f) { REQUIRE(chmod(f.c_str(), 0600) == 0); }},
    {"touch", [](const auto& f) { REQUIRE(utimensat(AT_FDCWD, f.c_str(), long_ago, 0) == 0); }},
    {"setfattr",
     [](const auto& f) { REQUIRE(setxattr(f.c_str(), "user.color", "blue", 4, 0) == 0); }},
    {"append", [](const auto& f) { write_at(f, 0, O_WRONLY | O_APPEND); }},
    {"edit", [](const auto& f) { write_at(f, 1); }},
    {"truncate", [](const auto& f) { REQUIRE(truncate(f.c_str(), 2) == 0); }},
    {"rewrite", [](const auto& f) { write_file(f, "all of it"); }},
    {"rename there and back",
     [](const auto& f) {
       const std::string other = f.string() + ".other";
       REQUIRE(rename(f.c_str(), other.c_str()) == 0);
       REQUIRE(rename(other.c_str(), f.c_str()) == 0);
     }},
    {"rename of an open file that was written to",
     [](const auto& f) {
       const std::string other = f.string() + ".other";
       const int fd = open_checked(f, O_RDWR);
       REQUIRE(pwrite(fd, "one", 3, 0) == 3);
       REQUIRE(rename(f.c_str(), other.c_str()) == 0);
       REQUIRE(pwrite(fd, "two", 3, 2) == 3);
       REQUIRE(close(fd) == 0);
       REQUIRE(rename(other.c_str(), f.c_str()) == 0);
     }},
};

TEST_CASE("headers, class, redirection and tags of others are kept by every change") {
  const bool write_back = GENERATE(false, true);
  const size_t size = GENERATE(as<size_t>(), 5, 20 * mib);
  CAPTURE(write_back, size);
  TestServer server;
  Client client(server);
  MountSettings settings;
  if (write_back) settings.options.emplace_back("--write-back");
  const std::string bytes = random_bytes(size, 1);
  for (size_t i = 0; i < changes.size(); ++i) client.put("f" + std::to_string(i), bytes);
  {
    Mounted mount(server, settings);
    for (size_t i = 0; i < changes.size(); ++i)
      changes[i].apply(mount.path("f" + std::to_string(i)));
    REQUIRE(mount.unmount() == 0);
  }
  for (size_t i = 0; i < changes.size(); ++i) {
    CAPTURE(changes[i].name);
    client.check_whole("f" + std::to_string(i));
  }
}

TEST_CASE("headers of others survive a crash while a change waits in the journal") {
  TestServer server;
  Client client(server);
  const TempFolder keep;
  client.put("f", "bytes");
  client.put("g", "bytes");
  {
    Mounted mount(server, {.options = {"--write-back"}, .keep = keep.path()});
    server.add_fault({.operation = "PutObject", .kind = "error:503:SlowDown", .times = -1});
    server.add_fault({.operation = "CopyObject", .kind = "error:503:SlowDown", .times = -1});
    write_at(mount.path("f"), 1);
    write_file(mount.path("g"), "anew");
    mount.kill();
  }
  server.clear_faults();
  Mounted mount(server, {.options = {"--write-back"}, .keep = keep.path()});
  CHECK(eventually([&] { return server.object("test", "f") == "bedit"; }, 30));
  CHECK(eventually([&] { return server.object("test", "g") == "anew"; }, 30));
  client.check_whole("f");
  client.check_whole("g");
}

TEST_CASE("headers of others are kept below a directory that is renamed or exchanged") {
  TestServer server;
  Client client(server);
  for (const char* key : {"d/", "d/f", "d/sub/", "d/sub/f", "other", "third"})
    client.put(key, std::string(key).ends_with('/') ? "" : "bytes");
  Mounted mount(server);
  REQUIRE(rename(mount.path("d").c_str(), mount.path("e").c_str()) == 0);
  REQUIRE(renameat2(AT_FDCWD, mount.path("other").c_str(), AT_FDCWD, mount.path("third").c_str(),
                    RENAME_EXCHANGE) == 0);
  for (const char* key : {"e/", "e/f", "e/sub/", "e/sub/f", "other", "third"}) {
    CAPTURE(key);
    client.check_whole(key);
  }
}

TEST_CASE("a folder's files keep them as well as they can: file://") {
  const TempFolder folder;
  Mounted mount(folder.path());
  write_file(mount.path("f.json"), "{}");
  REQUIRE(chmod(mount.path("f.json").c_str(), 0600) == 0);
  REQUIRE(rename(mount.path("f.json").c_str(), mount.path("g").c_str()) == 0);
  std::string type(64, '\0');
  const ssize_t length = getxattr((folder.path() / "g").c_str(), "user.penstock.meta.:content-type",
                                  type.data(), type.size());
  REQUIRE(length > 0);
  CHECK(type.substr(0, static_cast<size_t>(length)) == "application/json");
}

TEST_CASE("new files have the Content-Type of their name, unless the mount is told not to") {
  const bool wanted = GENERATE(true, false);
  TestServer server;
  Client client(server);
  MountSettings settings;
  if (!wanted) settings.options.emplace_back("--content-type=off");
  Mounted mount(server, settings);
  const std::string none = "binary/octet-stream";
  write_file(mount.path("a.json"), "{}");
  write_file(mount.path("large.csv"), random_bytes(20 * mib, 1));
  write_file(mount.path(".page.html.x"), "<p>");
  write_file(mount.path("plain"), "");
  CHECK(client.type(".page.html.x") == none);
  REQUIRE(rename(mount.path(".page.html.x").c_str(), mount.path("page.html").c_str()) == 0);
  CHECK(client.type("a.json") == (wanted ? "application/json" : none));
  CHECK(client.type("large.csv") == (wanted ? "text/csv" : none));
  CHECK(client.type("page.html") == (wanted ? "text/html" : none));
  CHECK(client.type("plain") == none);
}

TEST_CASE("the bytes that another client has put under a directory's own key stay") {
  TestServer server;
  Client client(server);
  client.put("d/", "bytes of another");
  server.put_object("test", "d/f", "x");
  Mounted mount(server);
  const std::string d = mount.path("d");
  REQUIRE(chmod(d.c_str(), 0700) == 0);
  REQUIRE(utimensat(AT_FDCWD, d.c_str(), long_ago, 0) == 0);
  REQUIRE(setxattr(d.c_str(), "user.color", "blue", 4, 0) == 0);
  REQUIRE(chmod(mount.path("d/f").c_str(), 0600) == 0);
  REQUIRE(unlink(mount.path("d/f").c_str()) == 0);
  CHECK(errno_of([&] { return rmdir(d.c_str()); }) == ENOTEMPTY);
  REQUIRE(mkdir(mount.path("e").c_str(), 0755) == 0);
  CHECK(errno_of([&] { return rename(mount.path("e").c_str(), d.c_str()); }) == ENOTEMPTY);
  CHECK(server.object("test", "d/") == "bytes of another");
  client.check_whole("d/");
}

TEST_CASE("times that no program set stay when a file or a directory is renamed") {
  TestServer server;
  ServerOptions past;
  past.clock_skew = std::chrono::seconds(-600);
  server.set_timing(past);
  server.put_object("test", "f", "1");
  server.put_object("test", "d/f", "2");
  server.put_object("test", "d/sub/f", "3");
  server.set_timing({});
  int64_t before = 0;
  {
    Mounted mount(server);
    before = stat_of(mount.path("f")).st_mtim.tv_sec;
    REQUIRE(rename(mount.path("f").c_str(), mount.path("g").c_str()) == 0);
    REQUIRE(rename(mount.path("d").c_str(), mount.path("e").c_str()) == 0);
    CHECK(stat_of(mount.path("g")).st_mtim.tv_sec == before);
  }
  Mounted again(server);
  for (const char* name : {"g", "e/f", "e/sub/f"}) {
    CAPTURE(name);
    CHECK(std::abs(stat_of(again.path(name)).st_mtim.tv_sec - before) <= 2);
  }
}

TEST_CASE("a time that moves with no byte is seen after a remount") {
  TestServer server;
  server.put_object("test", "f", "12345", {{"mtime", "1000000000"}});
  server.put_object("test", "g", "12345", {{"mtime", "1000000000"}});
  timespec truncated{};
  timespec allocated{};
  {
    Mounted mount(server);
    REQUIRE(truncate(mount.path("f").c_str(), 5) == 0);
    const int fd = open_checked(mount.path("g"), O_RDWR);
    REQUIRE(fallocate(fd, 0, 1, 2) == 0);
    REQUIRE(close(fd) == 0);
    truncated = stat_of(mount.path("f")).st_mtim;
    allocated = stat_of(mount.path("g")).st_mtim;
  }
  CHECK(truncated.tv_sec > 1'700'000'000);
  CHECK(allocated.tv_sec > 1'700'000'000);
  Mounted again(server);
  CHECK(stat_of(again.path("f")).st_mtim.tv_sec == truncated.tv_sec);
  CHECK(stat_of(again.path("f")).st_mtim.tv_nsec == truncated.tv_nsec);
  CHECK(stat_of(again.path("g")).st_mtim.tv_sec == allocated.tv_sec);
  CHECK(stat_of(again.path("g")).st_mtim.tv_nsec == allocated.tv_nsec);
}

TEST_CASE("a time that 64 bits of nanoseconds cannot count is the nearest that they can") {
  TestServer server;
  server.put_object("test", "theirs", "x", {{"mtime", "13569465600"}});  // 2400-01-01
  Mounted mount(server, {.options = {"--attributes=full"}});
  write_file(mount.path("f"), "x");
  const timespec times[2] = {{-99'999'999'999, 0}, {13'569'465'600, 0}};
  REQUIRE(utimensat(AT_FDCWD, mount.path("f").c_str(), times, 0) == 0);
  constexpr time_t last = 9'223'372'036;  // 2262-04-11
  CHECK(stat_of(mount.path("f")).st_mtim.tv_sec == last);
  CHECK(stat_of(mount.path("f")).st_atim.tv_sec == -last - 1);
  CHECK(stat_of(mount.path("theirs")).st_mtim.tv_sec == last);
  Mounted other(server, {.options = {"--attributes=full"}});
  CHECK(stat_of(other.path("f")).st_mtim.tv_sec == last);
}

TEST_CASE("a directory is renamed on a server that copies no key with a slash at its end") {
  TestServer server;
  server.put_object("test", "d/", "", {{"mode", "16832"}});
  server.put_object("test", "d/sub/", "");
  server.put_object("test", "d/f", "x");
  for (const char* key : {"e/", "e/sub/"}) {
    server.add_fault(
        {.operation = "CopyObject", .key = key, .kind = "error:400:InvalidArgument", .times = -1});
  }
  Mounted mount(server);
  REQUIRE(rename(mount.path("d").c_str(), mount.path("e").c_str()) == 0);
  CHECK(server.keys("test") == std::vector<std::string>{"e/", "e/f", "e/sub/"});
  CHECK(server.metadata("test", "e/")->at("mode") == "16832");
}

TEST_CASE("link(2) copies the object where the new name is free") {
  const bool write_back = GENERATE(false, true);
  CAPTURE(write_back);
  TestServer server;
  Client client(server);
  client.put("theirs", "bytes");
  MountSettings settings;
  if (write_back) settings.options.emplace_back("--write-back");
  Mounted mount(server, settings);
  const auto linked = [&](const char* from, const char* to) {
    return errno_of([&] { return link(mount.path(from).c_str(), mount.path(to).c_str()); });
  };
  CHECK(linked("theirs", "new") == 0);
  // As git looks whether it got a link.
  CHECK(stat_of(mount.path("theirs")).st_ino == stat_of(mount.path("new")).st_ino);
  CHECK(stat_of(mount.path("new")).st_nlink == 1);
  CHECK(server.object("test", "new") == "bytes");
  client.check_whole("new");
  // A file with unsent bytes: they go to both.
  const int fd = open(mount.path("tmp").c_str(), O_RDWR | O_CREAT, 0644);
  REQUIRE(write(fd, "unsent", 6) == 6);
  CHECK(linked("tmp", "published") == 0);
  CHECK(server.object("test", "published") == "unsent");
  REQUIRE(pwrite(fd, "UN", 2, 0) == 2);
  REQUIRE(close(fd) == 0);
  REQUIRE(unlink(mount.path("tmp").c_str()) == 0);
  CHECK(read_file(mount.path("published")) == "unsent");
  CHECK(linked("published", "new") == EEXIST);
  server.put_object("test", "of-another", "x");
  CHECK(linked("published", "of-another") == EEXIST);
  CHECK(server.object("test", "of-another") == "x");
  REQUIRE(mkdir(mount.path("d").c_str(), 0755) == 0);
  CHECK(linked("d", "e") == EPERM);
  CHECK(linked("missing", "e") == ENOENT);
  REQUIRE(symlink("target", mount.path("symlink").c_str()) == 0);
  CHECK(linked("symlink", "d/symlink") == 0);
  CHECK(std::filesystem::read_symlink(mount.path("d/symlink")) == "target");
}

TEST_CASE("link(2) is refused where the mount is told so") {
  TestServer server;
  server.put_object("test", "f", "x");
  Mounted mount(server, {.options = {"--hard-links=off"}});
  CHECK(errno_of([&] { return link(mount.path("f").c_str(), mount.path("g").c_str()); }) == EPERM);
  CHECK(server.keys("test") == std::vector<std::string>{"f"});
}

}  // namespace
}  // namespace penstock::test
