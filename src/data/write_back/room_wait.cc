// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/room_wait.h"

namespace penstock {

bool RoomWait::may_come(const Error& error, Scheduler::Time since) {
  if (error.code() != Code::no_space || waited_in_vain_) return false;
  // Without a promise that an upload could fulfil there is little to wait for.
  const bool uploads = core_.parts.journal.stats().files > 0;
  const bool may_come = core_.full_disk.may_come(since, uploads, now());
  waited_in_vain_ = !may_come;
  return may_come;
}

}  // namespace penstock
