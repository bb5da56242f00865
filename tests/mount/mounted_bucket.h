// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/test_server.h"

namespace penstock::test {

/// Runs a program with extra environment ("NAME=value"); its output goes to `log_file`.
pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
            const std::string& log_file);
/// Waits at most `seconds`; the exit status (128 + n for signal n), or -1 when it still runs.
int wait_for_exit(pid_t pid, double seconds);

/// The program under test with these arguments and a TestServer's credentials.
pid_t spawn_penstock(std::vector<std::string> arguments, const std::string& log_file,
                     const std::string& secret_key = "testsecret");
struct Ran {
  int status = 0;
  std::string output;  ///< What it said, errors included.
};
/// Runs it to its end; -1 as the status, and it is killed, where it has not ended after a minute.
Ran run_penstock(std::vector<std::string> arguments);
bool says(const Ran& ran, const std::string& part);

/// How a mount of a test is made.
struct MountSettings {
  std::vector<std::string> options;  ///< For `penstock mount`.
  std::string bucket = "test";
  std::string prefix;  ///< Below the bucket: "a/b/" or empty.
  std::string secret_key = "testsecret";
  std::filesystem::path keep;  ///< Where cache, journal and state lie, and stay. Empty: its own.
  /// Off but where it is what is tested: a busy machine is a slow server, and a second request for
  /// what was asked already would be counted by tests that count requests.
  std::string hedge = "off";
};

/// The program mounted, in the foreground, with an empty disk cache of its own, on a folder of its
/// own, over a TestServer's bucket (or any URL). It is unmounted and ended when the test is
/// over, however the test ends; the test fails where it cannot be ended in order or where a
/// sanitizer has found a fault in it.
/// Throws std::runtime_error where mounting fails.
class Mounted {
 public:
  Mounted(const TestServer& server, MountSettings settings = {});
  /// Over a plain directory: file://.
  Mounted(const std::filesystem::path& directory, MountSettings settings = {});
  ~Mounted();
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;

  std::filesystem::path path(const std::string& relative = "") const {
    return relative.empty() ? mountpoint_ : mountpoint_ / relative;
  }
  pid_t pid() const { return pid_; }
  std::string log() const;

  /// Takes the mount away as a user does and returns the program's exit status.
  int unmount();
  /// kill -9 of the daemon, then clears the dead mount.
  void kill();
  /// SIGTERM; returns the exit status, -1 if it has not ended after `seconds`.
  int terminate(double seconds);

 private:
  void start(const std::string& url, const MountSettings& settings, std::vector<std::string> extra);
  bool is_mounted() const;
  void clear();

  std::filesystem::path folder_;
  std::filesystem::path mountpoint_;
  pid_t pid_ = -1;
};

/// As if something in the bucket's root had carried attributes before: then a mount has no note of
/// that to write, at a time of its own.
void note_attributes_in_root(TestServer& server, const std::string& bucket = "test");

/// A folder that is removed with everything in it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& path);  ///< Throws std::system_error.
/// open(O_CREAT | O_TRUNC), write, close; each checked. Throws std::system_error with the errno of
/// what failed.
void write_file(const std::filesystem::path& path, const std::string& bytes);
std::string random_bytes(size_t size, uint32_t seed);
/// What a system call failed with; 0: it succeeded.
template <typename Call>
int errno_of(Call&& call) {
  return call() < 0 ? errno : 0;
}
/// What a mount tells by a metric without labels; nothing where it has no samples.
std::optional<uint64_t> metric(const Mounted& mount, const std::string& name);
/// Polls until `condition` holds; false after `seconds`.
bool eventually(const std::function<bool()>& condition, double seconds = 10);

}  // namespace penstock::test
