// SPDX-License-Identifier: Apache-2.0
#include "frontend/read_ahead.h"

#include <fmt/core.h>

#include <fstream>
#include <sstream>

namespace penstock {
namespace {

/// mountinfo writes space, tab, newline and backslash as octal escapes (proc_pid_mountinfo(5)).
std::string unescape(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      result += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

/// "MAJOR:MINOR" of the last mount at the path; asking the file system itself would wait for us.
/// Empty: not found.
std::string device_of(const std::string& mountpoint) {
  std::ifstream mounts("/proc/self/mountinfo");
  std::string line;
  std::string device;
  while (std::getline(mounts, line)) {
    std::istringstream fields(line);
    std::string id;
    std::string parent;
    std::string numbers;
    std::string root;
    std::string path;
    fields >> id >> parent >> numbers >> root >> path;
    if (unescape(path) == mountpoint) device = numbers;
  }
  return device;
}

}  // namespace

Result<void> set_kernel_read_ahead(const std::string& mountpoint, uint64_t bytes) {
  const std::string device = device_of(mountpoint);
  if (device.empty()) return Error(Code::not_found, fmt::format("no mount at '{}'", mountpoint));
  const std::string path = fmt::format("/sys/class/bdi/{}/read_ahead_kb", device);
  std::ofstream file(path);
  file << bytes / 1024 << std::flush;
  if (!file) return Error(Code::access_denied, fmt::format("cannot write {}", path));
  return {};
}

}  // namespace penstock
