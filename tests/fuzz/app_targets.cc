// SPDX-License-Identifier: Apache-2.0
// What commands read: logs, lists, and what mounts and the kernel tell.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "app/access/access_record.h"
#include "app/access/replay_log.h"
#include "app/metrics/metric_reading.h"
#include "app/mount_report.h"
#include "app/mount_table.h"
#include "app/pid_file.h"
#include "app/warm/manifest.h"
#include "data/epoch/hint_lines.h"
#include "fuzz/parsers.h"
#include "fuzz/target.h"
#include "fuzz/temp_file.h"

namespace penstock::fuzz {
namespace {

/// No component of the path leads up, or nowhere.
bool stays_inside(const std::string& path) {
  const std::string framed = "/" + path + "/";
  return framed.find("/../") == std::string::npos && framed.find("/./") == std::string::npos;
}

void access_record(std::string_view line) {
  const Result<AccessRecord> parsed = parse_access_line(line);
  if (!parsed) return must(parsed.code() == Code::corrupt, "what is no record is corrupt");
  if (parsed->path)
    must(!parsed->path->starts_with('/') && stays_inside(*parsed->path), "a path stays inside");
  must(parsed->began_us >= 0 && parsed->took_us >= 0, "no time is negative");
  const std::string written = to_line(*parsed);
  const Result<AccessRecord> again = parse_access_line(written);
  must(again.has_value(), "a record that is written can be read");
  must(again->path == parsed->path && again->to == parsed->to && again->offset == parsed->offset &&
           again->size == parsed->size && again->mode == parsed->mode &&
           again->error == parsed->error,
       "and is the same");
}

}  // namespace

/// An access log; its first line alone, too.
void access_log(std::string_view input) {
  access_record(input.substr(0, input.find('\n')));
  Result<ReplayLog> log = ReplayLog::open(file_with(input));
  if (!log) return must(!log.error().message().empty(), "what is no log is explained");
  int64_t before = 0;
  for (size_t i = 0; i < log->size(); ++i) {
    const Result<AccessRecord> one = log->read(i);
    must(one.has_value(), "each operation can be read again");
    must(one->began_us >= before, "they come in the order in which they began");
    before = one->began_us;
  }
}

void manifest(std::string_view input) {
  const auto visit = [](const std::string& name) {
    must(!name.empty() && name[0] != '#', "a name is no comment");
    for (const char* base : {"/mnt/data", "/"}) {
      const Result<std::string> place = place_below(base, name);
      if (!place) continue;
      must(is_inside(*place, base) && *place != base, "a place lies below the folder");
      must(stays_inside(place->substr(1)), "and does not lead out again");
    }
    return true;
  };
  must(read_manifest(file_with(input), visit).has_value(), "a list can be read");
}

void mount_report(std::string_view input) {
  const std::optional<MountReport> report = decode_mount_report(std::string(input));
  if (!report) return;
  const std::string written = encode(*report);
  const std::optional<MountReport> again = decode_mount_report(written);
  must(again && encode(*again) == written, "a report that is written is read as the same");
}

/// What a process of a mount noted in its file, which is locked as if the process lived.
void pid_file(std::string_view input) {
  const std::string mountpoint = "/mnt/data";
  const std::string& path = file_with(input);
  const std::string named = own_folder() + "/" + pid_file_name(mountpoint);
  must(rename(path.c_str(), named.c_str()) == 0, "the file gets its name");
  const int lock = open(named.c_str(), O_RDONLY | O_CLOEXEC);
  must(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0, "and is locked");
  for (const MountProcess& process : MountProcess::find({own_folder()}, mountpoint)) {
    must(process.pid() > 0, "a process has a number of its own: others mean all of several");
    must(process.mountpoint() == mountpoint, "it is the mount's");
    must(process.living(), "and lives");
    must(process.device().size() + process.journals().size() <= input.size(), "it told no more");
    if (process.serves(process.device())) must(!process.ended(), "what has ended serves nothing");
    static_cast<void>(process.pending());
  }
  close(lock);
  unlink(named.c_str());
}

void mount_table(std::string_view input) {
  const std::vector<MountEntry> table = parse_mount_table(input);
  must(table.size() <= static_cast<size_t>(std::ranges::count(input, '\n')) + 1, "a mount a line");
  for (const MountEntry& entry : table) {
    must(entry.mountpoint.size() <= input.size(), "a place is of the table");
    static_cast<void>(device_number(entry.device));
    const auto holding = mount_holding(table, entry.mountpoint);
    if (entry.mountpoint.starts_with('/')) must(holding.has_value(), "a place lies on its mount");
  }
}

void hint_lines(std::string_view input) {
  // In two pieces and in one it is the same, as long as no name is too long.
  HintLines whole("/mnt");
  HintLines pieces("/mnt");
  const HintLines::Names found = whole.take(input);
  HintLines::Names first = pieces.take(input.substr(0, input.size() / 3));
  const HintLines::Names second = pieces.take(input.substr(input.size() / 3));
  for (const std::string& name : found.names) {
    must(!name.empty() && !name.starts_with('/') && stays_inside(name), "a name stays inside");
    must(name.size() <= HintLines::longest, "a name is not too long");
  }
  if (found.too_long || first.too_long || second.too_long) return;
  first.names.insert(first.names.end(), second.names.begin(), second.names.end());
  must(first.names == found.names && first.outside + second.outside == found.outside,
       "pieces make no difference");
  must(whole.rest().names == pieces.rest().names, "nor do they for the rest");
}

void metrics(std::string_view input) {
  const std::optional<MetricReading> reading = MetricReading::parse(input);
  if (!reading) return;
  must(!reading->samples().empty(), "a reading has samples");
  must(reading->since(*reading).samples().size() <= reading->samples().size(), "nothing is new");
  for (const MetricSample& sample : reading->samples()) {
    must(reading->has(sample.name), "it has what it has");
    std::string_view name = sample.name;
    constexpr std::string_view bucket = "_bucket";
    if (!name.ends_with(bucket)) continue;
    name.remove_suffix(bucket.size());
    static_cast<void>(reading->quantile(name, 0.5));
  }
}

}  // namespace penstock::fuzz
