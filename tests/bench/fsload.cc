// SPDX-License-Identifier: Apache-2.0
// fsload: puts a file system under load from several threads and says how fast it was. One line of
// JSON per run.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "base/mutex.h"
#include "bench/report.h"

namespace penstock::bench {
namespace {

constexpr const char* usage = R"(usage: fsload COMMAND [OPTION VALUE]...
  read   --file F [--files N] [--block 1M] [--direct 1]   N: F0, F1, ... by a thread each
  pread  --file F [--threads 16] [--length 4K] [--count 2000]        at random
         [--files N] [--direct 1]                 N: of F0, F1, ... in turn
  mmap   --file F [--stride 4M] [--length 1] [--threads 1]   copies that many bytes every stride
         [--shuffle 1] [--part 0] [--parts 1]     at random; every parts-th of these, from the part-th
  tree   --dir D --dirs N --files N [--threads 16] [--count all]     open, read, close, shuffled
  names  --dir D --dirs N --files N [--threads 16] [--count all]     statx past the kernel's
         cache, open, close, shuffled; again from the first one on where count is more than all
  create --dir D --count N --size N [--size-to N] [--threads 16]
  write  --file F --size N [--block 1M] [--fsync 1] [--rename-to X] [--files N]
)";

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class File {
 public:
  File(const std::string& path, int flags)
      : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail(path);
  }
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }
  uint64_t size() const {
    struct stat status = {};
    if (fstat(fd_, &status) != 0) fail(path_);
    return static_cast<uint64_t>(status.st_size);
  }
  void close_checked() {
    const int fd = fd_;
    fd_ = -1;
    if (close(fd) != 0) fail("close " + path_);
  }

 private:
  std::string path_;
  int fd_;
};

/// Memory that O_DIRECT takes too.
class Block {
 public:
  explicit Block(size_t size)
      : size_(size),
        memory_(static_cast<char*>(std::aligned_alloc(4096, (size + 4095) / 4096 * 4096))) {
    std::fill_n(memory_, size, 'p');
  }
  ~Block() { std::free(memory_); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  char* data() { return memory_; }
  size_t size() const { return size_; }

 private:
  size_t size_;
  char* memory_;
};

/// Hands out 0, 1, ... to threads and gathers what they measured.
class Crew {
 public:
  using Work = std::function<uint64_t(uint64_t index)>;  ///< Returns bytes.

  void run(uint64_t threads, uint64_t count, const Work& work) {
    std::vector<std::jthread> crew;
    for (uint64_t i = 0; i < threads; ++i) crew.emplace_back([&] { take_turns(count, work); });
    crew.clear();
    const MutexLock lock(mutex_);
    if (problem_ != nullptr) std::rethrow_exception(problem_);
  }
  void report(Report& report) {
    const MutexLock lock(mutex_);
    report.finish(bytes_, latencies_.size());
    report.add_latencies(latencies_);
    report.print();
  }

 private:
  void take_turns(uint64_t count, const Work& work) {
    std::vector<double> latencies;
    uint64_t bytes = 0;
    try {
      for (uint64_t index = next_++; index < count; index = next_++) {
        const auto begin = Clock::now();
        bytes += work(index);
        latencies.push_back(seconds_since(begin));
      }
    } catch (...) {
      const MutexLock lock(mutex_);
      problem_ = std::current_exception();
      next_ = count;
    }
    const MutexLock lock(mutex_);
    bytes_ += bytes;
    latencies_.insert(latencies_.end(), latencies.begin(), latencies.end());
  }

  std::atomic<uint64_t> next_ = 0;
  Mutex mutex_;
  std::vector<double> latencies_ GUARDED_BY(mutex_);
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  std::exception_ptr problem_ GUARDED_BY(mutex_);
};

uint64_t read_all(const std::string& path, Block& block, int flags = 0) {
  const File file(path, O_RDONLY | flags);
  uint64_t total = 0;
  while (true) {
    const ssize_t got = read(file.fd(), block.data(), block.size());
    if (got < 0) fail("read " + path);
    if (got == 0) break;
    total += static_cast<uint64_t>(got);
  }
  if (total != file.size()) throw std::runtime_error("short read of " + path);
  return total;
}

std::string numbered(const std::string& path, uint64_t files, uint64_t index) {
  return files <= 1 ? path : path + std::to_string(index);
}

void read_streams(const Arguments& arguments) {
  const std::string path = arguments.text("file");
  const uint64_t files = arguments.number("files", 1);
  const uint64_t block_size = arguments.number("block", 1 << 20);
  const int flags = arguments.number("direct", 0) != 0 ? O_DIRECT : 0;
  arguments.expect_all_used();
  Report report;
  Crew crew;
  crew.run(files, files, [&](uint64_t index) {
    Block block(block_size);
    return read_all(numbered(path, files, index), block, flags);
  });
  crew.report(report);
}

void read_at_random(const Arguments& arguments) {
  const std::string path = arguments.text("file");
  const uint64_t length = arguments.number("length", 4096);
  const uint64_t threads = arguments.number("threads", 16);
  const uint64_t count = arguments.number("count", 2000);
  const uint64_t names = std::max<uint64_t>(arguments.number("files", 1), 1);
  const int flags = arguments.number("direct", 0) != 0 ? O_DIRECT : 0;
  arguments.expect_all_used();
  std::deque<File> files;
  for (uint64_t i = 0; i < names; ++i) {
    const File& file = files.emplace_back(numbered(path, names, i), O_RDONLY | flags);
    posix_fadvise(file.fd(), 0, 0, POSIX_FADV_RANDOM);
  }
  const uint64_t blocks = files.front().size() / length;
  std::mt19937_64 random(2);
  std::vector<uint64_t> offsets(count);
  for (uint64_t& offset : offsets) offset = random() % blocks * length;
  Report report;
  Crew crew;
  crew.run(threads, count, [&](uint64_t index) {
    Block room(length);
    const int fd = files[index % names].fd();
    const ssize_t got = pread(fd, room.data(), length, static_cast<off_t>(offsets[index]));
    if (got != static_cast<ssize_t>(length)) fail("pread " + path);
    return length;
  });
  crew.report(report);
}

/// Of pieces numbered from 0 those of one program of several, in order or not.
std::vector<uint64_t> some_pieces(uint64_t count, uint64_t part, uint64_t parts, bool shuffle) {
  std::vector<uint64_t> order(count);
  for (uint64_t i = 0; i < count; ++i) order[i] = i;
  if (shuffle) std::shuffle(order.begin(), order.end(), std::mt19937_64(5));
  std::vector<uint64_t> mine;
  for (uint64_t i = part; i < count; i += parts) mine.push_back(order[i]);
  return mine;
}

void touch_pages(const Arguments& arguments) {
  const std::string path = arguments.text("file");
  const uint64_t stride = arguments.number("stride", 4 << 20);
  const uint64_t length = arguments.number("length", 1);
  const uint64_t threads = arguments.number("threads", 1);
  const bool shuffle = arguments.number("shuffle", 0) != 0;
  const uint64_t part = arguments.number("part", 0);
  const uint64_t parts = std::max<uint64_t>(arguments.number("parts", 1), 1);
  arguments.expect_all_used();
  const File file(path, O_RDONLY);
  const uint64_t size = file.size();
  const std::vector<uint64_t> pieces = some_pieces(size / stride, part, parts, shuffle);
  void* memory = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (memory == MAP_FAILED) fail("mmap " + path);
  const auto* bytes = static_cast<const char*>(memory);
  Report report;
  Crew crew;
  crew.run(threads, pieces.size(), [&](uint64_t index) {
    std::vector<char> copy(length);
    std::memcpy(copy.data(), bytes + pieces[index] * stride, length);
    // Without this the compiler may see that nobody looks at the copy.
    asm volatile("" : : "r"(copy.data()) : "memory");
    return length;
  });
  crew.report(report);
  munmap(memory, size);
}

/// The files of a tree as the test server makes them up, in an order that is no order.
class Tree {
 public:
  explicit Tree(const Arguments& arguments)
      : root_(arguments.text("dir") + "/"), files_(arguments.number("files", 100)) {
    const uint64_t total = arguments.number("dirs", 1) * files_;
    for (uint64_t i = 0; i < total; ++i) order_.push_back(i);
    std::shuffle(order_.begin(), order_.end(), std::mt19937_64(3));
  }

  uint64_t size() const { return order_.size(); }
  std::string path(uint64_t index) const {
    const uint64_t number = order_[index % order_.size()];
    std::array<char, 48> name = {};
    std::snprintf(name.data(), name.size(), "d%04u/f%06u", static_cast<unsigned>(number / files_),
                  static_cast<unsigned>(number % files_));
    return root_ + name.data();
  }

 private:
  std::string root_;
  uint64_t files_;
  std::vector<uint64_t> order_;
};

void read_tree(const Arguments& arguments) {
  const Tree tree(arguments);
  const uint64_t threads = arguments.number("threads", 16);
  const uint64_t count = std::min(tree.size(), arguments.number("count", tree.size()));
  arguments.expect_all_used();
  Report report;
  Crew crew;
  crew.run(threads, count, [&](uint64_t index) {
    Block block(256 << 10);
    return read_all(tree.path(index), block);
  });
  crew.report(report);
}

void look_at_names(const Arguments& arguments) {
  const Tree tree(arguments);
  const uint64_t threads = arguments.number("threads", 16);
  const uint64_t count = arguments.number("count", tree.size());
  arguments.expect_all_used();
  Report report;
  Crew crew;
  crew.run(threads, count, [&](uint64_t index) -> uint64_t {
    const std::string path = tree.path(index);
    struct statx status = {};
    if (statx(AT_FDCWD, path.c_str(), AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &status) != 0)
      fail("statx " + path);
    const File file(path, O_RDONLY);
    return 0;
  });
  crew.report(report);
}

void write_all(int fd, Block& block, uint64_t size) {
  while (size > 0) {
    const ssize_t written = write(fd, block.data(), std::min<uint64_t>(size, block.size()));
    if (written < 0) fail("write");
    size -= static_cast<uint64_t>(written);
  }
}

void create_files(const Arguments& arguments) {
  const std::string root = arguments.text("dir") + "/";
  const uint64_t count = arguments.number("count", 500);
  const uint64_t least = arguments.number("size", 16 << 10);
  const std::vector<uint64_t> sizes = file_sizes(count, least, arguments.number("size-to", least));
  const uint64_t threads = arguments.number("threads", 16);
  arguments.expect_all_used();
  Report report;
  Crew crew;
  crew.run(threads, count, [&](uint64_t index) {
    const uint64_t size = sizes[index];
    Block block(size);
    File file(root + "n" + std::to_string(index), O_WRONLY | O_CREAT | O_EXCL);
    write_all(file.fd(), block, size);
    file.close_checked();
    return size;
  });
  crew.report(report);
}

void write_streams(const Arguments& arguments) {
  const std::string path = arguments.text("file");
  const uint64_t files = arguments.number("files", 1);
  const uint64_t size = arguments.number("size", 0);
  const uint64_t block_size = arguments.number("block", 1 << 20);
  const bool sync = arguments.number("fsync", 0) != 0;
  const std::string rename_to = arguments.text("rename-to");
  arguments.expect_all_used();
  std::atomic<double> fsync_seconds = 0;
  std::atomic<double> close_seconds = 0;
  std::atomic<double> rename_seconds = 0;
  const auto timed = [](std::atomic<double>& slowest, const std::function<void()>& work) {
    const auto begin = Clock::now();
    work();
    slowest = std::max(slowest.load(), seconds_since(begin));
  };
  Report report;
  Crew crew;
  crew.run(files, files, [&](uint64_t index) {
    const std::string name = numbered(path, files, index);
    Block block(block_size);
    File file(name, O_WRONLY | O_CREAT | O_TRUNC);
    write_all(file.fd(), block, size);
    if (sync) {
      timed(fsync_seconds, [&] {
        if (fsync(file.fd()) != 0) fail("fsync " + name);
      });
    }
    timed(close_seconds, [&] { file.close_checked(); });
    if (!rename_to.empty()) {
      timed(rename_seconds, [&] {
        if (rename(name.c_str(), numbered(rename_to, files, index).c_str()) != 0)
          fail("rename " + name);
      });
    }
    return size;
  });
  report.add("fsync_s", fsync_seconds);
  report.add("close_s", close_seconds);
  report.add("rename_s", rename_seconds);
  crew.report(report);
}

int run(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "--help";
  if (command == "--help") {
    std::fputs(usage, stdout);
    return 0;
  }
  const Arguments arguments(argc, argv, 2);
  const std::map<std::string, std::function<void(const Arguments&)>> commands = {
      {"read", read_streams},  {"pread", read_at_random}, {"mmap", touch_pages},
      {"tree", read_tree},     {"names", look_at_names},  {"create", create_files},
      {"write", write_streams}};
  const auto found = commands.find(command);
  if (found == commands.end()) throw std::invalid_argument("unknown command " + command);
  found->second(arguments);
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  try {
    return penstock::bench::run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "fsload: %s\n", problem.what());
    return 1;
  }
}
