// SPDX-License-Identifier: Apache-2.0
#include "app/daemon/supervisor.h"

#include <csignal>
#include <future>
#include <thread>
#include <utility>

#include "support/catch.h"
#include "support/idle_file_system.h"

namespace penstock {
namespace {

using Paths = std::vector<std::string>;

/// What was done to the mount, in order. Thread-safe.
class Journal {
 public:
  void add(const std::string& what) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    entries_.push_back(what);
    added_.notify_all();
  }
  Paths entries() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return entries_;
  }
  void wait_for(const std::string& what, std::ptrdiff_t times = 1) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (std::count(entries_.begin(), entries_.end(), what) < times) added_.wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar added_;
  Paths entries_ GUARDED_BY(mutex_);
};

class NoKernel final : public KernelCache {
 public:
  void invalidate_data(InodeId) override {}
  void invalidate_entry(InodeId, std::string_view) override {}
};

/// Serves until it is unmounted or told to end, as a kernel would let it.
class FakeSession final : public FuseSession {
 public:
  explicit FakeSession(Journal& journal) : journal_(journal) {}
  KernelCache& kernel_cache() override { return kernel_; }
  const FuseFeatures& features() const override { return features_; }
  const FileMetrics& metrics() const override { return metrics_; }
  Result<void> run() override {
    journal_.add("run");
    Result<void> result = end_.get_future().get();
    return result;
  }
  bool moves() override { return true; }
  void exit() override {
    journal_.add("exit");
    finish({});
  }
  void end() override {}
  void unmount(bool lazy) override {
    journal_.add(lazy ? "unmount lazily" : "unmount");
    if (!busy || lazy) mounted = false;
  }
  void finish(Result<void> result) {
    if (!finished_.exchange(true)) end_.set_value(std::move(result));
  }

  std::atomic<bool> busy = false;
  std::atomic<bool> mounted = true;

 private:
  Journal& journal_;
  const FuseFeatures features_;
  FileMetrics metrics_;
  NoKernel kernel_;
  std::atomic<bool> finished_ = false;
  std::promise<Result<void>> end_;
};

class FakeFileSystem final : public test::IdleFileSystem {
 public:
  explicit FakeFileSystem(Journal& journal) : journal_(journal) {}
  void shutdown(std::chrono::milliseconds limit, Callback<void(Paths)> done) override {
    journal_.add("shutdown " + std::to_string(limit.count()));
    if (!hold) return done(unsaved);
    waiting = std::move(done);
    journal_.add("holding");
  }

  std::atomic<bool> hold = false;
  Paths unsaved;
  Callback<void(Paths)> waiting;

 private:
  Journal& journal_;
};

class SupervisorTest {
 public:
  Supervisor::Outcome run() {
    return supervisor.run({.file_system = file_system,
                           .session = session,
                           .stop_timeout = std::chrono::seconds(7),
                           .journaled = journaled,
                           .send_pages = send_pages,
                           .still_mounted = [this] { return session.mounted.load(); },
                           .serving = [this] { journal.add("serving"); }});
  }

  bool journaled = false;
  std::function<void(std::chrono::milliseconds)> send_pages;
  Journal journal;
  FakeSession session{journal};
  FakeFileSystem file_system{journal};
  Supervisor supervisor{Log::none(), [this] { journal.add("exit now"); }};
};

/// The entries without "run", which comes from the serving thread at any time.
Paths without_run(Paths entries) {
  std::erase(entries, "run");
  return entries;
}

TEST_CASE_METHOD(SupervisorTest, "a signal saves first, then unmounts, then stops serving") {
  file_system.unsaved = {"a/b"};
  std::jthread signaller([&] {
    journal.wait_for("serving");
    supervisor.signal(SIGTERM);
  });
  const Supervisor::Outcome outcome = run();
  CHECK(outcome.served);
  CHECK(outcome.unsaved == Paths{"a/b"});
  CHECK(without_run(journal.entries()) == Paths{"serving", "shutdown 7000", "unmount", "exit"});
}

TEST_CASE_METHOD(SupervisorTest,
                 "at a signal the kernel's pages come in before changes are refused") {
  send_pages = [this](std::chrono::milliseconds limit) {
    journal.add("pages " + std::to_string(limit.count()));
  };
  std::jthread signaller([&] {
    journal.wait_for("serving");
    supervisor.signal(SIGTERM);
  });
  run();
  Paths entries = without_run(journal.entries());
  REQUIRE(entries.size() == 5);
  CHECK(entries[2].starts_with("shutdown "));  // what is left of the time
  entries.erase(entries.begin() + 2);
  CHECK(entries == Paths{"serving", "pages 3500", "unmount", "exit"});
}

TEST_CASE_METHOD(SupervisorTest, "an unmount from outside has sent the kernel's pages") {
  send_pages = [this](std::chrono::milliseconds) { journal.add("pages"); };
  std::jthread unmounter([&] {
    journal.wait_for("run");
    journal.wait_for("serving");
    session.finish({});
  });
  run();
  CHECK(without_run(journal.entries()) == Paths{"serving", "shutdown 7000"});
}

TEST_CASE_METHOD(SupervisorTest, "a busy mount is detached") {
  session.busy = true;
  std::jthread signaller([&] {
    journal.wait_for("serving");
    supervisor.signal(SIGINT);
  });
  run();
  CHECK(without_run(journal.entries()) ==
        Paths{"serving", "shutdown 7000", "unmount", "unmount lazily", "exit"});
}

TEST_CASE_METHOD(SupervisorTest, "an unmount from outside saves and ends") {
  std::jthread unmounter([&] {
    journal.wait_for("run");
    journal.wait_for("serving");
    session.finish({});
  });
  CHECK(run().served);
  CHECK(without_run(journal.entries()) == Paths{"serving", "shutdown 7000"});
}

TEST_CASE_METHOD(SupervisorTest, "serving that fails still saves, and its error comes out") {
  session.finish(Error(Code::internal, "no kernel"));
  const Supervisor::Outcome outcome = run();
  REQUIRE_FALSE(outcome.served);
  CHECK(outcome.served.error().message() == "no kernel");
  CHECK(without_run(journal.entries()) == Paths{"serving", "shutdown 7000"});
}

TEST_CASE_METHOD(SupervisorTest,
                 "a second signal exits at once, a first one after an unmount does not") {
  file_system.hold = true;
  std::jthread other([&] {
    journal.wait_for("serving");
    session.finish({});
    journal.wait_for("holding");
    supervisor.signal(SIGTERM);
    const Paths before = journal.entries();
    CHECK(std::find(before.begin(), before.end(), "exit now") == before.end());
    supervisor.signal(SIGTERM);
    const Paths after = journal.entries();
    CHECK(std::find(after.begin(), after.end(), "exit now") != after.end());
    file_system.waiting({});
  });
  run();
}

TEST_CASE_METHOD(SupervisorTest, "with a journal an unmount waits, unless told to leave the rest") {
  journaled = true;
  file_system.hold = true;
  const bool told_first = GENERATE(false, true);
  std::jthread other([&] {
    journal.wait_for("serving");
    if (told_first) supervisor.signal(SIGUSR1);
    session.finish({});
    journal.wait_for("holding");
    if (!told_first) supervisor.signal(SIGUSR1);
    journal.wait_for("holding", 2);  // the second time after "shutdown 7000"
    file_system.waiting({});
  });
  run();
  const Paths entries = without_run(journal.entries());
  REQUIRE(entries.size() > 3);
  CHECK(entries[1] == "shutdown 31536000000");  // a year
  CHECK(std::count(entries.begin(), entries.end(), "shutdown 7000") == 1);
}

TEST_CASE_METHOD(SupervisorTest, "a signal before anything is mounted exits at once") {
  supervisor.signal(SIGINT);
  CHECK(journal.entries() == Paths{"exit now"});
}

TEST_CASE_METHOD(SupervisorTest, "an unmount while a signal is being served is noticed") {
  file_system.hold = true;
  std::jthread other([&] {
    journal.wait_for("serving");
    supervisor.signal(SIGTERM);
    journal.wait_for("holding");
    session.finish({});
    file_system.waiting({});
  });
  run();
  // Whether the end of serving or of saving is seen first is open: both orders end.
  CHECK(journal.entries().size() >= 4);
}

}  // namespace
}  // namespace penstock
