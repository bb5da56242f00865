// SPDX-License-Identifier: Apache-2.0
#include "app/daemon/flush_on_abort.h"

#include <atomic>
#include <csignal>

#include "base/log_writer.h"

namespace penstock {
namespace {

std::atomic<const Log*> last_words;

/// abort() goes on when it returns. Where it is the log's own thread that aborts, it waits in vain.
void flush(int /*number*/) {
  if (const Log* log = last_words.load()) log->wait_written(LogLimits{}.farewell);
}

void set_action(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(SIGABRT, &action, nullptr);
}

}  // namespace

FlushOnAbort::FlushOnAbort(const Log& log) {
  last_words = &log;
  set_action(flush);
}

FlushOnAbort::~FlushOnAbort() {
  set_action(SIG_DFL);
  last_words = nullptr;
}

}  // namespace penstock
