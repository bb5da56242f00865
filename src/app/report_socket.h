// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "app/owned_fd.h"
#include "penstock/result.h"

namespace penstock {

/// A Unix socket beside a mount's PidFile: whoever connects is sent what `answer` says then, and
/// the end of the connection. For the user who mounts, and for root. A mount has one for its report
/// and one for its metrics.
class ReportSocket {
 public:
  using Answer = std::function<std::string()>;

  static std::string path(const std::string& pid_file) { return pid_file + ".sock"; }
  static std::string metrics_path(const std::string& pid_file) { return pid_file + ".metrics"; }

  /// Replaces what lies at `path`: who calls holds the lock of the PidFile. `answer` is called on a
  /// thread of the socket's.
  static Result<std::unique_ptr<ReportSocket>> listen(const std::string& path, Answer answer);
  ReportSocket(const ReportSocket&) = delete;
  ReportSocket& operator=(const ReportSocket&) = delete;
  /// Waits for an answer that is being given, and removes the socket.
  ~ReportSocket();

 private:
  ReportSocket(std::string path, OwnedFd socket, OwnedFd stop, Answer answer);
  void serve();

  const std::string path_;
  const Answer answer_;
  OwnedFd socket_;
  OwnedFd stop_;
  std::jthread thread_;
};

/// What the process behind the socket at `path` says. not_found: nobody listens there;
/// access_denied: another user does; timed_out: no answer within some seconds.
Result<std::string> ask_report(const std::string& path);

}  // namespace penstock
