// SPDX-License-Identifier: Apache-2.0
#include "mount/mounted_bucket.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <iostream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "support/catch.h"

extern char** environ;

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

[[noreturn]] void fail(const std::string& what, const fs::path& path) {
  throw std::system_error(errno, std::generic_category(), what + " " + path.string());
}

}  // namespace

pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
            const std::string& log_file) {
  std::vector<std::string> variables = environment;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string variable = *at;
    if (!variable.starts_with("AWS_")) variables.push_back(variable);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, arguments[0].c_str(), &actions, nullptr,
                                pointers(arguments).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), arguments[0]);
  return pid;
}

int wait_for_exit(pid_t pid, double seconds) {
  int status = 0;
  const auto exited = [&] { return waitpid(pid, &status, WNOHANG) == pid; };
  if (!eventually(exited, seconds)) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t spawn_penstock(std::vector<std::string> arguments, const std::string& log_file,
                     const std::string& secret_key) {
  arguments.insert(arguments.begin(), PENSTOCK_BINARY);
  return spawn(arguments,
               {"AWS_ACCESS_KEY_ID=testaccess", "AWS_SECRET_ACCESS_KEY=" + secret_key,
                "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE=/dev/null"},
               log_file);
}

bool says(const Ran& ran, const std::string& part) {
  return ran.output.find(part) != std::string::npos;
}

Ran run_penstock(std::vector<std::string> arguments) {
  const TempFolder folder;
  const std::string log = folder.path() / "log";
  const pid_t pid = spawn_penstock(std::move(arguments), log);
  const int status = wait_for_exit(pid, 60);
  if (status < 0) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  return {.status = status, .output = read_file(log)};
}

std::optional<uint64_t> metric(const Mounted& mount, const std::string& name) {
  const Ran ran = run_penstock({"stats", "--prometheus", mount.path().string()});
  const size_t at = ran.output.find("\n" + name + " ");
  if (at == std::string::npos) return std::nullopt;
  return static_cast<uint64_t>(std::stod(ran.output.substr(at + name.size() + 2)));
}

bool eventually(const std::function<bool()>& condition, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

void note_attributes_in_root(TestServer& server, const std::string& bucket) {
  server.put_object(bucket, ".penstock/root", "", {{"penstock-children", "carry-attributes"}});
}

TempFolder::TempFolder() {
  std::string name = (fs::temp_directory_path() / "penstock-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) fail("mkdtemp", name);
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Mounted::Mounted(const TestServer& server, MountSettings settings) {
  start("s3://" + settings.bucket + "/" + settings.prefix, settings,
        {"--endpoint-url", server.endpoint(), "--region", "us-east-1", "--hedge", settings.hedge});
}

Mounted::Mounted(const fs::path& directory, MountSettings settings) {
  start("file://" + directory.string(), settings, {});
}

void Mounted::start(const std::string& url, const MountSettings& settings,
                    std::vector<std::string> extra) {
  std::string name = (fs::temp_directory_path() / "penstock-mount-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) fail("mkdtemp", name);
  folder_ = name;
  mountpoint_ = folder_ / "mnt";
  fs::create_directory(mountpoint_);
  const bool own = settings.keep.empty();
  const fs::path state =
      own ? fs::temp_directory_path() / "penstock-test-state" : settings.keep / "state";
  const fs::path cache = (own ? folder_ : settings.keep) / "cache";
  std::vector<std::string> arguments = {"mount",       "--foreground", "--log-level",
                                        "debug",       "--state-dir",  state.string(),
                                        "--cache-dir", cache.string()};
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  arguments.insert(arguments.end(), settings.options.begin(), settings.options.end());
  arguments.push_back(url);
  arguments.push_back(mountpoint_.string());
  pid_ = spawn_penstock(std::move(arguments), (folder_ / "log").string(), settings.secret_key);
  bool exited = false;
  const auto ready = [&] {
    exited = waitpid(pid_, nullptr, WNOHANG) == pid_;
    return exited || is_mounted();
  };
  if (eventually(ready, 20) && !exited) {
    // The mount is in the table before it has heard the kernel's first message: who unmounted it
    // then would end its start.
    struct statvfs asked {};
    (void)statvfs(mountpoint_.c_str(), &asked);
    return;
  }
  const std::string why = log();
  if (exited) pid_ = -1;
  clear();
  throw std::runtime_error("the mount did not come up: " + why);
}

Mounted::~Mounted() {
  // In order, so that what a sanitizer finds at the end of the program is found.
  if (pid_ > 0) CHECK(terminate(60) >= 0);
  const std::string said = log();
  clear();
  UNSCOPED_INFO(said);
  const bool sanitizer_reports = said.find("Sanitizer: ") != std::string::npos ||
                                 said.find(": runtime error: ") != std::string::npos;
  CHECK_FALSE(sanitizer_reports);
}

void Mounted::clear() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  while (umount2(mountpoint_.c_str(), MNT_DETACH) == 0) {
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

bool Mounted::is_mounted() const {
  std::ifstream mounts("/proc/self/mounts");
  std::string line;
  while (std::getline(mounts, line)) {
    if (line.find(" " + mountpoint_.string() + " fuse.penstock ") != std::string::npos) return true;
  }
  return false;
}

std::string Mounted::log() const { return read_file(folder_ / "log"); }

int Mounted::unmount() {
  if (umount2(mountpoint_.c_str(), 0) != 0) fail("umount", mountpoint_);
  const int status = wait_for_exit(pid_, 60);
  if (status >= 0) pid_ = -1;
  if (status != 0) std::cerr << log();
  return status;
}

void Mounted::kill() {
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  umount2(mountpoint_.c_str(), MNT_DETACH);
}

int Mounted::terminate(double seconds) {
  ::kill(pid_, SIGTERM);
  const int status = wait_for_exit(pid_, seconds);
  if (status >= 0) pid_ = -1;
  return status;
}

std::string read_file(const fs::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("open", path);
  std::string result;
  std::vector<char> buffer(1 << 20);
  ssize_t got = 0;
  while ((got = read(fd, buffer.data(), buffer.size())) > 0)
    result.append(buffer.data(), static_cast<size_t>(got));
  const int error = errno;
  close(fd);
  errno = error;
  if (got < 0) fail("read", path);
  return result;
}

void write_file(const fs::path& path, const std::string& bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) fail("open", path);
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n =
        write(fd, bytes.data() + written, std::min<size_t>(bytes.size() - written, 1 << 20));
    if (n < 0) {
      const int error = errno;
      close(fd);
      errno = error;
      fail("write", path);
    }
    written += static_cast<size_t>(n);
  }
  if (close(fd) != 0) fail("close", path);
}

std::string random_bytes(size_t size, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::string result(size, '\0');
  for (size_t i = 0; i + 8 <= size; i += 8) {
    const uint64_t word = random();
    std::copy_n(reinterpret_cast<const char*>(&word), 8, result.data() + i);
  }
  return result;
}

}  // namespace penstock::test
