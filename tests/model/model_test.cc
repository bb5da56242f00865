// SPDX-License-Identifier: Apache-2.0
// Random operations, done to a mount and to a local folder alike: results, errnos and contents must
// be the same. Prints its seed; PENSTOCK_MODEL_SEED and PENSTOCK_MODEL_STEPS repeat or lengthen a
// run.
#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "mount/mounted_bucket.h"
#include "support/catch.h"
#include "support/seed.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

/// What an operation answered: its errno, or 0 and what it read.
struct Outcome {
  int error = 0;
  std::string data;
  bool operator==(const Outcome&) const = default;
};

Outcome outcome(bool ok, std::string data = "") {
  return ok ? Outcome{0, std::move(data)} : Outcome{errno, ""};
}

/// One of the two sides: does what it is told below its root, and keeps the files that it holds
/// open.
class Side {
 public:
  explicit Side(fs::path root) : root_(std::move(root)) {}
  ~Side() { close_all(); }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  void close_all() {
    for (int& fd : open_) {
      if (fd >= 0) close(fd);
      fd = -1;
    }
  }

  Outcome open_file(size_t slot, const std::string& name, int flags) {
    if (open_[slot] >= 0) return {};
    open_[slot] = open(path(name).c_str(), flags | O_CLOEXEC, 0644);
    return outcome(open_[slot] >= 0);
  }
  Outcome close_file(size_t slot) {
    if (open_[slot] < 0) return {};
    const int fd = open_[slot];
    open_[slot] = -1;
    return outcome(close(fd) == 0);
  }
  Outcome write_at(size_t slot, uint64_t offset, const std::string& bytes) {
    if (open_[slot] < 0) return {};
    return outcome(pwrite(open_[slot], bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
                   static_cast<ssize_t>(bytes.size()));
  }
  Outcome read_at(size_t slot, uint64_t offset, size_t length) {
    if (open_[slot] < 0) return {};
    std::string buffer(length, '\0');
    const ssize_t got = pread(open_[slot], buffer.data(), length, static_cast<off_t>(offset));
    if (got >= 0) buffer.resize(static_cast<size_t>(got));
    return outcome(got >= 0, std::move(buffer));
  }
  Outcome resize(size_t slot, uint64_t size) {
    if (open_[slot] < 0) return {};
    return outcome(ftruncate(open_[slot], static_cast<off_t>(size)) == 0);
  }
  Outcome allocate(size_t slot, int mode, uint64_t offset, uint64_t length) {
    if (open_[slot] < 0) return {};
    return outcome(
        fallocate(open_[slot], mode, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0);
  }
  Outcome copy(size_t from, uint64_t from_offset, size_t to, uint64_t to_offset, uint64_t length) {
    if (open_[from] < 0 || open_[to] < 0) return {};
    auto in = static_cast<off_t>(from_offset);
    auto out = static_cast<off_t>(to_offset);
    uint64_t total = 0;
    while (total < length) {
      const ssize_t got = copy_file_range(open_[from], &in, open_[to], &out, length - total, 0);
      if (got < 0) return outcome(false);
      if (got == 0) break;
      total += static_cast<uint64_t>(got);
    }
    return {0, std::to_string(total)};
  }
  /// Where data are differs from one file system to another; that all else are zeros does not.
  Outcome nonzero_in_holes(size_t slot) {
    if (open_[slot] < 0) return {};
    off_t at = 0;
    uint64_t found = 0;
    while (true) {
      const off_t data = lseek(open_[slot], at, SEEK_DATA);
      const off_t end = data >= 0 ? data : lseek(open_[slot], 0, SEEK_END);
      std::string hole(static_cast<size_t>(std::max<off_t>(end - at, 0)), '\0');
      const ssize_t got = pread(open_[slot], hole.data(), hole.size(), at);
      if (got > 0)
        found += static_cast<uint64_t>(got) -
                 static_cast<uint64_t>(std::count(hole.begin(), hole.begin() + got, '\0'));
      if (data < 0) break;
      at = lseek(open_[slot], data, SEEK_HOLE);
      if (at <= data) return {0, "no end of data"};
    }
    return {0, std::to_string(found)};
  }
  Outcome sync(size_t slot) {
    return open_[slot] < 0 ? Outcome{} : outcome(fsync(open_[slot]) == 0);
  }
  Outcome make_directory(const std::string& name) {
    return outcome(mkdir(path(name).c_str(), 0755) == 0);
  }
  Outcome remove_directory(const std::string& name) {
    return outcome(rmdir(path(name).c_str()) == 0);
  }
  Outcome remove_file(const std::string& name) { return outcome(unlink(path(name).c_str()) == 0); }
  Outcome move(const std::string& from, const std::string& to) {
    return outcome(rename(path(from).c_str(), path(to).c_str()) == 0);
  }
  Outcome exchange(const std::string& one, const std::string& other) {
    return outcome(renameat2(AT_FDCWD, path(one).c_str(), AT_FDCWD, path(other).c_str(),
                             RENAME_EXCHANGE) == 0);
  }
  Outcome look(const std::string& name) {
    struct stat info {};
    if (lstat(path(name).c_str(), &info) != 0) return outcome(false);
    const bool directory = S_ISDIR(info.st_mode);
    return {0, directory ? "directory" : "file of " + std::to_string(info.st_size)};
  }
  Outcome list(const std::string& name) {
    DIR* directory = opendir(path(name).c_str());
    if (directory == nullptr) return outcome(false);
    std::set<std::string> names;
    while (const dirent* entry = readdir(directory)) names.insert(entry->d_name);
    closedir(directory);
    Outcome result;
    for (const std::string& entry : names) result.data += entry + "\n";
    return result;
  }
  Outcome whole(const std::string& name) {
    try {
      return {0, read_file(path(name))};
    } catch (const std::system_error& error) {
      return {error.code().value(), ""};
    }
  }

 private:
  fs::path path(const std::string& name) const { return root_ / name; }

  fs::path root_;
  std::vector<int> open_ = std::vector<int>(4, -1);
};

const std::vector<std::string> directories = {"a", "b", "a/c", "a/c/d"};
const std::vector<std::string> files = {"f", "g", "a/f", "a/g", "b/f", "a/c/f", "a/c/d/f", "b/f-x"};

class Model {
 public:
  Model(uint64_t seed, Side& mount, Side& local) : random_(seed), mount_(mount), local_(local) {}

  void step() {
    const size_t slot = pick(4);
    switch (pick(23)) {
      case 0:
      case 1:
      case 2: {
        const int flags[] = {O_RDONLY,
                             O_RDWR,
                             O_WRONLY | O_CREAT,
                             O_RDWR | O_CREAT,
                             O_WRONLY | O_CREAT | O_TRUNC,
                             O_RDWR | O_CREAT | O_EXCL};
        const int chosen = flags[pick(6)];
        const std::string name = file();
        return both(
            "open " + std::to_string(slot) + " " + name + " flags " + std::to_string(chosen),
            [&](Side& side) { return side.open_file(slot, name, chosen); });
      }
      case 3:
      case 4:
        return both("close " + std::to_string(slot),
                    [&](Side& side) { return side.close_file(slot); });
      case 5:
      case 6:
      case 7: {
        const uint64_t at = offset();
        const std::string bytes =
            random_bytes(1 + pick(large_ ? 3'000'000 : 20'000), static_cast<uint32_t>(random_()));
        return both("write " + std::to_string(slot),
                    [&](Side& side) { return side.write_at(slot, at, bytes); });
      }
      case 8:
      case 9: {
        const uint64_t at = offset();
        const size_t length = 1 + pick(200'000);
        return both("read " + std::to_string(slot),
                    [&](Side& side) { return side.read_at(slot, at, length); });
      }
      case 10: {
        const uint64_t size = offset();
        return both("ftruncate " + std::to_string(slot),
                    [&](Side& side) { return side.resize(slot, size); });
      }
      case 11:
        return both("fsync " + std::to_string(slot), [&](Side& side) { return side.sync(slot); });
      case 12:
      case 13: {
        const std::string name = directory();
        return both("mkdir " + name, [&](Side& side) { return side.make_directory(name); });
      }
      case 14: {
        const std::string name = directory();
        return both("rmdir " + name, [&](Side& side) { return side.remove_directory(name); });
      }
      case 15:
        return rename_something();
      case 16: {
        const std::string name = file();
        return both("unlink " + name, [&](Side& side) { return side.remove_file(name); });
      }
      case 17: {
        const std::string name = pick(2) == 0 ? directory() : file();
        return both("stat " + name, [&](Side& side) { return side.look(name); });
      }
      case 18: {
        const std::string name = directory();
        return both("list " + name, [&](Side& side) { return side.list(name); });
      }
      case 19:
        return change_range(slot);
      case 20: {
        const size_t to = pick(4);
        const uint64_t in = offset();
        const uint64_t out = offset();
        const uint64_t length = 1 + offset();
        return both("copy_file_range",
                    [&](Side& side) { return side.copy(slot, in, to, out, length); });
      }
      case 21:
        return both("seek", [&](Side& side) { return side.nonzero_in_holes(slot); });
      default: {
        const std::string name = file();
        return both("read whole " + name, [&](Side& side) { return side.whole(name); });
      }
    }
  }

  void close_both() {
    mount_.close_all();
    local_.close_all();
  }

  void compare_everything() {
    for (const std::string& name : directories)
      both("list " + name, [&](Side& side) { return side.list(name); });
    for (const std::string& name : files) {
      both("stat " + name, [&](Side& side) { return side.look(name); });
      both("read whole " + name, [&](Side& side) { return side.whole(name); });
    }
  }

  void use_large_files(bool large) { large_ = large; }

 private:
  void change_range(size_t slot) {
    const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                         FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
    const int mode = modes[pick(5)];
    const uint64_t at = offset();
    const uint64_t length = 1 + offset() / 2;
    both("fallocate " + std::to_string(mode),
         [&](Side& side) { return side.allocate(slot, mode, at, length); });
  }

  void rename_something() {
    const bool directories_too = pick(3) == 0;
    const std::string from = directories_too ? directory() : file();
    const std::string to = directories_too ? directory() : file();
    if (pick(3) == 0)
      return both("exchange " + from + " and " + to,
                  [&](Side& side) { return side.exchange(from, to); });
    both("rename " + from + " to " + to, [&](Side& side) { return side.move(from, to); });
  }

  template <typename F>
  void both(const std::string& what, F&& operation) {
    ++steps_;
    const Outcome expected = operation(local_);
    const Outcome got = operation(mount_);
    if (trace_)
      std::cout << steps_ << ": " << what << " -> " << expected.error << ", " << got.error << "\n";
    INFO("step " << steps_ << ": " << what);
    REQUIRE(got.error == expected.error);
    const bool same = got.data == expected.data;
    if (!same && expected.data.size() < 200) {
      INFO("expected " << expected.data << " got " << got.data.substr(0, 200));
      REQUIRE(same);
    }
    if (!same) {
      size_t at = 0;
      while (at < std::min(got.data.size(), expected.data.size()) &&
             got.data[at] == expected.data[at])
        ++at;
      INFO("sizes " << expected.data.size() << " and " << got.data.size()
                    << ", first difference at " << at);
      REQUIRE(same);
    }
  }

  size_t pick(size_t count) { return random_() % count; }
  std::string file() { return files[pick(files.size())]; }
  std::string directory() { return directories[pick(directories.size())]; }
  uint64_t offset() { return pick(large_ ? 30'000'000 : 100'000); }

  std::mt19937_64 random_;
  Side& mount_;
  Side& local_;
  const bool trace_ = std::getenv("PENSTOCK_MODEL_TRACE") != nullptr;
  bool large_ = false;
  uint64_t steps_ = 0;
};

void run_model(bool large, bool directory_store, bool write_back = false) {
  const uint64_t seed = seed_from("PENSTOCK_MODEL_SEED", large ? "model, large files" : "model");
  const uint64_t steps = number_from("PENSTOCK_MODEL_STEPS", large ? 400 : 2500);
  INFO("PENSTOCK_MODEL_SEED=" << seed);
  TestServer server;
  TempFolder store;
  TempFolder folder;
  // The local disk has no versions: with passthrough who reads a file would not see it written to.
  MountSettings settings{.options = {"--memory-limit", "64M", "--no-passthrough"}};
  if (write_back) settings.options.push_back("--write-back");
  const auto mount_it = [&] {
    return directory_store ? std::make_unique<Mounted>(store.path(), settings)
                           : std::make_unique<Mounted>(server, settings);
  };
  std::unique_ptr<Mounted> mount = mount_it();
  auto over_mount = std::make_unique<Side>(mount->path());
  Side local(folder.path());
  std::mt19937_64 seeds(seed);
  constexpr int rounds = 4;
  for (int round = 0; round < rounds; ++round) {
    Model model(seeds(), *over_mount, local);
    model.use_large_files(large);
    for (uint64_t i = 0; i < steps / rounds; ++i) model.step();
    model.close_both();
    model.compare_everything();
    // What a fresh mount sees must be the same again.
    over_mount.reset();
    REQUIRE(mount->unmount() == 0);
    mount.reset();
    mount = mount_it();
    over_mount = std::make_unique<Side>(mount->path());
    Model(seeds(), *over_mount, local).compare_everything();
  }
  CHECK(server.unfinished_uploads("test") == 0);
}

TEST_CASE("random operations on small files") { run_model(false, false); }
TEST_CASE("random operations on large files") { run_model(true, false); }
TEST_CASE("random operations on small files, written back") { run_model(false, false, true); }
TEST_CASE("random operations on large files, written back") { run_model(true, false, true); }
TEST_CASE("random operations over a plain directory") { run_model(false, true); }

}  // namespace
}  // namespace penstock::test
