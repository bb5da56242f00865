// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "simulation/program.h"

namespace penstock::sim {

/// Random numbers of the generator alone: a run's own chances do not depend on them.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t next() { return mix(state_, ++count_); }
  uint64_t below(uint64_t bound) { return next() % bound; }
  bool one_in(uint64_t n) { return below(n) == 0; }
  template <typename T>
  T of(const std::vector<T>& all) {
    return all[below(all.size())];
  }
  Nanos between(Nanos least, Nanos most) {
    return least + static_cast<Nanos>(below(static_cast<uint64_t>(most - least + 1)));
  }

 private:
  const uint64_t state_;
  uint64_t count_ = 0;
};

inline const std::vector<std::string> folders{"d", "e", "d/s"};
inline const std::vector<std::string> files{"a", "b", "d/a", "d/b", "d/c", "e/a", "e/b", "d/s/a"};
/// Names that are symbolic links more often than files.
inline const std::vector<std::string> links{"l", "d/l"};

/// Makes the steps of one script.
class Maker {
 public:
  struct Motif {
    const char* name;
    void (Maker::*play)();
  };
  static const std::vector<Motif>& motifs();

  explicit Maker(uint64_t seed) : dice_(mix(seed, 77)) { script_.seed = seed; }

  Script make(const std::string& motif) {
    configure();
    const std::vector<std::string> motifs = motif_names();
    if (!motif.empty()) {
      play(motif);
    } else if (dice_.one_in(2)) {
      play(dice_.of(motifs));
    }
    if (motif.empty() || dice_.one_in(2)) weighted();
    if (dice_.one_in(6)) crashes();
    for (Program& program : script_.programs) {
      std::ranges::stable_sort(program.steps, {}, &Step::at);
      uint64_t place = 0;
      for (Step& step : program.steps)
        step.id = mix(mix(script_.seed, static_cast<uint64_t>(&program - script_.programs.data())),
                      ++place);
    }
    return std::move(script_);
  }

 private:
  Nanos ttl() const { return script_.node.ttl.count() * millisecond; }

  void configure() {
    script_.nodes = dice_.one_in(4) ? 3 : 2;
    if (dice_.one_in(4)) script_.nodes = 1;
    script_.node.ttl = std::chrono::milliseconds(1000 + dice_.below(5) * 1000);
    if (dice_.one_in(2)) script_.node.prefix = "p/";
    script_.node.write_back = dice_.one_in(4);
    script_.node.direct_writes = dice_.one_in(2);
    using Freshness = MetadataOptions::Freshness;
    script_.node.freshness = std::vector{Freshness::adaptive, Freshness::ttl, Freshness::ttl,
                                         Freshness::close_to_open}[dice_.below(4)];
    // Less than what is in use alone: whatever may be forgotten is.
    if (dice_.one_in(4)) script_.node.names_memory = 1000;
    script_.preempt_one_in = std::vector<uint64_t>{0, 4, 16, 64}[dice_.below(4)];
    CloudOptions& cloud = script_.cloud;
    switch (dice_.below(4)) {
      case 0:
        cloud.fastest = 10 * microsecond;
        cloud.slowest = 500 * microsecond;
        break;
      case 1:
        cloud.slowest = 20 * millisecond;
        break;
      case 2:
        cloud.fastest = 5 * millisecond;
        cloud.slowest = 200 * millisecond;
        break;
      default:
        break;
    }
    if (dice_.one_in(2)) cloud.slow_one_in = 16;
    cloud.slow = dice_.between(50 * millisecond, 1500 * millisecond);
    if (dice_.one_in(2)) {
      cloud.refuse_one_in = 30;
      cloud.lose_one_in = 30;
      cloud.cut_one_in = 30;
    }
    if (dice_.one_in(2)) {
      cloud.page = 3 + static_cast<uint32_t>(dice_.below(5));
      cloud.list_page_least = dice_.one_in(2) ? 1 : cloud.page;
    }
    cloud.limits.min_part_size = 4 << 10;
    for (int node = 0; node < script_.nodes; ++node) {
      const uint64_t programs = 1 + dice_.below(3);
      for (uint64_t i = 0; i < programs; ++i) script_.programs.push_back({.node = node});
    }
    script_.programs.push_back({.node = foreign_client});
    for (const std::string& file : files) {
      if (dice_.one_in(2)) script_.objects.emplace_back(file, 1 + dice_.below(40));
    }
    // A folder that takes several pages to list.
    if (dice_.one_in(3)) {
      const uint64_t many = 5 + dice_.below(15);
      for (uint64_t i = 0; i < many; ++i) {
        script_.objects.emplace_back(fmt::format("e/k{:02}{}", i, dice_.one_in(2) ? "/in" : "-x"),
                                     4);
      }
    }
  }

  Program& program(size_t i) { return script_.programs[i]; }
  size_t foreign() const { return script_.programs.size() - 1; }
  size_t any_program() { return dice_.below(script_.programs.size() - 1); }
  /// A program of the node, or of any if there is none.
  size_t program_of(int node) {
    for (size_t i = 0; i < script_.programs.size(); ++i) {
      if (script_.programs[i].node == node) return i;
    }
    return 0;
  }
  size_t other_program(size_t than) {
    for (int tries = 0; tries < 20; ++tries) {
      const size_t i = any_program();
      if (i != than) return i;
    }
    return than;
  }
  size_t on_other_node(size_t than) {
    for (int tries = 0; tries < 20; ++tries) {
      const size_t i = any_program();
      if (program(i).node != program(than).node) return i;
    }
    return than;
  }

  void add(size_t i, Nanos at, Step step) {
    step.at = at;
    program(i).steps.push_back(std::move(step));
  }

  uint64_t bytes() {
    if (dice_.one_in(12)) return 4000 + dice_.below(44000);
    return 1 + dice_.below(60);
  }

  // The weights of docs/simulation.md.
  void weighted() {
    const Nanos span = dice_.between(3 * second, 15 * second);
    const uint64_t steps = 10 + dice_.below(70);
    for (uint64_t n = 0; n < steps; ++n) {
      const Nanos at = dice_.between(0, span);
      random_step(any_program(), at);
    }
  }

  /// While programs run, or when they have all but ended.
  void crashes() {
    Nanos last = 0;
    for (const Program& each : script_.programs) {
      for (const Step& step : each.steps) last = std::max(last, step.at);
    }
    for (uint64_t n = 1 + dice_.below(2); n-- > 0;)
      add(any_program(), dice_.between(0, last + second), {.op = Op::crash, .a = dice_.below(3)});
  }

  int random_flags() {
    static const std::vector<int> all{O_RDONLY,
                                      O_RDONLY,
                                      O_RDONLY,
                                      O_RDWR,
                                      O_RDWR | O_CREAT,
                                      O_WRONLY | O_CREAT | O_TRUNC,
                                      O_WRONLY | O_CREAT | O_TRUNC,
                                      O_WRONLY | O_CREAT | O_EXCL,
                                      O_WRONLY | O_APPEND | O_CREAT,
                                      O_WRONLY,
                                      O_RDWR | O_TRUNC};
    return all[dice_.below(all.size())];
  }

  std::string any_file() { return dice_.one_in(10) ? dice_.of(links) : dice_.of(files); }
  std::string any_path() { return dice_.one_in(5) ? dice_.of(folders) : dice_.of(files); }

  void random_step(size_t i, Nanos at) {
    const auto slot = static_cast<int>(dice_.below(3));
    const uint64_t roll = dice_.below(132);
    if (roll < 22) {
      // Mostly a whole life: open, a few reads or writes, close.
      whole_file(i, at, slot);
    } else if (roll < 30) {
      add(i, at, {.op = Op::write, .slot = slot, .a = dice_.below(50), .b = bytes()});
    } else if (roll < 38) {
      add(i, at, {.op = Op::close, .slot = slot});
    } else if (roll < 48) {
      add(i, at, {.op = Op::read, .slot = slot, .a = dice_.below(4) * 8, .b = 100});
    } else if (roll < 58) {
      add(i, at, {.op = Op::stat, .path = any_path()});
    } else if (roll < 67) {
      foreign_step(at);
    } else if (roll < 74) {
      const std::string where = dice_.one_in(3) ? "" : dice_.of(folders);
      add(i, at, {.op = Op::list, .path = where, .a = dice_.one_in(3) ? dice_.below(300) : 0});
    } else if (roll < 79) {
      if (dice_.one_in(2)) {
        replace(i, at, any_file());
      } else {
        const bool folder = dice_.one_in(5);
        add(i, at,
            {.op = Op::rename,
             .path = folder ? dice_.of(folders) : any_file(),
             .path2 = folder ? dice_.of(folders) + (dice_.one_in(2) ? "2" : "") : any_file()});
      }
    } else if (roll < 85) {
      const Op op = dice_.one_in(3) ? Op::rmdir : Op::mkdir;
      add(i, at, {.op = op, .path = dice_.of(folders)});
    } else if (roll < 91) {
      add(i, at, {.op = Op::unlink, .path = any_file()});
    } else if (roll < 95) {
      add(i, at, {.op = Op::chdir, .path = dice_.of(folders)});
      add(i, at + dice_.between(0, 3 * second),
          {.op = dice_.one_in(2) ? Op::list : Op::stat,
           .start = from_cwd,
           .path = dice_.one_in(2) ? "" : "a"});
    } else if (roll < 98) {
      add(i, at, {.op = Op::fsync, .slot = slot});
    } else if (roll < 101) {
      add(i, at, {.op = Op::truncate, .slot = slot, .a = dice_.below(40)});
    } else if (roll < 105) {
      add(i, at, {.op = Op::chmod, .path = any_path(), .a = 0600 + dice_.below(64)});
    } else if (roll < 108) {
      add(i, at, {.op = Op::set_xattr, .path = any_file()});
    } else if (roll < 111) {
      add(i, at, {.op = Op::fork_close, .slot = slot});
    } else if (roll < 114) {
      add(i, at, {.op = Op::reclaim, .a = 1 + dice_.below(4), .b = dice_.below(2)});
    } else if (roll < 117) {
      add(i, at, {.op = Op::fstat, .slot = slot});
    } else if (roll < 124) {
      mapped(i, at, slot);
    } else {
      links_step(i, at);
    }
  }

  void links_step(size_t i, Nanos at) {
    const std::string path = dice_.one_in(3) ? any_file() : dice_.of(links);
    switch (dice_.below(4)) {
      case 0:
        return add(i, at, {.op = Op::symlink, .path = path, .b = 10 + dice_.below(40)});
      case 1:
        return add(i, at, {.op = Op::readlink, .path = path});
      case 2:
        return add(i, at, {.op = Op::link, .path = any_file(), .path2 = any_file()});
      default:
        return publish(i, at, any_file());
    }
  }

  /// The rename that replaces nothing.
  void publish(size_t i, Nanos at, const std::string& path) {
    const std::string temporary = path + ".new" + std::to_string(i);
    write_whole(i, at, temporary, O_WRONLY | O_CREAT | O_TRUNC);
    add(i, at + 3, {.op = Op::link, .path = temporary, .path2 = path});
    add(i, at + 4, {.op = Op::unlink, .path = temporary});
  }

  void mapped(size_t i, Nanos at, int slot) {
    const std::vector<int> flags{O_RDONLY, O_RDWR, O_RDWR, O_RDWR | O_APPEND};
    add(i, at, {.op = Op::open, .path = dice_.of(files), .slot = slot, .flags = dice_.of(flags)});
    add(i, at + 1, {.op = Op::map, .slot = slot});
    for (uint64_t n = dice_.below(4); n-- > 0;) {
      at += dice_.between(0, 500 * millisecond);
      add(i, at + 2,
          {.op = dice_.one_in(2) ? Op::mapped_read : Op::mapped_write,
           .slot = slot,
           .a = dice_.below(8),
           .b = 1 + dice_.below(8)});
    }
    add(i, at + 3, {.op = Op::unmap, .slot = slot});
    add(i, at + 4, {.op = Op::close, .slot = slot});
  }

  void whole_file(size_t i, Nanos at, int slot) {
    const int flags = random_flags();
    add(i, at, {.op = Op::open, .path = dice_.of(files), .slot = slot, .flags = flags});
    for (uint64_t n = dice_.below(3); n-- > 0;) {
      at += dice_.one_in(2) ? dice_.between(0, 5 * millisecond) : dice_.between(0, second);
      if ((flags & O_ACCMODE) == O_RDONLY || ((flags & O_ACCMODE) == O_RDWR && dice_.one_in(2))) {
        add(i, at, {.op = Op::read, .slot = slot, .a = dice_.below(3) * 10, .b = 100});
      } else {
        add(i, at, {.op = Op::write, .slot = slot, .a = dice_.below(50), .b = bytes()});
      }
    }
    if (dice_.one_in(4)) return;
    at += dice_.one_in(2) ? 0 : dice_.between(0, 2 * second);
    add(i, at, {.op = Op::close, .slot = slot});
  }

  void foreign_step(Nanos at) {
    const uint64_t roll = dice_.below(8);
    if (roll < 4) {
      add(foreign(), at, {.op = Op::put, .path = any_file(), .b = bytes()});
    } else if (roll < 7) {
      add(foreign(), at, {.op = Op::remove, .path = any_file()});
    } else {
      add(foreign(), at, {.op = Op::remove_all, .path = dice_.of(folders)});
    }
  }

  /// A temporary file and a rename over the final name.
  Nanos replace(size_t i, Nanos at, const std::string& path) {
    const std::string temporary = path + ".tmp" + std::to_string(i);
    add(i, at,
        {.op = Op::open, .path = temporary, .slot = 7, .flags = O_WRONLY | O_CREAT | O_TRUNC});
    add(i, at + 1, {.op = Op::write, .slot = 7, .a = 0, .b = bytes()});
    add(i, at + 2, {.op = Op::close, .slot = 7});
    add(i, at + 3, {.op = Op::rename, .path = temporary, .path2 = path});
    return at + 4;
  }

  void read_whole(size_t i, Nanos at, const std::string& path, int start = from_root) {
    add(i, at, {.op = Op::open, .start = start, .path = path, .slot = 5, .flags = O_RDONLY});
    add(i, at + 1, {.op = Op::read, .slot = 5, .a = 0, .b = 200});
    add(i, at + 2, {.op = Op::close, .slot = 5});
  }

  void write_whole(size_t i, Nanos at, const std::string& path, int flags) {
    add(i, at, {.op = Op::open, .path = path, .slot = 6, .flags = flags});
    add(i, at + 1, {.op = Op::write, .slot = 6, .a = 0, .b = bytes()});
    add(i, at + 2, {.op = Op::close, .slot = 6});
  }

  void play(const std::string& motif);
  // motifs.cc
  void folder_vanishes();
  void file_vanishes();
  void lookup_beside_a_listing();
  void longer_version();
  void atomic_replace();
  void many_pages();
  void a_tree_is_walked();
  void idle_writer();
  void two_make_a_folder();
  void attributes_of_what_is_sent();
  void a_child_closes();
  void errors();

  Dice dice_;
  Script script_;
};

}  // namespace penstock::sim
