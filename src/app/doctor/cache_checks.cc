// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/cache_checks.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

#include "app/directories.h"
#include "app/human_text.h"
#include "app/mount_table.h"
#include "base/disk.h"
#include "journal/shared_folder.h"

namespace penstock {
namespace {

/// Less than this and nothing worth it can be kept.
constexpr uint64_t least_room = 256ULL << 20;
/// A disk below it is slower than most links: 50 MB/s.
constexpr double slow_disk = 50e6;

FolderFacts read_folder(const std::string& path, const Environment& environment) {
  FolderFacts facts{.path = path, .nearest = path, .type = {}, .shared = {}};
  if (path.empty()) return facts;
  struct stat status {};
  facts.exists = stat(path.c_str(), &status) == 0;
  while (stat(facts.nearest.c_str(), &status) != 0 && facts.nearest.size() > 1)
    facts.nearest = std::filesystem::path(facts.nearest).parent_path().string();
  facts.owner = status.st_uid;
  facts.writable = S_ISDIR(status.st_mode) && access(facts.nearest.c_str(), W_OK | X_OK) == 0;
  const std::string canonical = canonical_path(facts.nearest, environment.working_directory);
  if (const auto mount = mount_holding(read_mount_table(environment.proc), canonical))
    facts.type = mount->type;
  facts.shared = shared_by_machines(*Disk::system(), facts.nearest);
  struct statvfs space {};
  if (statvfs(facts.nearest.c_str(), &space) == 0) {
    facts.total = static_cast<uint64_t>(space.f_blocks) * space.f_frsize;
    facts.available = static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
  }
  return facts;
}

Finding judge_place(const FolderFacts& cache, uint32_t uid) {
  if (cache.path.empty()) {
    return Finding::note("cache folder", "this user has no home, so there is no cache",
                         "give one with --cache-dir");
  }
  const std::string type = cache.type.empty() ? "" : fmt::format(", on {}", cache.type);
  if (!cache.writable) {
    return Finding::wrong(
        "cache folder",
        fmt::format("{} cannot be written to{}: it is user {}'s", cache.nearest, type, cache.owner),
        cache.exists ? fmt::format("chown {} {}, or give another --cache-dir", uid, cache.path)
                     : fmt::format("mkdir -p {} as root and give it to this user, or give another "
                                   "--cache-dir",
                                   cache.path));
  }
  const std::string found =
      fmt::format("{}{}{}", cache.path, cache.exists ? "" : " (made when it is needed)", type);
  if (!cache.shared.empty()) {
    return Finding::note("cache folder", found,
                         fmt::format("over {} a cache is hardly faster than the store: give a "
                                     "--cache-dir on a disk of this machine",
                                     cache.shared));
  }
  if (cache.type == "tmpfs" || cache.type == "ramfs") {
    return Finding::note("cache folder", found,
                         "that is memory, and gone after a restart: give a --cache-dir on a disk");
  }
  return Finding::ok("cache folder", found);
}

Finding judge_room(const CacheFacts& facts) {
  const std::string found =
      fmt::format("{} free of {}; the cache keeps up to {}, and leaves {} free",
                  human_size(facts.cache.available), human_size(facts.cache.total),
                  human_size(facts.size_limit), human_size(facts.min_free));
  if (facts.cache.available < facts.min_free) {
    return Finding::note("cache room", found,
                         "nothing is added to the cache before there is more room: remove what is "
                         "not needed from this disk, or lower --cache-min-free");
  }
  if (facts.cache.available < least_room) {
    return Finding::wrong("cache room", found,
                          "the disk is full: remove what is not needed, or give another "
                          "--cache-dir");
  }
  if (facts.size_limit < least_room) {
    return Finding::note("cache room", found, "that is little: raise --cache-size");
  }
  return Finding::ok("cache room", found);
}

Finding judge_speed(const DiskRate& rate) {
  if (!rate.problem.empty()) {
    return Finding::wrong("cache speed", "not measured: " + rate.problem,
                          "look into the system's log (dmesg) for what is wrong with that disk");
  }
  const std::string found =
      fmt::format("writes {}/s, reads {}/s{}", human_size(static_cast<uint64_t>(rate.write)),
                  human_size(static_cast<uint64_t>(rate.read)),
                  rate.direct ? "" : " (perhaps from memory: the file system has no O_DIRECT)");
  if (rate.write < slow_disk || rate.read < slow_disk) {
    return Finding::note("cache speed", found,
                         "slower than most links: give a --cache-dir on a faster disk, or do "
                         "without with --no-cache");
  }
  return Finding::ok("cache speed", found);
}

Finding judge_journal(const CacheFacts& facts) {
  const FolderFacts& journal = facts.journal;
  if (journal.path.empty()) {
    return Finding::note("journal folder", "this user has no home, so there is none",
                         "give one with --journal-dir if --write-back is wanted");
  }
  const std::string found =
      fmt::format("{}{}", journal.path, journal.type.empty() ? "" : ", on " + journal.type);
  if (!journal.shared.empty() && !facts.shared_journal_allowed) {
    return Finding::wrong(
        "journal folder", found,
        fmt::format("--write-back refuses it, for other machines may see it over {}: give a "
                    "--journal-dir on a disk of this machine",
                    journal.shared));
  }
  if (!journal.writable) {
    return Finding::wrong("journal folder", fmt::format("{} cannot be written to", journal.nearest),
                          "give a --journal-dir that this user may write to, for --write-back");
  }
  if (journal.type == "tmpfs" || journal.type == "ramfs") {
    return Finding::note("journal folder", found,
                         "what --write-back promises there is gone after a restart: give a "
                         "--journal-dir on a disk");
  }
  return Finding::ok("journal folder", found);
}

}  // namespace

CacheFacts read_cache_facts(const Options& options, const Environment& environment) {
  const std::string& given = options.cache.directory;
  CacheFacts facts{.uid = environment.uid, .cache = {}, .rate = {}, .journal = {}};
  facts.cache =
      read_folder(given.empty() ? default_cache_directory(environment) : given, environment);
  facts.size_limit = options.cache.size_limit.of(facts.cache.total);
  facts.min_free = options.cache.min_free.of(facts.cache.total);
  if (facts.cache.writable && facts.cache.available >= least_room)
    facts.rate = measure_disk(facts.cache.nearest);
  facts.journal =
      read_folder(journal_directory(options.write.journal_dir, given, environment), environment);
  facts.shared_journal_allowed = options.write.shared_journal == WriteOptions::SharedJournal::allow;
  return facts;
}

Findings judge(const CacheFacts& facts) {
  Findings findings{judge_place(facts.cache, facts.uid)};
  if (facts.cache.writable) {
    findings.push_back(judge_room(facts));
    if (facts.rate.write > 0 || !facts.rate.problem.empty())
      findings.push_back(judge_speed(facts.rate));
  }
  findings.push_back(judge_journal(facts));
  return findings;
}

}  // namespace penstock
