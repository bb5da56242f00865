// SPDX-License-Identifier: Apache-2.0
#include "frontend/interrupts.h"

#include <fcntl.h>

#include <cerrno>
#include <functional>

#include "frontend/fuse_ops.h"
#include "support/catch.h"
#include "support/idle_file_system.h"
#include "unit/scripted_fuse/fuse_calls.h"

namespace penstock::test {
namespace {

class ScriptedProcesses final : public Processes {
 public:
  ProcessId of(pid_t thread) override {
    if (when_asked) when_asked();
    return static_cast<ProcessId>(thread);
  }
  bool is_of_kernel(ProcessId) override { return false; }
  bool lives(ProcessId) override { return true; }
  Stopping stopping(pid_t) override { return now; }

  Stopping now = Stopping::ends;
  std::function<void()> when_asked;
};

/// Keeps what it is asked, as if it waited for a server.
class WaitingFileSystem final : public IdleFileSystem {
 public:
  void create(InodeId, std::string, uint32_t, OpenFlags, bool, Caller caller,
              Done<Created> done) override {
    created_by = caller;
    create_done = std::move(done);
  }

  void getattr(InodeId, Done<Attributes> done) override { attributes_done = std::move(done); }

  Caller created_by;
  Done<Created> create_done;
  Done<Attributes> attributes_done;
};

class InterruptsTest {
 public:
  InterruptsTest() {
    context.file_system = &file_system;
    context.log = log.get();
    context.processes = &processes;
    request.userdata = &context;
    request.caller = {.uid = 7, .gid = 8, .pid = 9, .umask = 0};
  }

  void create() {
    fuse_file_info info{};
    info.flags = O_WRONLY | O_CREAT | O_EXCL;
    operations.create(&request, FUSE_ROOT_ID, "name", 0644, &info);
  }
  void interrupt() { request.on_interrupt(&request, request.interrupt_data); }
  bool look() { return context.interrupts.look(processes, context.answers, now); }

  const std::shared_ptr<Log> log = Log::none();
  ScriptedProcesses processes;
  FuseContext context;
  WaitingFileSystem file_system;
  const fuse_lowlevel_ops operations = fuse_operations();
  fuse_req request;
  Interrupts::Clock::time_point now = Interrupts::Clock::now();
};

TEST_CASE_METHOD(InterruptsTest, "an interrupt that overtakes its request is answered after it") {
  request.overtaken = true;
  create();
  CHECK(request.used_when_gone == 0);
  CHECK_FALSE(request.answer);
  CHECK(look());
  CHECK(request.answer == EINTR);
  file_system.create_done(Error(Code::internal));
  CHECK(request.used_when_gone == 0);
  CHECK_FALSE(look());
}

TEST_CASE_METHOD(InterruptsTest, "who asks is known after the answer") {
  request.overtaken = true;
  // The answer comes from another thread while the request is still being read.
  processes.when_asked = [this] { look(); };
  create();
  CHECK(request.answer == EINTR);
  CHECK(request.used_when_gone == 0);
  CHECK(file_system.created_by.uid == 7);
  CHECK(file_system.created_by.gid == 8);
}

TEST_CASE_METHOD(InterruptsTest, "what takes effect is answered early to who ends, and no other") {
  create();
  interrupt();
  for (const Stopping going_on : {Stopping::no, Stopping::asked, Stopping::unknown}) {
    processes.now = going_on;
    CHECK(look());
    now += 2 * Interrupts::patience;
    CHECK(look());
    CHECK_FALSE(request.answer);
  }
  // The kernel tells of the first signal only.
  processes.now = Stopping::ends;
  look();
  CHECK(request.answer == EINTR);
  CHECK(request.used_when_gone == 0);
}

TEST_CASE_METHOD(InterruptsTest, "what has no effect is withdrawn from who is asked to stop") {
  FuseReply reply(&request, context.reply(), FileOperation::lookup, Effect::none);
  interrupt();
  SECTION("but not for another signal") {
    processes.now = Stopping::no;
    look();
    CHECK_FALSE(reply.cancel().stop_requested());
    CHECK_FALSE(request.answer);
  }
  SECTION("at once where the signal is seen") {
    processes.now = Stopping::asked;
    look();
    CHECK(reply.cancel().stop_requested());
    CHECK(request.answer == EINTR);
  }
  SECTION("after a while where it is not") {
    processes.now = Stopping::unknown;
    look();
    CHECK_FALSE(request.answer);
    now += Interrupts::patience;
    look();
    CHECK(request.answer == EINTR);
  }
  reply.ok();
  CHECK(request.used_when_gone == 0);
}

TEST_CASE_METHOD(InterruptsTest, "a page is waited for by a program that goes on") {
  FuseReply reply(&request, context.reply(), FileOperation::read, Effect::part);
  interrupt();
  processes.now = Stopping::asked;
  look();
  CHECK_FALSE(reply.cancel().stop_requested());
  CHECK_FALSE(request.answer);
  processes.now = Stopping::unknown;
  now += Interrupts::patience;
  look();
  CHECK(reply.cancel().stop_requested());
  CHECK(request.answer == EINTR);
}

TEST_CASE_METHOD(InterruptsTest, "what an open asks when it has made a file is waited for") {
  operations.getattr(&request, FUSE_ROOT_ID, nullptr);
  REQUIRE(file_system.attributes_done);
  interrupt();
  processes.now = Stopping::asked;
  look();
  CHECK_FALSE(request.answer);
  file_system.attributes_done(Attributes{});
  CHECK(request.answer == 0);
}

TEST_CASE_METHOD(InterruptsTest, "what can end early by itself is asked to, and answers itself") {
  FuseReply reply(&request, context.reply(), FileOperation::copy_file_range, Effect::change);
  interrupt();
  processes.now = Stopping::asked;
  look();
  CHECK(reply.cancel().stop_requested());
  CHECK_FALSE(request.answer);
  CHECK(reply.written(4096));
  CHECK_FALSE(look());
}

TEST_CASE_METHOD(InterruptsTest, "only who was interrupted is told so of work that was given up") {
  FuseReply reply(&request, context.reply(), FileOperation::copy_file_range, Effect::change);
  const bool stopped = GENERATE(true, false);
  CAPTURE(stopped);
  interrupt();
  processes.now = stopped ? Stopping::asked : Stopping::no;
  look();
  REQUIRE_FALSE(request.answer);
  CHECK(reply.error(Error(Code::cancelled)));
  CHECK(request.answer == (stopped ? EINTR : EIO));
}

}  // namespace
}  // namespace penstock::test
