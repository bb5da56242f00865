// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/kernel_checks.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <fstream>
#include <string_view>
#include <system_error>

#include "app/mount_checks.h"

namespace penstock {
namespace {

/// The first file `name` in one of the folders of PATH that may be run.
std::string find_program(const std::string& name, const std::string& path) {
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    std::string candidate = fmt::format("{}/{}", path.substr(begin, end - begin), name);
    if (end > begin && access(candidate.c_str(), X_OK) == 0) return candidate;
    begin = end + 1;
  }
  return "";
}

bool is_setuid(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && (status.st_mode & S_ISUID) != 0 && status.st_uid == 0;
}

bool has_line(const std::string& file, std::string_view wanted) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find_first_not_of(" \t");
    if (first == std::string::npos) continue;
    const size_t last = line.find_last_not_of(" \t\r");
    if (line.substr(first, last - first + 1) == wanted) return true;
  }
  return false;
}

/// mount(8) looks in these.
std::string find_mount_helper() {
  constexpr std::array<const char*, 4> places{"/sbin/mount.penstock", "/sbin/mount.fuse.penstock",
                                              "/usr/sbin/mount.penstock",
                                              "/usr/local/sbin/mount.penstock"};
  for (const char* place : places) {
    if (access(place, X_OK) == 0) return place;
  }
  return "";
}

Finding judge_kernel(const KernelFacts& facts) {
  if (!kernel_at_least(facts.release, 5, 10)) {
    return Finding::wrong("kernel", fmt::format("Linux {}", facts.release),
                          "Penstock is tested with Linux 5.10 and newer: update the kernel");
  }
  if (!kernel_at_least(facts.release, 6, 6)) {
    return Finding::note(
        "kernel", fmt::format("Linux {}", facts.release),
        "before Linux 6.6 a write with O_DIRECT does not show to who has mapped the file; 6.9 also "
        "reads the cache's files without Penstock (passthrough)");
  }
  return Finding::ok("kernel", fmt::format("Linux {}", facts.release));
}

Finding judge_fusermount(const KernelFacts& facts) {
  if (facts.fusermount.empty()) {
    const std::string found = "fusermount3 is not in PATH";
    const std::string advice = "install the package fuse3";
    return facts.root ? Finding::note("fusermount3", found + "; root does without it", advice)
                      : Finding::wrong("fusermount3", found, advice);
  }
  if (!facts.root && !facts.fusermount_setuid) {
    return Finding::wrong(
        "fusermount3",
        fmt::format("{} does not run as root, so that users cannot mount", facts.fusermount),
        fmt::format("as root: chown root {0} && chmod 4755 {0}, or install the package fuse3 anew",
                    facts.fusermount));
  }
  return Finding::ok("fusermount3", facts.fusermount);
}

Finding judge_allow_other(const KernelFacts& facts) {
  if (facts.user_allow_other) return Finding::ok("allow-other", "users may say --allow-other");
  if (facts.root) return Finding::ok("allow-other", "root may say --allow-other");
  return Finding::note("allow-other", "only root may say --allow-other here",
                       "if other users shall see your mounts: add the line user_allow_other to "
                       "/etc/fuse.conf, as root");
}

}  // namespace

bool kernel_at_least(const std::string& release, uint32_t major, uint32_t minor) {
  uint32_t have_major = 0;
  uint32_t have_minor = 0;
  const char* const end = release.data() + release.size();
  const auto first = std::from_chars(release.data(), end, have_major);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') return false;
  if (std::from_chars(first.ptr + 1, end, have_minor).ec != std::errc()) return false;
  return have_major != major ? have_major > major : have_minor >= minor;
}

KernelFacts read_kernel_facts(const Environment& environment) {
  KernelFacts facts;
  utsname kernel{};
  uname(&kernel);
  facts.release = kernel.release;
  if (const Result<void> fuse = check_fuse(environment); !fuse)
    facts.fuse_problem = fuse.error().message();
  facts.root = environment.uid == 0;
  facts.fusermount = find_program("fusermount3", environment.variable("PATH"));
  facts.fusermount_setuid = !facts.fusermount.empty() && is_setuid(facts.fusermount);
  facts.user_allow_other = has_line("/etc/fuse.conf", "user_allow_other");
  facts.mount_helper = find_mount_helper();
  facts.libfuse = libfuse_version();
  facts.io_uring = io_uring_possible();
  return facts;
}

Findings judge(const KernelFacts& facts) {
  Findings findings{judge_kernel(facts)};
  if (facts.fuse_problem.empty()) {
    findings.push_back(Finding::ok("fuse", "/dev/fuse can be opened"));
  } else {
    findings.push_back(Finding::wrong("fuse", facts.fuse_problem,
                                      "nothing can be mounted before that is put right"));
  }
  findings.push_back(judge_fusermount(facts));
  findings.push_back(judge_allow_other(facts));
  findings.push_back(facts.mount_helper.empty()
                         ? Finding::note("mount helper",
                                         "mount(8) and fstab do not know the type penstock",
                                         "if fstab shall mount: ln -s $(command -v penstock) "
                                         "/sbin/mount.penstock, which the packages do")
                         : Finding::ok("mount helper", facts.mount_helper));
  findings.push_back(Finding::ok("libfuse", facts.libfuse));
  findings.push_back(Finding::ok(
      "io_uring", facts.io_uring.on ? "--io-uring=on can be had"
                                    : fmt::format("not to be had, and only for --io-uring=on: {}",
                                                  facts.io_uring.why_not)));
  return findings;
}

}  // namespace penstock
