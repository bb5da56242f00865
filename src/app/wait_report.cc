// SPDX-License-Identifier: Apache-2.0
#include "app/wait_report.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "app/human_text.h"
#include "app/unmount.h"

namespace penstock {

WaitReport::WaitReport(const MountProcess& process, std::string mountpoint, std::ostream& out,
                       const Environment& environment)
    : process_(process),
      device_(process.device()),
      mountpoint_(std::move(mountpoint)),
      terminal_(environment.terminal),
      proc_(environment.proc),
      line_(out, terminal_) {}

void WaitReport::show() {
  say_copies();
  const std::string text = waiting_text();
  if (terminal_ || text != shown_) line_.show(text);
  shown_ = text;
}

std::string WaitReport::waiting_text() const {
  const std::optional<MountProcess::Pending> pending = process_.pending();
  if (!pending && copies_said_) {
    return fmt::format("penstock: waiting for the end of process {}, which serves them ...",
                       process_.pid());
  }
  std::string text =
      fmt::format("penstock: waiting for process {} to upload what was written to {}",
                  process_.pid(), mountpoint_);
  if (pending) text += fmt::format(": {} files, {}", pending->files, human_size(pending->bytes));
  return text + " ...";
}

// The process is told of an unmount when the last copy is gone.
void WaitReport::say_copies() {
  if (copies_said_ || process_.pending()) return;
  const std::vector<MountCopy> copies = find_mount_copies(proc_, device_);
  if (copies.empty()) return;
  copies_said_ = true;
  std::string text = fmt::format(
      "penstock: {} is unmounted here, and still mounted in another mount namespace:", mountpoint_);
  for (const MountCopy& copy : copies) {
    text += fmt::format("\n  process {} ({}) has it at {}", copy.user.pid, copy.user.name,
                        copy.mountpoint);
  }
  line_.say(text + fmt::format("\nEnd them (containers, mostly), or store what is written and end "
                               "the mount for all: penstock umount --force {}",
                               mountpoint_));
}

}  // namespace penstock
