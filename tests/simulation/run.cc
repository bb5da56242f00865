// SPDX-License-Identifier: Apache-2.0
#include "simulation/run.h"

#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "simulation/oracle.h"

namespace penstock::sim {
namespace {

constexpr Nanos start_of_programs = 100 * millisecond;
/// In virtual time: retries give up long before.
constexpr Nanos longest_run = 3000 * second;
constexpr uint64_t most_events = 400'000;

/// One run of one script.
class Run {
 public:
  Run(const Script& script, const RunOptions& options)
      : script_(script),
        answered_(options.answered),
        world_(mix(script.seed, options.variant)),
        cloud_(world_, script.cloud),
        oracle_(world_, {.prefix = script.node.prefix,
                         .bound = static_cast<Nanos>(static_cast<double>(script.node.ttl.count()) *
                                                     1e6 * options.belief),
                         .write_back = script.node.write_back,
                         .asks_at_open =
                             script.node.freshness == MetadataOptions::Freshness::close_to_open}),
        disks_(static_cast<size_t>(script.nodes)),
        nodes_(static_cast<size_t>(script.nodes)) {
    world_.set_tracing(options.trace);
    for (const auto& [path, bytes] : script.objects) {
      const std::string key = script.node.prefix + path;
      const std::string content =
          content_of(mix(script.seed, std::hash<std::string>()(key)), bytes);
      cloud_.memory.set(key, content);
      oracle_.object_there(key, content);
    }
    oracle_.begin();
    cloud_.on_change = [this](const StoreChange& change) { oracle_.store_changed(change); };
    cloud_.on_answered = [this](int actor, const std::string& key, Nanos at) {
      oracle_.change_answered(actor, key, at);
    };
    cloud_.on_got = [this](int actor, const ObjectInfo& object) {
      oracle_.version_got(actor, object);
    };
  }

  RunResult play() {
    world_.set_preemption(script_.preempt_one_in);
    world_.at(0, director_, [this] { direct(); });
    if (!world_.run([this] { return ended_; }, longest_run, most_events))
      violation("never answered", fmt::format("{}; waiting: {}", world_.why_stopped(), waiting()));
    return {.events = world_.events(), .hash = world_.trace_hash(), .steps = steps_};
  }

 private:
  struct Running {
    Process process;
    const Step* step = nullptr;
    size_t next = 0;  ///< Of the program's steps.
    Nanos begun = -1;
    bool ended = false;
  };

  std::string waiting() const {
    std::string text;
    for (size_t i = 0; i < running_.size(); ++i) {
      if (running_[i]->step != nullptr && !running_[i]->ended)
        text += "\n  " + describe(script_.programs[i], static_cast<int>(i), *running_[i]->step);
    }
    return text.empty() ? where_ : text;
  }

  void direct() {
    where_ = "start of a node";
    for (int i = 0; i < script_.nodes; ++i) start_node(i);
    wait_until([this] { return starting_ == 0; });
    where_ = "programs";
    programs_under_way_ = script_.programs.size();
    for (size_t i = 0; i < script_.programs.size(); ++i) start_program(i);
    wait_until([this] { return programs_under_way_ == 0; });
    cloud_.faults = false;
    where_ = "the last closes";
    for (size_t i = 0; i < running_.size(); ++i) close_all(i);
    wait_until([this] { return closing_ == 0; });
    for (int i = 0; i < script_.nodes; ++i) come_to_rest(i);
    wait_until([this] { return resting_ == 0; });
    oracle_.ended();
    ended_ = true;
  }

  void wait_until(const std::function<bool()>& condition) {
    while (!condition()) world_.wait(changed_);
  }

  Node& node(int i) { return *nodes_[static_cast<size_t>(i)]; }

  void start_node(int i) {
    ++starting_;
    auto group = std::make_shared<Group>(fmt::format("n{}", i));
    world_.after(0, group, [this, i, group] {
      const auto at = static_cast<size_t>(i);
      nodes_[at] =
          std::make_unique<Node>(world_, cloud_, i, group, script_.node, disks_[at], oracle_);
      --starting_;
      world_.wake_all(changed_);
    });
  }

  void start_program(size_t i) {
    running_.push_back(std::make_unique<Running>());
    running_.back()->process.number = static_cast<int>(i) + 100;
    go_on(i, start_of_programs);
  }

  /// From its next step, as a process that has just begun.
  void go_on(size_t i, Nanos delay) {
    const Program& program = script_.programs[i];
    const GroupPtr group = program.node == foreign_client ? cloud_.group : node(program.node).group;
    world_.after(delay, group, [this, i, &program] {
      Running& running = *running_[i];
      if (program.node != foreign_client) {
        running.process.cwd = node(program.node).kernel().root();
        ++running.process.cwd->users;
      }
      if (running.begun < 0) running.begun = world_.now();
      while (running.next < program.steps.size()) {
        const Step& step = program.steps[running.next];
        running.step = &step;
        const Nanos when = running.begun + step.at;
        if (world_.now() < when) world_.sleep(when - world_.now());
        ++running.next;
        ++steps_;
        program.node == foreign_client ? foreign_step(step) : this->step(i, running, step);
      }
      if (std::exchange(running.ended, true)) return;
      --programs_under_way_;
      world_.wake_all(changed_);
    });
  }

  /// The node's process is killed, with the programs on it, and started again; its machine loses
  /// its power where `power` says so. What was killed is left as it was, and never runs again.
  void crash(int n, const GroupPtr& group, bool power) {
    if (!group->alive) return;
    world_.trace("n{} {}", n, power ? "loses its power" : "is killed");
    group->alive = false;
    const auto at = static_cast<size_t>(n);
    (void)nodes_[at].release();
    std::mt19937_64 random(world_.draw("power"));
    disks_[at].disk = disks_[at].disk->after_cut(
        power ? test::PowerLossDisk::Loss::some : test::PowerLossDisk::Loss::none, random);
    oracle_.crashed(n);
    world_.sleep(world_.between("restart", 10 * millisecond, 2 * second));
    start_node(n);
    wait_until([&] { return nodes_[at] != nullptr; });
    for (size_t i = 0; i < running_.size(); ++i) {
      if (script_.programs[i].node != n) continue;
      Process& process = running_[i]->process;
      auto* const dead = new Process(std::move(process));
      process = {};
      process.number = dead->number;
      go_on(i, 0);
    }
  }

  void foreign_step(const Step& step) {
    const std::string key = script_.node.prefix + step.path;
    world_.trace("client: {}", describe(script_.programs.back(), 0, step));
    if (step.op == Op::put) {
      cloud_.put(key, content_of(step.id, step.b));
    } else if (step.op == Op::remove) {
      cloud_.remove(key);
    } else if (step.op == Op::remove_all) {
      std::vector<std::string> keys;
      {
        const World::Atomic at_once;
        keys = cloud_.memory.keys();
      }
      for (const std::string& each : keys) {
        if (!each.starts_with(key + "/")) continue;
        cloud_.remove(each);
        world_.sleep(world_.between("client", 0, millisecond));
      }
    }
  }

  static std::string said_of(const struct stat& found) {
    if (S_ISLNK(found.st_mode)) return fmt::format("link of {} bytes", found.st_size);
    return S_ISDIR(found.st_mode) ? "directory" : fmt::format("file of {} bytes", found.st_size);
  }

  /// The path of `path` from where the step begins, as the node's kernel has it.
  static std::string full_path(Kernel& kernel, const KNodePtr& start, const std::string& path) {
    if (path.empty()) return kernel.path_of(*start);
    return kernel.path_of(*start, path);
  }

  void step(size_t i, Running& running, const Step& step) {
    const Program& program = script_.programs[i];
    Kernel& kernel = node(program.node).kernel();
    Process& process = running.process;
    if (step.op == Op::crash) {
      world_.after(0, director_,
                   [this, n = program.node, group = world_.group(), power = step.a != 0] {
                     crash(n, group, power);
                   });
      Signal never;
      world_.wait(never);
    }
    world_.trace("n{} {}", program.node, describe(program, static_cast<int>(i), step));
    const auto open = process.files.find(step.slot);
    OpenFilePtr file = open == process.files.end() ? nullptr : open->second;
    KNodePtr start = kernel.root();
    if (step.start == from_cwd) start = process.cwd;
    if (step.start >= 0) {
      const auto directory = process.files.find(step.start);
      if (directory == process.files.end() || !directory->second->directory) return;
      start = directory->second->node;
    }
    const std::string path = full_path(kernel, start, step.path);
    const Nanos began = world_.now();
    said_.clear();
    const int error = call(program.node, kernel, process, start, path, file, step);
    if (answered_) answered_(static_cast<int>(i), step, error, said_);
    world_.trace("n{} p{} -> {} ({:.3f} ms)", program.node, i,
                 error <= 0 ? "ok" : strerrorname_np(error),
                 static_cast<double>(world_.now() - began) / 1e6);
  }

  /// A directory that is held may have lost its name, or got another, since it was opened.
  Nanos asked_since(const Process& process, const Step& step) const {
    return step.start == from_cwd ? process.cwd_since : world_.now();
  }

  int call(int n, Kernel& kernel, Process& process, const KNodePtr& start, const std::string& path,
           const OpenFilePtr& file, const Step& step) {
    const Nanos began = asked_since(process, step);
    const auto span = [&] { return Span{began, world_.now(), !kernel.reaches_root(*start)}; };
    switch (step.op) {
      case Op::open: {
        if (file != nullptr) return -1;
        OpenFilePtr opened;
        const bool changes = (step.flags & (O_CREAT | O_TRUNC)) != 0;
        if (changes) oracle_.name_busy(n, path);
        const int error = kernel.open(process, start, step.path, step.flags, opened);
        if (error == 0) process.files[step.slot] = opened;
        if (changes) oracle_.name_answered(n, path);
        oracle_.open_done(n, path, span(), error, opened, step.flags,
                          error == 0 ? kernel.path_of(*opened->node) : path);
        return error;
      }
      case Op::write: {
        if (file == nullptr || file->directory) return -1;
        const std::string bytes = content_of(step.id, step.b);
        uint64_t at = 0;
        const PendingChange change =
            oracle_.write_begins(*file, (file->flags & O_APPEND) != 0, step.a, bytes);
        const int error = kernel.write(process, *file, step.a, bytes, at);
        oracle_.write_done(n, *file, change, span(), error, at, bytes);
        return error;
      }
      case Op::read: {
        if (file == nullptr || file->directory) return -1;
        std::string bytes;
        const bool in_pages = Kernel::dirty(*file->node);
        const int error = kernel.read(process, *file, step.a, step.b, bytes);
        said_ = bytes;
        // What is only in pages yet the oracle does not know.
        if (!in_pages) oracle_.read_done(n, *file, span(), error, step.a, step.b, bytes);
        return error;
      }
      case Op::close:
        return file == nullptr ? -1 : close(n, kernel, process, step.slot);
      case Op::fork_close: {
        if (file == nullptr || file->directory) return -1;
        ++file->descriptors;
        Process child;
        child.number = process.number + 1000;
        return kernel.close(child, file);
      }
      case Op::stat: {
        struct stat found {};
        const int error = kernel.stat(process, start, step.path, found);
        if (error == 0) said_ = said_of(found);
        oracle_.stat_done(n, path, span(), error, found);
        return error;
      }
      case Op::fstat: {
        struct stat found {};
        if (file == nullptr) return -1;
        const int error = kernel.fstat(process, *file, found);
        if (error == 0) said_ = said_of(found);
        return error;
      }
      case Op::list:
        return list(n, kernel, process, start, path, step);
      case Op::chdir: {
        const int error = kernel.chdir(process, start, step.path);
        if (error == 0) process.cwd_since = began;
        return error;
      }
      case Op::fsync: {
        if (file == nullptr || file->directory) return -1;
        kernel.write_dirty(*file->node);
        const PendingCommit commit = oracle_.commit_begins(n, *file);
        const int error = kernel.fsync(process, *file);
        oracle_.commit_done(n, *file, commit, span(), error, "fsync");
        return error;
      }
      case Op::truncate: {
        if (file == nullptr || file->directory || !file->writes()) return -1;
        const PendingChange change = oracle_.truncate_begins(*file, step.a);
        const int error = kernel.truncate(process, file->node, file.get(), step.a);
        oracle_.truncate_done(n, *file, change, span(), error, step.a);
        return error;
      }
      case Op::fchmod: {
        if (file == nullptr) return -1;
        // Attributes that are set on what is written may be stored with it.
        const PendingCommit commit = oracle_.commit_begins(n, *file);
        const int error = kernel.fchmod(process, *file, static_cast<mode_t>(step.a));
        oracle_.attributes_set(n, commit);
        return error;
      }
      case Op::map:
      case Op::unmap:
      case Op::mapped_read:
      case Op::mapped_write:
        return file == nullptr || file->directory ? -1
                                                  : call_mapping(n, kernel, process, file, step);
      case Op::reclaim:
        kernel.reclaim(step.a, step.b != 0);
        return 0;
      default:
        return call_name(n, kernel, process, start, path, step);
    }
  }

  /// Mappings of an open file, loads and stores.
  int call_mapping(int n, Kernel& kernel, Process& process, const OpenFilePtr& file,
                   const Step& step) {
    const Nanos began = world_.now();
    switch (step.op) {
      case Op::map:
        if (file->mappings > 0) return -1;
        return kernel.map(process, *file);
      case Op::unmap:
        if (file->mappings == 0) return -1;
        kernel.unmap(process, file);
        return 0;
      case Op::mapped_read: {
        if (file->mappings == 0) return -1;
        std::string bytes;
        const bool in_pages = Kernel::dirty(*file->node);
        const int error = kernel.mapped_read(process, *file, step.a, step.b, bytes);
        // Behind the file's end a page has zeros; a page wholly behind it is none.
        const uint64_t end = file->node->size();
        bytes.resize(std::min<uint64_t>(bytes.size(), end - std::min(end, step.a)));
        if (!in_pages && error != EFAULT)
          oracle_.read_done(n, *file, Span{began, world_.now()}, error, step.a, step.b, bytes);
        return error;
      }
      case Op::mapped_write: {
        if (file->mappings == 0 || !file->writes()) return -1;
        const int error = kernel.mapped_write(process, *file, step.a, content_of(step.id, step.b));
        if (error == 0) oracle_.stored_in_memory(*file, step.a + step.b > file->node->size());
        return error;
      }
      default:
        return -1;
    }
  }

  /// System calls that take a path, but open.
  int call_name(int n, Kernel& kernel, Process& process, const KNodePtr& start,
                const std::string& path, const Step& step) {
    const Nanos began = asked_since(process, step);
    const auto span = [&] { return Span{began, world_.now(), !kernel.reaches_root(*start)}; };
    switch (step.op) {
      case Op::unlink:
      case Op::rmdir: {
        oracle_.name_busy(n, path);
        const int error = kernel.unlink(process, start, step.path, step.op == Op::rmdir);
        oracle_.name_answered(n, path);
        oracle_.removed(n, path, span(), error, step.op == Op::rmdir);
        oracle_.name_settled(n, path);
        return error;
      }
      case Op::mkdir: {
        oracle_.name_busy(n, path);
        const int error = kernel.mkdir(process, start, step.path);
        oracle_.name_answered(n, path);
        oracle_.made_directory(n, path, span(), error);
        oracle_.name_settled(n, path);
        return error;
      }
      case Op::rename: {
        const std::string to = full_path(kernel, start, step.path2);
        oracle_.name_busy(n, path);
        oracle_.name_busy(n, to);
        oracle_.rename_begins(n, path, to);
        const int error = kernel.rename(process, start, step.path, step.path2, false);
        oracle_.name_answered(n, path);
        oracle_.name_answered(n, to);
        oracle_.renamed(n, path, to, span(), error);
        oracle_.name_settled(n, path);
        oracle_.name_settled(n, to);
        return error;
      }
      case Op::link:
      case Op::symlink:
      case Op::readlink:
        return call_link(n, kernel, process, start, path, step);
      case Op::chmod: {
        oracle_.attributes_change(n, path);
        const auto mode = static_cast<mode_t>(step.a);
        const int error = kernel.chmod(process, start, step.path, mode);
        oracle_.attributes_changed(n, path, span(), error, [mode](const Metadata& metadata) {
          const auto stored = metadata.find("mode");
          return stored != metadata.end() && (std::stoul(stored->second) & ALLPERMS) == mode;
        });
        return error;
      }
      case Op::set_xattr: {
        oracle_.attributes_change(n, path);
        const std::string value = std::to_string(step.id % 1000);
        const int error = kernel.set_xattr(process, start, step.path, "user.x", value);
        oracle_.attributes_changed(n, path, span(), error, [value](const Metadata& metadata) {
          const auto stored = metadata.find("x");
          return stored != metadata.end() && stored->second == value;
        });
        return error;
      }
      default:
        return -1;
    }
  }

  int call_link(int n, Kernel& kernel, Process& process, const KNodePtr& start,
                const std::string& path, const Step& step) {
    const Nanos began = asked_since(process, step);
    const auto span = [&] { return Span{began, world_.now(), !kernel.reaches_root(*start)}; };
    if (step.op == Op::readlink) {
      std::string target;
      const int error = kernel.readlink(process, start, step.path, target);
      if (error == 0) said_ = target;
      oracle_.read_link_done(n, path, span(), error, target);
      return error;
    }
    const bool hard = step.op == Op::link;
    const std::string made = hard ? full_path(kernel, start, step.path2) : path;
    const std::string target = content_of(step.id, step.b);
    oracle_.name_busy(n, made);
    oracle_.new_name(n, made);
    if (hard) {
      oracle_.attributes_change(n, path);
    } else {
      oracle_.symlink_begins(n, target);
    }
    const int error = hard ? kernel.link(process, start, step.path, step.path2)
                           : kernel.symlink(process, start, target, step.path);
    oracle_.new_name_answered(n, made);
    oracle_.name_answered(n, made);
    if (hard) {
      oracle_.linked(n, path, made, span(), error);
    } else {
      oracle_.made_symlink(n, made, span(), error, target);
    }
    oracle_.name_settled(n, made);
    return error;
  }

  int close(int n, Kernel& kernel, Process& process, int slot) {
    const OpenFilePtr file = process.files[slot];
    process.files.erase(slot);
    if (file->mappings > 0) kernel.unmap(process, file);
    const Nanos began = world_.now();
    const PendingCommit commit = oracle_.commit_begins(n, *file);
    const int error = kernel.close(process, file);
    oracle_.commit_done(n, *file, commit, {began, world_.now()}, error, "close");
    oracle_.closed(n, *file);
    return error;
  }

  int list(int n, Kernel& kernel, Process& process, const KNodePtr& start, const std::string& path,
           const Step& step) {
    const Nanos began = asked_since(process, step);
    OpenFilePtr directory;
    std::vector<std::string> names;
    int error = kernel.open(process, start, step.path, O_RDONLY | O_DIRECTORY, directory);
    bool end = false;
    while (error == 0 && !end) {
      error = kernel.getdents(process, *directory, names, end);
      if (!end && step.a != 0) world_.sleep(static_cast<Nanos>(step.a) * millisecond);
    }
    if (directory != nullptr) kernel.close(process, directory);
    std::string all;
    for (const std::string& name : names) all += " " + name;
    world_.trace("n{} listed {}:{}", n, path, all);
    if (error == 0) said_ = all;
    oracle_.list_done(n, path, {began, world_.now(), !kernel.reaches_root(*start)}, error, names);
    return error;
  }

  void close_all(size_t i) {
    const Program& program = script_.programs[i];
    if (program.node == foreign_client) return;
    ++closing_;
    world_.after(0, node(program.node).group, [this, i] {
      Running& running = *running_[i];
      const int n = script_.programs[i].node;
      while (!running.process.files.empty())
        close(n, node(n).kernel(), running.process, running.process.files.begin()->first);
      --running.process.cwd->users;
      running.process.cwd = nullptr;
      --closing_;
      world_.wake_all(changed_);
    });
  }

  void come_to_rest(int i) {
    ++resting_;
    world_.after(0, node(i).group, [this, i] {
      Node& n = node(i);
      where_ = fmt::format("node {} comes to rest", i);
      while (n.kernel().requests_under_way() > 0) world_.sleep(second);
      // An edit of what somebody else has replaced stays in the journal.
      const Nanos patience = world_.now() + 400 * second;
      while (n.pending_files() > 0 && world_.now() < patience) world_.sleep(second);
      if (n.pending_files() > 0 && !oracle_.changed_by_others_ever(i))
        violation("never stored",
                  fmt::format("node {}: {} files are still in the journal", i, n.pending_files()));
      world_.sleep(second);
      n.kernel().forget_all();
      world_.sleep(second);
      where_ = fmt::format("node {} ends", i);
      for (const std::string& path : n.shut_down()) oracle_.unsaved(i, path);
      nodes_[static_cast<size_t>(i)].reset();
      --resting_;
      world_.wake_all(changed_);
    });
  }

  const Script& script_;
  const std::function<void(int, const Step&, int, const std::string&)> answered_;
  std::string said_;  ///< By the present step; of scripts whose steps do not overlap.
  World world_;
  Cloud cloud_;
  Oracle oracle_;
  std::vector<NodeDisk> disks_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Running>> running_;
  std::string where_;
  size_t programs_under_way_ = 0;
  int starting_ = 0;
  int closing_ = 0;
  int resting_ = 0;
  uint64_t steps_ = 0;
  bool ended_ = false;
  const GroupPtr director_ = std::make_shared<Group>("director");
  Signal changed_;
};

}  // namespace

RunResult run_script(const Script& script, const RunOptions& options) {
  return Run(script, options).play();
}

}  // namespace penstock::sim
