// SPDX-License-Identifier: Apache-2.0
#include "simulation/runner.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "simulation/program.h"
#include "simulation/run.h"
#include "simulation/world.h"

namespace penstock::sim {
namespace {

constexpr unsigned longest_seconds = 20;

/// Of fixed size, so that the server allocates nothing.
struct Request {
  uint64_t seed;
  uint64_t variant;
  int32_t motif;
  double belief;
  bool trace;
  uint32_t left_out;
};

struct Reply {
  uint64_t events;
  uint64_t hash;
  uint64_t steps;
  uint64_t script_steps;
  uint32_t kind;
  uint32_t text;
  int32_t status;  ///< Of waitpid, in the server's own reply.
  bool from_run;
};

int reply_fd = -1;
uint64_t script_steps = 0;

bool read_all(int fd, void* into, size_t size) {
  auto* at = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t got = read(fd, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

void write_all(int fd, const void* from, size_t size) {
  const auto* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t put = write(fd, at, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) _exit(3);
    at += put;
    size -= static_cast<size_t>(put);
  }
}

void reply(Reply head, std::string_view kind, std::string_view text) {
  head.kind = static_cast<uint32_t>(kind.size());
  head.text = static_cast<uint32_t>(text.size());
  head.script_steps = script_steps;
  head.from_run = true;
  write_all(reply_fd, &head, sizeof head);
  write_all(reply_fd, kind.data(), kind.size());
  write_all(reply_fd, text.data(), text.size());
}

void on_violation(std::string_view kind, const std::string& text) {
  World& world = World::get();
  reply({.events = world.events(), .hash = world.trace_hash()}, kind,
        fmt::format("at {:.6f} s: {}", static_cast<double>(world.now()) / 1e9, text));
  _exit(0);
}

[[noreturn]] void run_job(const Request& request, int requests) {
  const rlimit limit{longest_seconds, longest_seconds};
  setrlimit(RLIMIT_CPU, &limit);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  std::vector<uint8_t> left_out(request.left_out);
  if (!read_all(requests, left_out.data(), left_out.size())) _exit(3);
  set_violation_sink(on_violation);
  const std::string motif =
      request.motif < 0 ? "" : motif_names()[static_cast<size_t>(request.motif)];
  Script script = make_script(request.seed, motif);
  script_steps = script.steps();
  size_t number = 0;
  for (Program& program : script.programs) {
    std::vector<Step> kept;
    for (Step& step : program.steps) {
      if (number >= left_out.size() || left_out[number] == 0) kept.push_back(step);
      ++number;
    }
    program.steps = std::move(kept);
  }
  const RunResult result = run_script(
      script, {.trace = request.trace, .belief = request.belief, .variant = request.variant});
  reply({.events = result.events, .hash = result.hash, .steps = result.steps}, "", "");
  _exit(0);
}

[[noreturn]] void serve(int requests) {
  Request request{};
  while (read_all(requests, &request, sizeof request)) {
    const pid_t child = fork();
    if (child == 0) run_job(request, requests);
    Reply end{};
    while (waitpid(child, &end.status, 0) < 0 && errno == EINTR) {
    }
    write_all(reply_fd, &end, sizeof end);
  }
  _exit(0);
}

}  // namespace

RunServer::RunServer() {
  int requests[2];
  int results[2];
  if (pipe(requests) != 0 || pipe(results) != 0) std::abort();
  server_ = fork();
  if (server_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(requests[1]);
    ::close(results[0]);
    reply_fd = results[1];
    serve(requests[0]);
  }
  ::close(requests[0]);
  ::close(results[1]);
  requests_ = requests[1];
  results_ = results[0];
}

RunServer::~RunServer() {
  ::close(requests_);
  ::close(results_);
  // Servers that were started later have inherited the pipe's end, so this one would not see it go.
  kill(server_, SIGKILL);
  waitpid(server_, nullptr, 0);
}

void RunServer::start(const Job& job) {
  const Request request{.seed = job.seed,
                        .variant = job.variant,
                        .motif = job.motif,
                        .belief = job.belief,
                        .trace = job.trace,
                        .left_out = static_cast<uint32_t>(job.left_out.size())};
  write_all(requests_, &request, sizeof request);
  write_all(requests_, job.left_out.data(), job.left_out.size());
}

JobResult RunServer::finish() {
  JobResult result;
  bool told = false;
  Reply head{};
  while (read_all(results_, &head, sizeof head)) {
    if (!head.from_run) {
      if (told) return result;
      result.failed = true;
      result.kind = WIFSIGNALED(head.status)
                        ? fmt::format("killed by {}", strsignal(WTERMSIG(head.status)))
                        : fmt::format("exit status {}", WEXITSTATUS(head.status));
      return result;
    }
    told = true;
    result.kind.resize(head.kind);
    result.text.resize(head.text);
    if (!read_all(results_, result.kind.data(), head.kind) ||
        !read_all(results_, result.text.data(), head.text))
      break;
    result.failed = head.kind != 0;
    result.events = head.events;
    result.hash = head.hash;
    result.steps = head.steps;
    result.script_steps = head.script_steps;
  }
  return result;
}

}  // namespace penstock::sim
