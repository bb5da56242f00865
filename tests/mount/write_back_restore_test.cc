// SPDX-License-Identifier: Apache-2.0
// --write-back and kill -9: the next mount shows and uploads what was promised.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "journal/log_format.h"
#include "journal/segment.h"
#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/sizes.h"

namespace penstock::test {
namespace {

struct Machine {
  TempFolder disk;
  TestServer server;

  explicit Machine(ServerOptions options = {}) : server(std::move(options)) {}

  MountSettings settings(bool write_back = true) const {
    MountSettings settings{.keep = disk.path()};
    if (write_back) settings.options = {"--write-back"};
    return settings;
  }
  /// Nothing is stored until the faults are cleared.
  void refuse_all() {
    for (const char* operation : {"PutObject", "CreateMultipartUpload"})
      server.add_fault({.operation = operation, .kind = "error:403:AccessDenied", .times = -1});
  }
  std::filesystem::path journal(const std::string& name) const {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(disk.path() / "cache" / "journal")) {
      if (entry.path().filename().string().starts_with(name)) return entry.path();
    }
    return {};
  }
};

void change_byte(const std::filesystem::path& path, std::streamoff at, char to) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  REQUIRE(file.good());
  file.seekp(at);
  file.put(to);
}

TEST_CASE("killed with everything pending: the next mount has it all at once, and uploads it") {
  const bool write_back = GENERATE(true, false);
  CAPTURE(write_back);
  Machine machine;
  std::map<std::string, std::string> files;
  for (int i = 0; i < 40; ++i) {
    const size_t size =
        i % 10 == 0 ? 9 * mib + static_cast<size_t>(i) : static_cast<size_t>(i) * 997;
    files["d" + std::to_string(i % 3) + "/f" + std::to_string(i)] =
        random_bytes(size, static_cast<uint32_t>(i));
  }
  machine.refuse_all();
  {
    Mounted mount(machine.server, machine.settings());
    machine.server.clear_faults();
    for (const char* folder : {"d0", "d1", "d2"})
      std::filesystem::create_directory(mount.path(folder));
    machine.refuse_all();
    for (const auto& [name, bytes] : files) write_file(mount.path(name), bytes);
    REQUIRE(chmod(mount.path("d1/f1").c_str(), 0750) == 0);
    const timespec times[2] = {{1'500'000'000, 0}, {1'500'000'000, 5}};
    REQUIRE(utimensat(AT_FDCWD, mount.path("d2/f2").c_str(), times, 0) == 0);
    mount.kill();
  }
  Mounted again(machine.server, machine.settings(write_back));
  for (const auto& [name, bytes] : files) CHECK(read_file(again.path(name)) == bytes);
  struct stat info {};
  REQUIRE(stat(again.path("d1/f1").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0750);
  REQUIRE(stat(again.path("d2/f2").c_str(), &info) == 0);
  CHECK(info.st_mtim.tv_sec == 1'500'000'000);
  CHECK(info.st_mtim.tv_nsec == 5);
  CHECK_FALSE(machine.server.object("test", "d1/f1").has_value());
  machine.server.clear_faults();
  CHECK(again.unmount() == 0);
  for (const auto& [name, bytes] : files) CHECK(machine.server.object("test", name) == bytes);
  CHECK(machine.server.metadata("test", "d1/f1").value().at("mode") ==
        std::to_string(S_IFREG | 0750));
  CHECK(machine.server.unfinished_uploads("test") == 0);
  CHECK(machine.journal("data-").empty());
}

TEST_CASE("what was neither closed nor synced is not there after the kill") {
  Machine machine;
  machine.refuse_all();
  {
    Mounted mount(machine.server, machine.settings());
    const int never = open(mount.path("never").c_str(), O_WRONLY | O_CREAT, 0644);
    const int half = open(mount.path("half").c_str(), O_WRONLY | O_CREAT, 0644);
    REQUIRE(write(never, "never", 5) == 5);
    REQUIRE(write(half, "synced", 6) == 6);
    REQUIRE(fsync(half) == 0);
    REQUIRE(write(half, "not synced", 10) == 10);
    mount.kill();
    close(never);
    close(half);
  }
  machine.server.clear_faults();
  Mounted again(machine.server, machine.settings());
  CHECK_FALSE(std::filesystem::exists(again.path("never")));
  CHECK(read_file(again.path("half")) == "synced");
  CHECK(again.unmount() == 0);
  CHECK(machine.server.keys("test") == std::vector<std::string>{"half"});
  CHECK(machine.server.object("test", "half") == "synced");
}

TEST_CASE("renames and deletions of what is pending outlive the kill") {
  Machine machine;
  machine.server.put_object("test", "over", "old");
  machine.refuse_all();
  {
    Mounted mount(machine.server, machine.settings());
    for (const char* name : {"a.tmp", "b.tmp", "c", "pending"}) write_file(mount.path(name), name);
    std::filesystem::rename(mount.path("a.tmp"), mount.path("over"));
    std::filesystem::rename(mount.path("b.tmp"), mount.path("pending"));
    std::filesystem::remove(mount.path("c"));
    mount.kill();
  }
  Mounted again(machine.server, machine.settings());
  CHECK(read_file(again.path("over")) == "a.tmp");
  CHECK(read_file(again.path("pending")) == "b.tmp");
  for (const char* name : {"a.tmp", "b.tmp", "c"})
    CHECK_FALSE(std::filesystem::exists(again.path(name)));
  machine.server.clear_faults();
  CHECK(again.unmount() == 0);
  CHECK(machine.server.keys("test") == std::vector<std::string>{"over", "pending"});
  CHECK(machine.server.object("test", "over") == "a.tmp");
  CHECK(machine.server.object("test", "pending") == "b.tmp");
}

TEST_CASE("edits of an object outlive the kill, and a second one") {
  const size_t size = GENERATE(as<size_t>(), 1000, 20 * mib);
  CAPTURE(size);
  Machine machine;
  std::string expected = random_bytes(size, 5);
  machine.server.put_object("test", "f", expected);
  machine.refuse_all();
  for (int round = 0; round < 3; ++round) {
    Mounted mount(machine.server, machine.settings());
    CHECK(read_file(mount.path("f")) == expected);
    const int fd = open(mount.path("f").c_str(), O_RDWR);
    REQUIRE(fd >= 0);
    REQUIRE(pwrite(fd, "middle", 6, 100 * (round + 1)) == 6);
    expected.replace(static_cast<size_t>(100 * (round + 1)), 6, "middle");
    expected.resize(expected.size() - 77);
    REQUIRE(ftruncate(fd, static_cast<off_t>(expected.size())) == 0);
    REQUIRE(pwrite(fd, "end", 3, static_cast<off_t>(expected.size() + 10)) == 3);
    expected += std::string(10, '\0') + "end";
    REQUIRE(close(fd) == 0);
    CHECK(read_file(mount.path("f")) == expected);
    mount.kill();
  }
  machine.server.clear_faults();
  Mounted again(machine.server, machine.settings());
  CHECK(read_file(again.path("f")) == expected);
  CHECK(again.unmount() == 0);
  CHECK(machine.server.object("test", "f") == expected);
  CHECK(machine.server.keys("test").size() == 1);
}

TEST_CASE("a multipart upload goes on where the kill ended it") {
  Machine machine;
  const std::string bytes = random_bytes(100 * mib, 8);
  machine.server.add_fault(
      {.operation = "CompleteMultipartUpload", .kind = "error:403:AccessDenied", .times = -1});
  uint64_t sent = 0;
  {
    Mounted mount(machine.server, machine.settings());
    write_file(mount.path("f"), bytes);
    REQUIRE(eventually(
        [&] { return machine.server.stats().requests["CompleteMultipartUpload"] > 0; }, 30));
    sent = machine.server.stats().requests["UploadPart"];
    mount.kill();
  }
  machine.server.clear_faults();
  machine.server.reset_stats();
  Mounted again(machine.server, machine.settings());
  CHECK(read_file(again.path("f")) == bytes);
  CHECK(again.unmount() == 0);
  CHECK(machine.server.object("test", "f") == bytes);
  const ServerStats stats = machine.server.stats();
  CHECK(stats.requests.contains("ListParts"));
  CHECK(sent > 5);
  // The last part, which is shorter than the others, is sent again.
  CHECK(stats.requests.at("UploadPart") == 1);
  CHECK(machine.server.unfinished_uploads("test") == 0);
}

TEST_CASE("damaged data: that file is not restored, the others are, and the log says so") {
  Machine machine;
  machine.refuse_all();
  const std::string bad = random_bytes(100'000, 1);
  {
    Mounted mount(machine.server, machine.settings());
    write_file(mount.path("bad"), bad);
    write_file(mount.path("good"), "good bytes");
    mount.kill();
  }
  const std::filesystem::path data = machine.journal("data-");
  REQUIRE_FALSE(data.empty());
  const size_t at = read_file(data).find(bad.substr(5000, 64));
  REQUIRE(at != std::string::npos);
  change_byte(data, static_cast<std::streamoff>(at), static_cast<char>(~bad[5000]));
  machine.server.clear_faults();
  Mounted again(machine.server, machine.settings());
  CHECK(read_file(again.path("good")) == "good bytes");
  CHECK_FALSE(std::filesystem::exists(again.path("bad")));
  CHECK(again.log().find("'bad' was written and not uploaded") != std::string::npos);
  CHECK(again.unmount() == 0);
  CHECK(machine.server.keys("test") == std::vector<std::string>{"good"});
}

TEST_CASE("a journal of a newer version is left alone, and the mount says why it does not start") {
  Machine machine;
  machine.refuse_all();
  {
    Mounted mount(machine.server, machine.settings());
    write_file(mount.path("f"), "bytes");
    mount.kill();
  }
  const std::filesystem::path log = machine.journal("log-");
  std::string header = read_file(log).substr(0, log_header_size);
  const size_t version = header.find(std::string("\1\0\0\0", 4));
  REQUIRE(version < 16);
  header[version] = 2;
  const uint64_t sum =
      journal_hash(std::as_bytes(std::span(header)).first(log_header_size - sizeof(uint64_t)));
  for (size_t i = 0; i < sizeof(sum); ++i)
    header[log_header_size - sizeof(sum) + i] = static_cast<char>(sum >> (8 * i));
  for (size_t i = 0; i < header.size(); ++i)
    change_byte(log, static_cast<std::streamoff>(i), header[i]);
  const std::string before = read_file(log);
  std::string why;
  try {
    const Mounted refused(machine.server, machine.settings());
  } catch (const std::runtime_error& error) {
    why = error.what();
  }
  CHECK(why.find("version") != std::string::npos);
  CHECK(why.find("newer Penstock") != std::string::npos);
  CHECK(read_file(log) == before);
}

TEST_CASE("two mounts of one bucket with one cache folder, both killed, both again") {
  Machine machine;
  machine.refuse_all();
  {
    Mounted first(machine.server, machine.settings());
    Mounted second(machine.server, machine.settings());
    write_file(first.path("one"), "first");
    write_file(second.path("two"), "second");
    first.kill();
    second.kill();
  }
  machine.server.clear_faults();
  Mounted first(machine.server, machine.settings());
  Mounted second(machine.server, machine.settings());
  CHECK(first.unmount() == 0);
  CHECK(second.unmount() == 0);
  CHECK(machine.server.object("test", "one") == "first");
  CHECK(machine.server.object("test", "two") == "second");
}

TEST_CASE("a mount that lives keeps its journal from a second one") {
  Machine machine;
  machine.refuse_all();
  Mounted first(machine.server, machine.settings());
  write_file(first.path("one"), "first");
  {
    Mounted second(machine.server, machine.settings());
    CHECK_FALSE(std::filesystem::exists(second.path("one")));
    write_file(second.path("two"), "second");
    second.kill();
  }
  CHECK(read_file(first.path("one")) == "first");
  machine.server.clear_faults();
  Mounted third(machine.server, machine.settings());
  CHECK(read_file(third.path("two")) == "second");
  CHECK(third.unmount() == 0);
  CHECK(first.unmount() == 0);
  CHECK(machine.server.object("test", "one") == "first");
  CHECK(machine.server.object("test", "two") == "second");
}

TEST_CASE("killed between a rename over a pending file and the close: what was closed is there") {
  Machine machine;
  {
    Mounted mount(machine.server, machine.settings());
    machine.refuse_all();
    write_file(mount.path("f"), "was closed");
    const int fd = open(mount.path("f.new").c_str(), O_WRONLY | O_CREAT, 0644);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, "half", 4) == 4);
    REQUIRE(rename(mount.path("f.new").c_str(), mount.path("f").c_str()) == 0);
    CHECK(read_file(mount.path("f")) == "half");
    mount.kill();
    close(fd);
  }
  machine.server.clear_faults();
  Mounted again(machine.server, machine.settings());
  CHECK(read_file(again.path("f")) == "was closed");
  CHECK(again.unmount() == 0);
  CHECK(machine.server.object("test", "f") == "was closed");
}

}  // namespace
}  // namespace penstock::test
