// SPDX-License-Identifier: Apache-2.0
//
// The simulation's program: docs/simulation.md says how it is used.
#include <fmt/format.h>
#include <poll.h>
#include <sys/personality.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string_view>

#include "penstock/held_locks.h"
#include "simulation/program.h"
#include "simulation/runner.h"
#include "simulation/shrink.h"

namespace {

using namespace penstock::sim;

struct Arguments {
  uint64_t first = 1;
  uint64_t count = 1000;
  double seconds = 0;  ///< Ends after that time; 0: after `count` seeds.
  uint32_t jobs = 1;
  uint32_t failures = 1;  ///< Ends after that many.
  std::string motif;
  std::string kind;             ///< Only violations of that kind count.
  std::set<std::string> known;  ///< Kinds that do not count: --known FILE.
  double belief = 1;
  bool one = false;
  bool trace = false;
  bool shrink = true;
  bool statistics = false;
};

double real_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

[[noreturn]] void usage() {
  fmt::print(stderr,
             "simulation [--first SEED] [--count N | --seconds S] [--jobs N] [--failures N]\n"
             "           [--motif NAME] [--kind VIOLATION] [--belief TIMES] [--no-shrink]\n"
             "simulation --seed SEED [--trace]\n"
             "simulation --calm SEED    (a script for a real kernel, and the model's answers)\n"
             "motifs:");
  for (const std::string& name : motif_names()) fmt::print(stderr, " '{}'", name);
  fmt::print(stderr, "\n");
  std::exit(2);
}

/// The kinds of a file with lines "kind: why it is not repaired yet".
std::set<std::string> read_known(const std::string& path) {
  std::set<std::string> known;
  std::ifstream file(path);
  if (!file) usage();
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') known.insert(line.substr(0, line.find(':')));
  }
  return known;
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 >= argc) usage();
      return argv[++i];
    };
    if (name == "--first") {
      arguments.first = std::stoull(value());
    } else if (name == "--count") {
      arguments.count = std::stoull(value());
    } else if (name == "--seconds") {
      arguments.seconds = std::stod(value());
      arguments.count = UINT64_MAX;
    } else if (name == "--jobs") {
      arguments.jobs = static_cast<uint32_t>(std::stoul(value()));
    } else if (name == "--failures") {
      arguments.failures = static_cast<uint32_t>(std::stoul(value()));
    } else if (name == "--motif") {
      arguments.motif = value();
    } else if (name == "--kind") {
      arguments.kind = value();
    } else if (name == "--known") {
      arguments.known = read_known(value());
    } else if (name == "--belief") {
      arguments.belief = std::stod(value());
    } else if (name == "--seed") {
      arguments.first = std::stoull(value());
      arguments.count = 1;
      arguments.one = true;
    } else if (name == "--trace") {
      arguments.trace = true;
    } else if (name == "--no-shrink") {
      arguments.shrink = false;
    } else {
      usage();
    }
  }
  return arguments;
}

/// One seed in so many is played twice, to see that it goes the same way.
constexpr uint64_t repeat_one_in = 100;

Job job_of(const Arguments& arguments, uint64_t seed) {
  Job job{.seed = seed, .belief = arguments.belief, .trace = arguments.trace};
  const std::vector<std::string> names = motif_names();
  const auto found = std::ranges::find(names, arguments.motif);
  if (found != names.end()) job.motif = static_cast<int32_t>(found - names.begin());
  return job;
}

/// Runs seed after seed on all servers; prints what fails.
class Campaign {
 public:
  Campaign(const Arguments& arguments, std::vector<std::unique_ptr<RunServer>>& servers)
      : arguments_(arguments), servers_(servers), running_(servers.size()) {}

  int run() {
    const double began = real_seconds();
    for (size_t i = 0; i < servers_.size(); ++i) start(i);
    while (under_way_ > 0) {
      std::vector<pollfd> fds;
      for (const auto& server : servers_) fds.push_back({server->result_fd(), POLLIN, 0});
      for (size_t i = 0; i < fds.size(); ++i) {
        if (!running_[i]) fds[i].fd = -1;
      }
      poll(fds.data(), fds.size(), -1);
      for (size_t i = 0; i < fds.size(); ++i) {
        if (fds[i].fd < 0 || fds[i].revents == 0) continue;
        end(i);
        const bool enough = failures_ >= arguments_.failures ||
                            (arguments_.seconds > 0 && real_seconds() - began > arguments_.seconds);
        if (!enough) start(i);
      }
    }
    const double took = real_seconds() - began;
    fmt::print("{} seeds in {:.1f} s ({:.1f} a second), {} steps, {} events; {} failed\n", done_,
               took, static_cast<double>(done_) / took, steps_, events_, failures_);
    for (const auto& [kind, seeds] : kinds_) {
      fmt::print("  {:5} {}{}: first", seeds.size(), kind,
                 arguments_.known.contains(kind) ? " (known)" : "");
      for (size_t i = 0; i < std::min<size_t>(seeds.size(), 8); ++i) fmt::print(" {}", seeds[i]);
      fmt::print("\n");
    }
    return failures_ == 0 ? 0 : 1;
  }

 private:
  void start(size_t i) {
    if (next_ == arguments_.count) return;
    jobs_[i] = job_of(arguments_, arguments_.first + next_++);
    servers_[i]->start(jobs_[i]);
    running_[i] = true;
    ++under_way_;
  }

  void end(size_t i) {
    JobResult result = servers_[i]->finish();
    if (!result.failed && jobs_[i].seed % repeat_one_in == 0) {
      servers_[i]->start(jobs_[i]);
      const JobResult again = servers_[i]->finish();
      if (again.hash != result.hash) {
        result.failed = true;
        result.kind = "not repeatable";
        result.text = "the same seed went another way when it was played again";
      }
    }
    running_[i] = false;
    --under_way_;
    ++done_;
    events_ += result.events;
    steps_ += result.steps;
    if (!result.failed || (!arguments_.kind.empty() && result.kind != arguments_.kind)) return;
    kinds_[result.kind].push_back(jobs_[i].seed);
    if (arguments_.known.contains(result.kind)) return;
    ++failures_;
    if (kinds_[result.kind].size() > 1 && !arguments_.one) return;
    fmt::print("seed {}: {}\n  {}\n", jobs_[i].seed, result.kind, result.text);
    std::fflush(stdout);
    if (arguments_.shrink && !arguments_.trace) {
      fmt::print("{}\n", shrink(*servers_[i], jobs_[i], result));
      std::fflush(stdout);
    }
  }

  const Arguments& arguments_;
  std::vector<std::unique_ptr<RunServer>>& servers_;
  std::vector<bool> running_;
  std::map<size_t, Job> jobs_;
  uint64_t next_ = 0;
  uint64_t under_way_ = 0;
  uint64_t done_ = 0;
  uint64_t failures_ = 0;
  uint64_t events_ = 0;
  uint64_t steps_ = 0;
  std::map<std::string, std::vector<uint64_t>> kinds_;
};

}  // namespace

int main(int argc, char** argv) {
  penstock::HeldLocks::enforce();
  // What lies at other addresses may be walked in another order.
  if ((personality(0xffffffff) & ADDR_NO_RANDOMIZE) == 0) {
    personality(ADDR_NO_RANDOMIZE);
    execv("/proc/self/exe", argv);
  }
  if (argc == 3 && std::string_view(argv[1]) == "--calm") {
    const Script script = make_calm_script(std::stoull(argv[2]));
    fmt::print("{}\n", calm_transcript(script));
    return 0;
  }
  // The servers come first: whatever this process does later, they are the same.
  uint32_t jobs = 1;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) == "--jobs") jobs = static_cast<uint32_t>(atoi(argv[i + 1]));
  }
  std::vector<std::unique_ptr<RunServer>> servers;
  for (uint32_t i = 0; i < std::max(jobs, 1U); ++i)
    servers.push_back(std::make_unique<RunServer>());
  const Arguments arguments = parse(argc, argv);
  return Campaign(arguments, servers).run();
}
