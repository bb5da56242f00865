// SPDX-License-Identifier: Apache-2.0
// Files that somebody or something has changed: never a wrong byte.
#include <sys/stat.h>

#include "unit/cache/cache_fixture.h"

namespace penstock {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr uint64_t size = 5 * chunk + 77;

/// Reads as the layers above do: what is there from the cache, the rest from `object`, which is
/// then offered. Fails where a byte is wrong.
void read_through(const TestCache& cache, CacheFile& file, const Bytes& object) {
  for (uint64_t at = 0; at < object.size(); at += chunk) {
    const uint64_t length = std::min(chunk, object.size() - at);
    Bytes out(length);
    if (file.missing_from(at, at + length) == at + length && file.read(at, out)) {
      CHECK(out == part(object, at, length));
    } else {
      cache.fill(file, object, at, at + length);
    }
  }
  CHECK(file.missing_from(0, object.size()) == object.size());
  CHECK(read_bytes(file, 0, object.size()) == object);
}

/// The file can be handed to the kernel after at most one check in the background, and is right.
void check_backing(const TestCache& cache, CacheFile& file, const Bytes& object) {
  auto backing = file.backing();
  if (backing == nullptr) {
    cache.scheduler->run();
    backing = file.backing();
  }
  REQUIRE(backing != nullptr);
  Bytes seen(object.size() + 10);
  REQUIRE(pread(backing->fd(), seen.data(), seen.size(), 0) == static_cast<ssize_t>(object.size()));
  seen.resize(object.size());
  CHECK(seen == object);
}

/// Moves the modification time of a file, as any writer does.
void age(const fs::path& path) {
  fs::last_write_time(path, fs::file_time_type::clock::now() + std::chrono::seconds(2));
}

TEST_CASE("a flipped byte while the file is open", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const TestCache other({.directory = dir.path()});
  const Bytes object = object_bytes(size);
  const auto file = cache.put("key", object);
  const auto other_file = other.open("key", size);
  REQUIRE(file->backing() != nullptr);
  const fs::path data = only_file(dir.path(), ".data");
  flip(data, 2 * chunk + 9);
  age(data);

  CHECK(read_bytes(*file, 0, 2 * chunk) == part(object, 0, 2 * chunk));
  CHECK(read_failure(*file, 2 * chunk, 10) == Code::corrupt);
  CHECK(file->missing_from(0, size) == 2 * chunk);
  CHECK_FALSE(file->complete());
  CHECK(file->backing() == nullptr);
  CHECK(cache.cache->stats().corrupt == 1);
  REQUIRE(cache.log->lines().size() == 1);
  CHECK(cache.log->lines()[0].find("damaged data of 'key'") != std::string::npos);
  // The other one believes its memory until it looks.
  CHECK(read_failure(*other_file, 0, size) == Code::unavailable);
  CHECK(other_file->missing_from(0, size) == 2 * chunk);
  read_through(cache, *file, object);
  check_backing(cache, *file, object);
  check_backing(other, *other_file, object);
}

TEST_CASE("a chunk that is dropped takes the seal with it", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const Bytes object = object_bytes(3 * chunk);
  const auto file = cache.put("key", object);
  const fs::path data = only_file(dir.path(), ".data");
  const fs::path map = only_file(dir.path(), ".map");
  const auto seal = [&] {
    std::ifstream in(map, std::ios::binary);
    in.seekg(-static_cast<std::streamoff>(map_seal_size), std::ios::end);
    std::string bytes(map_seal_size, '\0');
    in.read(bytes.data(), map_seal_size);
    return bytes;
  };
  CHECK(seal() != std::string(map_seal_size, '\0'));
  // Silently, as a disk does it: nothing else tells that the seal is wrong.
  const auto before = fs::last_write_time(data);
  flip(data, chunk + 1);
  fs::last_write_time(data, before);
  CHECK(read_failure(*file, 0, object.size()) == Code::corrupt);
  CHECK(seal() == std::string(map_seal_size, '\0'));
}

TEST_CASE("a flipped byte is found before the file backs anything", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(size);
  { TestCache({.directory = dir.path()}).put("key", object); }
  const fs::path data = only_file(dir.path(), ".data");
  flip(data, size - 1);
  age(data);
  const TestCache cache({.directory = dir.path()});
  const auto file = cache.open("key", size);
  CHECK(file->backing() == nullptr);
  cache.scheduler->run();
  CHECK(file->backing() == nullptr);
  CHECK(file->missing_from(0, size) == 5 * chunk);
  read_through(cache, *file, object);
  check_backing(cache, *file, object);
}

TEST_CASE("chunks of an earlier run are checked before a file is sealed", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(size);
  {
    const TestCache cache({.directory = dir.path()});
    cache.fill(*cache.open("key", size), object, 0, 3 * chunk);
  }
  // As after a power cut that kept the map and lost the data.
  flip(only_file(dir.path(), ".data"), chunk);
  const TestCache cache({.directory = dir.path()});
  const auto file = cache.open("key", size);
  cache.fill(*file, object, 3 * chunk, size);
  CHECK(file->backing() == nullptr);
  CHECK(file->missing_from(0, size) == chunk);
}

TEST_CASE("a new modification time costs one check", "[cache]") {
  const TempDir dir;
  const TestCache cache({.directory = dir.path()});
  const Bytes object = object_bytes(size);
  const auto file = cache.put("key", object);
  REQUIRE(file->backing() != nullptr);
  age(only_file(dir.path(), ".data"));
  CHECK(file->backing() == nullptr);
  check_backing(cache, *file, object);
}

TEST_CASE("a copy in the file's place is not trusted unread", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(size);
  { TestCache({.directory = dir.path()}).put("key", object); }
  const fs::path data = only_file(dir.path(), ".data");
  const auto time = fs::last_write_time(data);
  fs::copy_file(data, data.string() + ".copy");
  flip(data.string() + ".copy", 1);
  fs::rename(data.string() + ".copy", data);
  fs::last_write_time(data, time);
  const TestCache cache({.directory = dir.path()});
  const auto file = cache.open("key", size);
  CHECK(file->backing() == nullptr);
  cache.scheduler->run();
  CHECK(file->missing_from(0, size) == 0);
  read_through(cache, *file, object);
  check_backing(cache, *file, object);
}

TEST_CASE("data that are too short or too long", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(size);
  const uint64_t new_size = GENERATE(uint64_t{0}, 2 * chunk + 5, size - 1, size + 1, 100 * chunk);
  const bool open_meanwhile = GENERATE(false, true);
  auto cache = std::make_unique<TestCache>(CacheOptions{.directory = dir.path()});
  auto file = cache->put("key", object);
  fs::resize_file(only_file(dir.path(), ".data"), new_size);
  if (!open_meanwhile) {
    file.reset();
    cache = std::make_unique<TestCache>(CacheOptions{.directory = dir.path()});
    file = cache->open("key", size);
  }
  CHECK(file->backing() == nullptr);
  read_through(*cache, *file, object);
  cache->scheduler->run();
  check_backing(*cache, *file, object);
  CHECK(fs::file_size(only_file(dir.path(), ".data")) == size);
}

TEST_CASE("any byte of a map", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(size);
  { TestCache({.directory = dir.path()}).put("key", object); }
  const fs::path map = only_file(dir.path(), ".map");
  const Bytes whole = [&] {
    std::ifstream file(map, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    return Bytes(bytes, bytes + text.size());
  }();
  for (uint64_t at = 0; at < whole.size(); ++at) {
    INFO("byte " << at);
    flip(only_file(dir.path(), ".map"), at);
    const TestCache cache({.directory = dir.path()});
    const auto file = cache.open("key", size);
    REQUIRE(file != nullptr);
    read_through(cache, *file, object);
    check_backing(cache, *file, object);
  }
}

TEST_CASE("a map of another length", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(size);
  { TestCache({.directory = dir.path()}).put("key", object); }
  const fs::path map = only_file(dir.path(), ".map");
  const uint64_t whole = fs::file_size(map);
  const uint64_t length =
      GENERATE_COPY(uint64_t{0}, uint64_t{20}, uint64_t{60}, whole - 1, whole + 8);
  fs::resize_file(map, length);
  const TestCache cache({.directory = dir.path()});
  cache.scheduler->run();
  const auto file = cache.open("key", size);
  REQUIRE(file != nullptr);
  CHECK(file->missing_from(0, size) == 0);
  read_through(cache, *file, object);
  check_backing(cache, *file, object);
  CHECK(cache.cache->stats().bytes == occupied(dir.path()));
}

TEST_CASE("a map that is cut while the file is open", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(size);
  const TestCache cache({.directory = dir.path()});
  const auto file = cache.put("key", object);
  fs::resize_file(only_file(dir.path(), ".map"), 60);
  CHECK(read_failure(*file, 0, size) == Code::unavailable);
  read_through(cache, *file, object);
}

TEST_CASE("files of two versions that have changed places", "[cache]") {
  const TempDir dir;
  const Bytes one = object_bytes(size, 1);
  const Bytes two = object_bytes(size, 2);
  {
    const TestCache cache({.directory = dir.path()});
    cache.put("one", one);
    cache.put("two", two);
  }
  const std::string ending = GENERATE(".data", ".map");
  const auto files = files_ending(dir.path(), ending);
  REQUIRE(files.size() == 2);
  fs::rename(files[0], dir.path() + "/x");
  fs::rename(files[1], files[0]);
  fs::rename(dir.path() + "/x", files[1]);
  const TestCache cache({.directory = dir.path()});
  for (const auto& [key, object] : {std::pair{"one", one}, std::pair{"two", two}}) {
    const auto file = cache.open(key, size);
    REQUIRE(file != nullptr);
    CHECK(file->backing() == nullptr);
    read_through(cache, *file, object);
    check_backing(cache, *file, object);
  }
}

TEST_CASE("something else in a file's place", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(size);
  { TestCache({.directory = dir.path()}).put("key", object); }
  const std::string ending = GENERATE(".data", ".map");
  const bool link = GENERATE(false, true);
  const fs::path path = only_file(dir.path(), ending);
  fs::remove(path);
  const fs::path target = dir.path() + "/target";
  std::ofstream(target) << "mine";
  if (link) {
    fs::create_symlink(target, path);
  } else {
    fs::create_directory(path);
  }
  const TestCache cache({.directory = dir.path()});
  cache.scheduler->run();
  const auto file = cache.open("key", size);
  if (file != nullptr) read_through(cache, *file, object);
  cache.cache->evict_to(0);
  CHECK(fs::file_size(target) == 4);
  // Other files are not concerned.
  const auto other = cache.put("other", object);
  CHECK(read_bytes(*other, 0, size) == object);
  CHECK(cache.log->lines().size() <= 1);
}

TEST_CASE("verification of everything", "[cache]") {
  const TempDir dir;
  const Bytes object = object_bytes(size);
  const TestCache cache({.directory = dir.path()});
  cache.put("one", object);
  flip(only_file(dir.path(), ".data"), 3 * chunk);
  const fs::path map = only_file(dir.path(), ".map");
  const auto last_use = fs::last_write_time(map);
  cache.put("two", object);
  const auto kept = cache.put("three", object);
  const auto all = [](const DiskCache::VerifyReport&) { return true; };
  auto report = cache.cache->verify(all);
  CHECK(report.files == 3);
  CHECK(report.bytes == 3 * size);
  CHECK(report.damaged_chunks == 1);
  CHECK(report.broken_files == 0);
  CHECK(last_use != fs::file_time_type{});
  report = cache.cache->verify(all);
  CHECK(report.damaged_chunks == 0);
  CHECK(report.bytes == 3 * size - chunk);

  fs::resize_file(map, 10);
  report = cache.cache->verify(all);
  CHECK(report.files == 2);
  CHECK(report.broken_files == 1);
  CHECK(files_ending(dir.path(), ".map").size() == 2);
  CHECK(cache.cache->verify([](const auto&) { return false; }).files == 1);
}

}  // namespace
}  // namespace penstock
