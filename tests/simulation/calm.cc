// SPDX-License-Identifier: Apache-2.0
//
// Scripts that are played by the model of the kernel and by a real one, for the answers to be
// compared.
#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "simulation/maker.h"
#include "simulation/run.h"

namespace penstock::sim {
namespace {

/// From one step to the next. The times to live lie in the middle between two steps, as do the
/// half second for which an absence is believed here, and the other half in the kernel.
constexpr Nanos pause = 150 * millisecond;
constexpr int64_t times_to_live[] = {1125, 2025, 2925};
constexpr int first_kept_slot = 10;

const std::vector<std::string> calm_files{"a", "b", "d/a", "d/b", "e/a"};
const std::vector<std::string> calm_folders{"d", "e"};

class CalmMaker {
 public:
  explicit CalmMaker(uint64_t seed) : dice_(mix(seed, 78)) { script_.seed = seed; }

  Script make() {
    script_.nodes = 2;
    script_.node.ttl = std::chrono::milliseconds(times_to_live[dice_.below(3)]);
    script_.node.prefix = "p/";
    script_.cloud.fastest = script_.cloud.slowest = 100 * microsecond;
    for (int node = 0; node < script_.nodes; ++node) script_.programs.push_back({.node = node});
    script_.programs.push_back({.node = foreign_client});
    for (const std::string& file : calm_files) {
      if (dice_.one_in(2)) script_.objects.emplace_back(file, 1 + dice_.below(40));
    }
    for (at_ = pause; at_ < 26 * pause; at_ += pause) act();
    uint64_t number = 0;
    for (Program& program : script_.programs) {
      for (Step& step : program.steps) step.id = mix(script_.seed, ++number);
    }
    return std::move(script_);
  }

 private:
  void add(Step step) {
    step.at = at_ + static_cast<Nanos>(in_a_row_++);
    script_.programs[program_].steps.push_back(std::move(step));
  }

  void act() {
    program_ = dice_.below(script_.programs.size());
    in_a_row_ = 0;
    if (program_ + 1 == script_.programs.size()) return foreign();
    const std::string file = dice_.of(calm_files);
    const std::string folder = dice_.of(calm_folders);
    switch (dice_.below(14)) {
      case 0:
        return whole(file, O_WRONLY | O_CREAT | O_TRUNC, 0);
      case 1:
        return whole(file, O_WRONLY | O_CREAT | O_APPEND, 0);
      case 2:
        return whole(file, O_RDWR, dice_.below(30));
      case 3:
        return whole(file, O_WRONLY | O_CREAT | O_EXCL, 0);
      case 4:
        return read(file);
      case 5:
        return keep_open(file);
      case 6:
        return read_kept();
      case 7:
        return add({.op = Op::stat, .path = dice_.one_in(3) ? folder : file});
      case 8:
        return add({.op = Op::list, .path = dice_.one_in(2) ? "" : folder});
      case 9:
        return add({.op = dice_.one_in(3) ? Op::rmdir : Op::mkdir, .path = folder});
      case 10:
        return add({.op = Op::unlink, .path = file});
      case 11:
        if (dice_.one_in(4)) return add({.op = Op::rename, .path = folder, .path2 = folder + "2"});
        return add({.op = Op::rename, .path = file, .path2 = dice_.of(calm_files)});
      case 12:
        return add({.op = Op::chdir, .path = folder});
      default:
        return add({.op = dice_.one_in(2) ? Op::list : Op::stat,
                    .start = from_cwd,
                    .path = dice_.one_in(2) ? "" : "a"});
    }
  }

  void foreign() {
    const uint64_t roll = dice_.below(8);
    if (roll < 5) {
      add({.op = Op::put, .path = dice_.of(calm_files), .b = 1 + dice_.below(60)});
    } else if (roll < 7) {
      add({.op = Op::remove, .path = dice_.of(calm_files)});
    } else {
      add({.op = Op::remove_all, .path = dice_.of(calm_folders)});
    }
  }

  void whole(const std::string& path, int flags, uint64_t offset) {
    add({.op = Op::open, .path = path, .slot = 0, .flags = flags});
    add({.op = Op::write, .slot = 0, .a = offset, .b = 1 + dice_.below(40)});
    add({.op = Op::close, .slot = 0});
  }

  void read(const std::string& path) {
    add({.op = Op::open, .path = path, .slot = 0, .flags = O_RDONLY});
    add({.op = Op::read, .slot = 0, .b = 200});
    add({.op = Op::fstat, .slot = 0});
    add({.op = Op::close, .slot = 0});
  }

  void keep_open(const std::string& path) {
    add({.op = Op::open, .path = path, .slot = first_kept_slot + kept_++, .flags = O_RDONLY});
  }

  void read_kept() {
    for (int slot = first_kept_slot; slot < first_kept_slot + kept_; ++slot)
      add({.op = Op::read, .slot = slot, .b = 200});
  }

  Dice dice_;
  Script script_;
  Nanos at_ = 0;
  size_t program_ = 0;
  uint64_t in_a_row_ = 0;
  int kept_ = 0;
};

const char* name_of(Op op) {
  switch (op) {
    case Op::open:
      return "open";
    case Op::write:
      return "write";
    case Op::read:
      return "read";
    case Op::close:
      return "close";
    case Op::stat:
      return "stat";
    case Op::fstat:
      return "fstat";
    case Op::list:
      return "list";
    case Op::unlink:
      return "unlink";
    case Op::rmdir:
      return "rmdir";
    case Op::mkdir:
      return "mkdir";
    case Op::rename:
      return "rename";
    case Op::chdir:
      return "chdir";
    case Op::put:
      return "put";
    case Op::remove:
      return "remove";
    case Op::remove_all:
      return "remove all";
    default:
      return "";
  }
}

std::string answer_of(int error, const std::string& said) {
  if (error < 0) return "nothing to do";
  return error == 0 ? said : strerrorname_np(error);
}

}  // namespace

Script make_calm_script(uint64_t seed) { return CalmMaker(seed).make(); }

std::string calm_transcript(const Script& script) {
  std::map<uint64_t, std::string> answers;
  RunOptions options;
  options.answered = [&](int, const Step& step, int error, const std::string& said) {
    answers[step.id] = answer_of(error, said);
  };
  run_script(script, options);
  nlohmann::json transcript{{"seed", script.seed},
                            {"ttl", fmt::format("{}ms", script.node.ttl.count())}};
  for (const auto& [path, bytes] : script.objects) {
    const std::string key = script.node.prefix + path;
    transcript["objects"][path] =
        content_of(mix(script.seed, std::hash<std::string>()(key)), bytes);
  }
  for (size_t i = 0; i < script.programs.size(); ++i) {
    for (const Step& step : script.programs[i].steps) {
      const bool writes = step.op == Op::write || step.op == Op::put;
      transcript["steps"].push_back(
          {{"at", static_cast<double>(step.at) / 1e9},
           {"node", script.programs[i].node},
           {"op", name_of(step.op)},
           {"cwd", step.start == from_cwd},
           {"path", step.path},
           {"to", step.path2},
           {"slot", step.slot},
           {"flags", step.flags},
           {"offset", step.a},
           {"size", step.b},
           {"bytes", writes ? content_of(step.id, step.b) : ""},
           {"line", describe(script.programs[i], static_cast<int>(i), step)},
           {"answer", answers[step.id]}});
    }
  }
  return transcript.dump();
}

}  // namespace penstock::sim
