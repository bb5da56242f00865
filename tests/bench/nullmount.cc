// SPDX-License-Identifier: Apache-2.0
// nullmount: the real program over a store that answers from memory; the ceiling that FUSE sets.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <thread>

#include "app/mount/mount.h"
#include "bench/null_store.h"
#include "bench/report.h"

namespace penstock::bench {
namespace {

constexpr const char* usage =
    "usage: nullmount --size N MOUNTPOINT\nServes one file, f0, until SIGTERM.\n";

int run(int argc, char** argv) {
  if (argc != 4) {
    std::fputs(usage, stderr);
    return 2;
  }
  const Arguments arguments(argc - 1, argv, 1);
  const uint64_t size = arguments.number("size", 0);
  arguments.expect_all_used();
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Options options;
  options.store.url = "null";
  options.mount.mountpoint = argv[3];
  options.mount.read_only = true;
  options.mount.uid = getuid();
  options.mount.gid = getgid();
  auto mount = Mount::start(
      options, "",
      [&](Scheduler&) -> Result<std::unique_ptr<OpenedStore>> { return make_null_store(size); },
      Log::to_file("", LogLevel::info));
  if (!mount) throw std::runtime_error(mount.error().describe());
  FuseSession& session = (*mount)->session();
  const std::jthread watcher([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    session.exit();
  });
  const Result<void> served = session.run();
  // Where the mount was taken down by others, the watcher still waits.
  kill(getpid(), SIGTERM);
  return served ? 0 : 1;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  try {
    return penstock::bench::run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "nullmount: %s\n", problem.what());
    return 1;
  }
}
