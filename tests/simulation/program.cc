// SPDX-License-Identifier: Apache-2.0
#include "simulation/program.h"

#include <fcntl.h>

#include <algorithm>
#include <numeric>

#include "simulation/maker.h"

namespace penstock::sim {
namespace {

std::string flags_text(int flags) {
  std::string text = (flags & O_ACCMODE) == O_RDONLY   ? "O_RDONLY"
                     : (flags & O_ACCMODE) == O_WRONLY ? "O_WRONLY"
                                                       : "O_RDWR";
  if ((flags & O_CREAT) != 0) text += "|O_CREAT";
  if ((flags & O_EXCL) != 0) text += "|O_EXCL";
  if ((flags & O_TRUNC) != 0) text += "|O_TRUNC";
  if ((flags & O_APPEND) != 0) text += "|O_APPEND";
  return text;
}

}  // namespace

size_t Script::steps() const {
  return std::accumulate(programs.begin(), programs.end(), size_t{0},
                         [](size_t sum, const Program& p) { return sum + p.steps.size(); });
}

std::string content_of(uint64_t id, uint64_t bytes) {
  const std::string word = fmt::format("{:08x}.", id & 0xffffffffU);
  std::string text;
  text.reserve(bytes + word.size());
  for (uint64_t n = 0; text.size() < bytes; ++n)
    text += n == 0 ? word : fmt::format("{}{}", n, word);
  text.resize(bytes);
  return text;
}

Script make_script(uint64_t seed, const std::string& motif) { return Maker(seed).make(motif); }

std::string describe(const Program& program, int number, const Step& step) {
  const std::string mount =
      program.node == foreign_client ? "" : std::string(1, static_cast<char>('A' + program.node));
  const std::string who = program.node == foreign_client ? "client" : fmt::format("p{}", number);
  const auto where = [&](const std::string& path) {
    if (program.node == foreign_client) return path;
    if (step.start == from_cwd) return "./" + path;
    return "$" + mount + "/" + path;
  };
  const auto line = [&](const std::string& text) {
    return fmt::format("{:10.6f}  {:6} {}", step.at / 1e9, who, text);
  };
  switch (step.op) {
    case Op::open:
      return line(
          fmt::format("f{} = open {} {}", step.slot, where(step.path), flags_text(step.flags)));
    case Op::write:
      return line(fmt::format("pwrite f{} at {}: {} bytes", step.slot, step.a, step.b));
    case Op::read:
      return line(fmt::format("pread f{} at {}: {} bytes", step.slot, step.a, step.b));
    case Op::close:
      return line(fmt::format("close f{}", step.slot));
    case Op::stat:
      return line("stat " + where(step.path));
    case Op::fstat:
      return line(fmt::format("fstat f{}", step.slot));
    case Op::list:
      return line("ls " + where(step.path) +
                  (step.a != 0 ? fmt::format(" ({} ms between its calls)", step.a) : ""));
    case Op::unlink:
      return line("rm " + where(step.path));
    case Op::rmdir:
      return line("rmdir " + where(step.path));
    case Op::mkdir:
      return line("mkdir " + where(step.path));
    case Op::rename:
      return line("mv " + where(step.path) + " " + where(step.path2));
    case Op::link:
      return line("ln " + where(step.path) + " " + where(step.path2));
    case Op::symlink:
      return line(fmt::format("ln -s ({} bytes) {}", step.b, where(step.path)));
    case Op::readlink:
      return line("readlink " + where(step.path));
    case Op::chdir:
      return line("cd " + where(step.path));
    case Op::fsync:
      return line(fmt::format("fsync f{}", step.slot));
    case Op::truncate:
      return line(fmt::format("ftruncate f{} {}", step.slot, step.a));
    case Op::chmod:
      return line(fmt::format("chmod {:o} {}", step.a, where(step.path)));
    case Op::fchmod:
      return line(fmt::format("fchmod {:o} f{}", step.a, step.slot));
    case Op::set_xattr:
      return line("setfattr -n user.x " + where(step.path));
    case Op::fork_close:
      return line(fmt::format("a child that inherited f{} ends", step.slot));
    case Op::map:
      return line(fmt::format("mmap f{} MAP_SHARED", step.slot));
    case Op::unmap:
      return line(fmt::format("munmap f{}", step.slot));
    case Op::mapped_read:
      return line(fmt::format("load f{} at {}: {} bytes", step.slot, step.a, step.b));
    case Op::mapped_write:
      return line(fmt::format("store f{} at {}: {} bytes", step.slot, step.a, step.b));
    case Op::interrupt:
      return line(fmt::format("kill p{}", step.a));
    case Op::reclaim:
      return line(fmt::format("the kernel drops one name in {}{}", step.a,
                              step.b != 0 ? ", and pages" : ""));
    case Op::put:
      return line(fmt::format("put {} ({} bytes)", step.path, step.b));
    case Op::remove:
      return line("rm " + step.path);
    case Op::remove_all:
      return line("rm --recursive " + step.path + "/");
    case Op::crash:
      return line(step.a == 0 ? "kill -9 the mount, and mount again"
                              : "the machine loses its power; mount again");
  }
  return {};
}

std::string describe(const Script& script) {
  const CloudOptions& cloud = script.cloud;
  std::string text = fmt::format(
      "seed {}; {} mounts, --metadata-ttl {} ms{}{}{}, prefix '{}'; the store takes {} to {} ms "
      "one "
      "way{}{}{}; lists {} to {} keys a page\n",
      script.seed, script.nodes, script.node.ttl.count(),
      script.node.freshness == MetadataOptions::Freshness::ttl ? ", --freshness=ttl"
      : script.node.freshness == MetadataOptions::Freshness::close_to_open
          ? ", --freshness=close-to-open"
          : "",
      script.node.write_back ? ", --write-back" : "",
      script.node.direct_writes ? ", direct writes" : "", script.node.prefix, cloud.fastest / 1e6,
      cloud.slowest / 1e6,
      cloud.slow_one_in != 0
          ? fmt::format(", one in {} up to {} ms", cloud.slow_one_in, cloud.slow / 1e6)
          : "",
      cloud.refuse_one_in != 0 ? ", with faults" : "",
      script.node.names_memory != NodeOptions::plenty ? "; names are forgotten" : "",
      cloud.list_page_least, cloud.page);
  text += "in the bucket:";
  for (const auto& [key, bytes] : script.objects) text += fmt::format(" {}({})", key, bytes);
  text += "\n";
  std::vector<std::pair<Nanos, std::string>> lines;
  for (size_t i = 0; i < script.programs.size(); ++i) {
    for (const Step& step : script.programs[i].steps)
      lines.emplace_back(step.at, describe(script.programs[i], static_cast<int>(i), step));
  }
  std::ranges::stable_sort(lines, {}, [](const auto& line) { return line.first; });
  for (const auto& [at, line] : lines) text += line + "\n";
  return text;
}

}  // namespace penstock::sim
