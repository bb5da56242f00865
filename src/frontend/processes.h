// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "penstock/file_system.h"

namespace penstock {

/// The process that a thread belongs to, as /proc has it; unknown_process where that cannot be
/// found out: of 0, by which the kernel names threads of other PID namespaces, and of threads that
/// have ended. What is asked for several times in a row on one thread costs no system call.
ProcessId process_of(pid_t thread);

/// False for a process that has ended, or is about to and has let go of its memory already, and for
/// what is none: a thread of the kernel.
bool lives(ProcessId process);

/// Who closes a descriptor of `handle`, where this thread asks for it.
Closer closer_of(pid_t thread, FileSystem& file_system, HandleId handle);

}  // namespace penstock
