// SPDX-License-Identifier: Apache-2.0
#include "frontend/interrupts.h"

#include <fmt/core.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>

namespace penstock {
namespace {

constexpr uint64_t signal_bit(int number) { return 1ULL << (number - 1); }

/// True where the thread has a signal waiting that ends it, or that a person uses to stop a
/// program.
bool is_being_stopped(pid_t thread) {
  uint64_t pending = 0;
  uint64_t blocked = 0;
  uint64_t ignored = 0;
  uint64_t caught = 0;
  std::ifstream status(fmt::format("/proc/{}/status", thread));
  std::string line;
  while (std::getline(status, line)) {
    const auto mask = [&line](const char* name, uint64_t& into) {
      if (line.starts_with(name)) into |= std::stoull(line.substr(line.find(':') + 1), nullptr, 16);
    };
    mask("SigPnd:", pending);
    mask("ShdPnd:", pending);
    mask("SigBlk:", blocked);
    mask("SigIgn:", ignored);
    mask("SigCgt:", caught);
  }
  constexpr uint64_t asked_to_stop = signal_bit(SIGINT) | signal_bit(SIGTERM) | signal_bit(SIGQUIT);
  // Their default action is to be ignored, or to stop and continue.
  constexpr uint64_t harmless = signal_bit(SIGCHLD) | signal_bit(SIGURG) | signal_bit(SIGWINCH) |
                                signal_bit(SIGCONT) | signal_bit(SIGSTOP) | signal_bit(SIGTSTP) |
                                signal_bit(SIGTTIN) | signal_bit(SIGTTOU);
  const uint64_t delivered = pending & ~blocked & ~ignored & ~harmless;
  return (delivered & (~caught | asked_to_stop)) != 0;
}

}  // namespace

void Interrupts::enter(const std::shared_ptr<PendingRequest>& pending) {
  {
    const MutexLock lock(mutex_);
    pending->id = next_id_++;
    pending_.emplace(pending->id, pending);
  }
  // A number, not a pointer: libfuse may call back while the request is being answered on another
  // thread.
  fuse_req_interrupt_func(pending->request, interrupted, reinterpret_cast<void*>(pending->id));
}

void Interrupts::leave(const PendingRequest& pending) {
  const MutexLock lock(mutex_);
  pending_.erase(pending.id);
}

std::shared_ptr<PendingRequest> Interrupts::find(uint64_t id) {
  const MutexLock lock(mutex_);
  const auto it = pending_.find(id);
  return it == pending_.end() ? nullptr : it->second;
}

void Interrupts::interrupted(fuse_req_t request, void* id) {
  auto* context = static_cast<SessionContext*>(fuse_req_userdata(request));
  const std::shared_ptr<PendingRequest> pending =
      context->interrupts.find(reinterpret_cast<uint64_t>(id));
  if (pending == nullptr || !is_being_stopped(fuse_req_ctx(request)->pid)) return;
  pending->cancel.request_stop();
  if (pending->claim()) {
    context->interrupts.leave(*pending);
    fuse_reply_err(request, EINTR);
  }
}

}  // namespace penstock
