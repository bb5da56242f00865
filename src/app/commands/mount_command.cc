// SPDX-License-Identifier: Apache-2.0
#include "app/commands/mount_command.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "app/configured.h"
#include "app/daemon/background.h"
#include "app/daemon/serve.h"
#include "app/directories.h"
#include "app/mount_checks.h"
#include "app/mount_table.h"
#include "config/render.h"
#include "fs/names/storage_classes.h"
#include "store/store_factory.h"

namespace penstock {
namespace {

/// In one piece: the log of a mount in the foreground goes to standard error too, by another
/// thread.
int fail(const Streams& streams, std::string_view message) {
  streams.err << fmt::format("penstock: {}\n", message);
  return 1;
}

/// Fills in what depends on the machine, and checks what can be checked before anything is started.
Result<StoreUrl> prepare(Options& options, const Environment& environment) {
  Result<StoreUrl> url = parse_store_url(options.store.url);
  if (!url) return url;
  MountOptions& mount = options.mount;
  mount.mountpoint = canonical_path(mount.mountpoint, environment.working_directory);
  if (options.write.state_dir.empty())
    options.write.state_dir = default_state_directory(environment);
  // A folder as the store is on a local disk as it is.
  options.write.journal_dir =
      journal_directory(options.write.journal_dir, options.cache.directory, environment);
  if (options.write.write_back && options.write.journal_dir.empty()) {
    return Error(Code::invalid_argument,
                 "--write-back needs a folder for its journal, and you have no home: give "
                 "--journal-dir");
  }
  if (options.write.write_back && options.mount.read_only)
    return Error(Code::invalid_argument, "--write-back and --read-only contradict each other");
  const bool cached =
      !options.cache.off && (url->kind == StoreUrl::Kind::s3 || !options.cache.directory.empty());
  options.cache.required = !options.cache.directory.empty();
  if (!cached) {
    options.cache.directory.clear();
  } else if (options.cache.directory.empty()) {
    options.cache.directory = default_cache_directory(environment);
  }
  if (options.cache.directory.empty() &&
      options.read.prefetch_epoch == ReadOptions::PrefetchEpoch::on) {
    return Error(Code::invalid_argument,
                 "--prefetch-epoch=on needs a cache to fetch into: give it a folder with "
                 "--cache-dir, and leave out --no-cache");
  }
  if (auto classes = StorageClasses::parse(mount.storage_class); !classes) return classes.error();
  if (Result<void> checked = check_kept_folders(options, environment); !checked)
    return checked.error();
  if (Result<MountpointState> checked = check_mountpoint(mount, *url, environment); !checked)
    return checked.error();
  if (Result<void> checked = check_no_loop(*url, mount.mountpoint); !checked)
    return checked.error();
  if (Result<void> checked = check_fuse(environment); !checked) return checked.error();
  return url;
}

class ForegroundReport final : public StartReport {
 public:
  ForegroundReport(const Streams& streams, const Options& options)
      : streams_(streams), options_(options) {}

  bool ready() override {
    streams_.out
        << fmt::format("penstock: {} is mounted at {}; end it with Ctrl-C or: penstock umount {}\n",
                       options_.store.url, options_.mount.mountpoint, options_.mount.mountpoint)
        << std::flush;
    return true;
  }
  void failed(const std::string& message) override { fail(streams_, message); }

 private:
  const Streams& streams_;
  const Options& options_;
};

/// One request that the new mount must answer, so that "it works" is true: serving may have ended
/// as it began.
int confirm(const Options& options, const Streams& streams) {
  struct stat status {};
  if (stat(options.mount.mountpoint.c_str(), &status) == 0) return 0;
  return fail(streams,
              fmt::format("{} was mounted but does not answer: {}; see {}",
                          options.mount.mountpoint, std::strerror(errno),
                          options.log.file.empty() ? "the system's log (journalctl -t penstock)"
                                                   : options.log.file));
}

}  // namespace

int mount_command(std::span<const std::string> arguments, bool mount_helper, const Streams& streams,
                  const Environment& environment) {
  Result<MountArguments> parsed = parse_configured_mount(arguments, mount_helper, environment);
  if (!parsed) return fail(streams, parsed.error().message());
  if (parsed->wish != MountArguments::Wish::mount) {
    streams.out << render_help(parsed->wish == MountArguments::Wish::help_all);
    return 0;
  }
  Options options = std::move(parsed->options);
  const Result<StoreUrl> url = prepare(options, environment);
  if (!url) return fail(streams, url.error().message());
  if (parsed->fake) return 0;
  if (Result<void> cleared = clear_dead_mounts(options.mount, *url, environment); !cleared)
    return fail(streams, cleared.error().message());

  if (options.mount.foreground) {
    ForegroundReport report(streams, options);
    return serve_mount(options, *url, environment, report, &streams);
  }
  bool in_child = false;
  const int status = run_in_background(
      streams,
      [&](StartReport& report) { return serve_mount(options, *url, environment, report, nullptr); },
      in_child);
  return in_child || status != 0 ? status : confirm(options, streams);
}

}  // namespace penstock
