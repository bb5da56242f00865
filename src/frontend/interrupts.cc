// SPDX-License-Identifier: Apache-2.0
#include "frontend/interrupts.h"

#include <cerrno>

namespace penstock {
namespace {

Caller caller_of(const fuse_ctx& context) { return {.uid = context.uid, .gid = context.gid}; }

/// Whether a program may be told EINTR before what it asked for is done.
bool may_answer(Effect effect, Stopping stopping) {
  switch (effect) {
    case Effect::none:
      return true;
    case Effect::part:
      return stopping != Stopping::asked;
    case Effect::change:
      break;
  }
  return stopping == Stopping::ends;
}

}  // namespace

PendingRequest::PendingRequest(fuse_req_t the_request, Effect the_effect)
    : request(the_request),
      effect(the_effect),
      caller(caller_of(*fuse_req_ctx(the_request))),
      thread(fuse_req_ctx(the_request)->pid) {}

void Interrupts::enter(const std::shared_ptr<PendingRequest>& pending) {
  {
    const MutexLock lock(mutex_);
    pending->id = next_id_++;
    pending_.emplace(pending->id, Entry{.pending = pending, .since = {}});
  }
  // A number, not a pointer: libfuse may call back while the request is being answered on another
  // thread.
  fuse_req_interrupt_func(pending->request, interrupted, reinterpret_cast<void*>(pending->id));
  const MutexLock lock(mutex_);
  Entry& entry = pending_.at(pending->id);
  entry.entered = true;
  if (entry.interrupted) begin_watching();
}

void Interrupts::leave(const PendingRequest& pending) {
  const MutexLock lock(mutex_);
  const auto found = pending_.find(pending.id);
  if (found->second.interrupted) --watched_;
  pending_.erase(found);
}

void Interrupts::note(uint64_t id) {
  const MutexLock lock(mutex_);
  const auto found = pending_.find(id);
  if (found == pending_.end() || found->second.interrupted) return;
  found->second.interrupted = true;
  if (found->second.entered) begin_watching();
}

void Interrupts::begin_watching() {
  ++watched_;
  noted_.notify_all();
}

void Interrupts::interrupted(fuse_req_t request, void* id) {
  static_cast<SessionContext*>(fuse_req_userdata(request))
      ->interrupts.note(reinterpret_cast<uint64_t>(id));
}

std::vector<Interrupts::Entry> Interrupts::watched(Clock::time_point now) {
  std::vector<Entry> found;
  const MutexLock lock(mutex_);
  if (watched_ == 0) return found;
  for (auto& [id, entry] : pending_) {
    if (!entry.interrupted || !entry.entered) continue;
    if (entry.since == Clock::time_point()) entry.since = now;
    found.push_back(entry);
  }
  return found;
}

bool Interrupts::look(Processes& processes, Gate& answers, Clock::time_point now) {
  const std::vector<Entry> entries = watched(now);
  for (const Entry& entry : entries) {
    PendingRequest& pending = *entry.pending;
    const Stopping stopping = processes.stopping(pending.thread);
    if (stopping == Stopping::no) continue;
    if (stopping == Stopping::unknown && now - entry.since < patience) continue;
    const bool early = may_answer(pending.effect, stopping);
    if (early || pending.effect == Effect::change) pending.cancel.request_stop();
    if (early && pending.claim()) {
      leave(pending);
      if (const auto pass = answers.pass_if_open()) fuse_reply_err(pending.request, EINTR);
    }
  }
  return !entries.empty();
}

void Interrupts::watch(Processes& processes, Gate& answers, const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const MutexLock lock(mutex_);
    noted_.notify_all();
  });
  while (!stop.stop_requested()) {
    const bool again = look(processes, answers, Clock::now());
    const MutexLock lock(mutex_);
    if (stop.stop_requested()) return;
    if (again) {
      noted_.wait_until(mutex_, Clock::now() + interval);
    } else if (watched_ == 0) {
      noted_.wait(mutex_);
    }
  }
}

}  // namespace penstock
