// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "penstock/file_system.h"

namespace penstock {

/// What the signals that wait for a thread mean to it.
enum class Stopping : uint8_t {
  no,       ///< It goes on: none waits, or only such as it ignores or handles in passing.
  asked,    ///< It handles what people stop programs with (SIGINT, SIGTERM, SIGQUIT), and goes on.
  ends,     ///< It runs no more of its program.
  unknown,  ///< Its signals cannot be seen: it is of another PID namespace.
};

/// What is known of the processes that make requests. Thread-safe.
class Processes {
 public:
  virtual ~Processes() = default;
  /// The process that a thread belongs to; unknown_process where that cannot be found out: of 0, by
  /// which the kernel names threads of other PID namespaces, and of threads that have ended.
  virtual ProcessId of(pid_t thread) = 0;
  /// A thread of the kernel itself.
  virtual bool is_of_kernel(ProcessId process) = 0;
  /// False for a process that has ended, or is about to and has let go of its memory already, and
  /// for what is none: a thread of the kernel.
  virtual bool lives(ProcessId process) = 0;
  /// Of a thread that waits for the kernel.
  virtual Stopping stopping(pid_t thread) = 0;
};

/// The processes of this machine. What is asked for several times in a row on one thread costs no
/// system call.
Processes& system_processes();

/// Who closes a descriptor of `handle`, where this thread asks for it.
Closer closer_of(Processes& processes, pid_t thread, FileSystem& file_system, HandleId handle);

}  // namespace penstock
