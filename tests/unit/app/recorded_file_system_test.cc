// SPDX-License-Identifier: Apache-2.0
#include "app/access/recorded_file_system.h"

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "app/access/access_record.h"
#include "support/captured_log.h"
#include "support/catch.h"
#include "support/idle_file_system.h"

namespace penstock::test {
namespace {

/// Opens everything under the handle 77, reads three bytes, and answers lookups when it is told to.
class FewAnswers final : public IdleFileSystem {
 public:
  void lookup(InodeId, std::string, Done<Entry> done) override { looked_up = std::move(done); }
  void open(InodeId, OpenFlags, Done<Opened> done) override { done(Opened{.handle = 77}); }
  void read(HandleId, ByteRange, std::stop_token, Done<Slices> done) override {
    static constexpr std::byte bytes[3]{};
    done(Slices{.spans = {std::span(bytes)}, .owners = {}});
  }
  void unlink(InodeId, std::string, Done<void> done) override {
    done(Error(Code::access_denied, "not allowed"));
  }
  void rename(InodeId, std::string, InodeId, std::string, bool, Done<void> done) override {
    done({});
  }

  Done<Entry> looked_up;
};

struct Ground {
  std::vector<AccessRecord> records() const {
    std::vector<AccessRecord> all;
    for (const std::string& line : log->lines()) {
      const Result<AccessRecord> record = parse_access_line(line);
      if (!record) FAIL(line);
      all.push_back(*record);
    }
    return all;
  }
  AccessRecord last() const { return records().back(); }

  FewAnswers inner;
  const std::shared_ptr<CapturedLog> log = std::make_shared<CapturedLog>();
  RecordedFileSystem files{inner,
                           [](InodeId inode) -> std::optional<std::string> {
                             if (inode == root_inode) return "";
                             if (inode == 2) return "d";
                             return std::nullopt;
                           },
                           "s3://bucket/train", log};
};

TEST_CASE("the access log begins with what is mounted") {
  const Ground ground;
  CHECK(ground.last().operation == "mount");
  CHECK(ground.last().to == "s3://bucket/train");
}

TEST_CASE("an operation is in the access log once it is answered, before its program hears") {
  Ground ground;
  size_t lines_then = 0;
  ground.files.lookup(2, "f", [&](const Result<Entry>& entry) {
    CHECK(entry.code() == Code::not_found);
    lines_then = ground.records().size();
  });
  CHECK(ground.records().size() == 1);
  ground.inner.looked_up(Error(Code::not_found, "no such key"));
  CHECK(lines_then == 2);
  CHECK(ground.last().operation == "lookup");
  CHECK(ground.last().path == "d/f");
  CHECK(ground.last().error == ENOENT);
  CHECK(ground.last().took_us >= 0);
}

TEST_CASE("reads of an open file have its path, and a number of their own") {
  Ground ground;
  for (const uint64_t number : {1, 2}) {
    HandleId handle = 0;
    ground.files.open(2, {.read = true},
                      [&](const Result<Opened>& opened) { handle = opened->handle; });
    CHECK(handle == 77);  // what the file system said
    CHECK(ground.last().flags == "r");
    CHECK(ground.last().handle == number);
    ground.files.read(handle, {4096, 100}, {}, [](const Result<Slices>&) {});
    const AccessRecord read = ground.last();
    CHECK(read.path == "d");
    CHECK(read.handle == number);
    CHECK(read.offset == uint64_t{4096});
    CHECK(read.size == uint64_t{100});
    CHECK(read.bytes == uint64_t{3});
    ground.files.release(handle);
    CHECK(ground.last().operation == "release");
    CHECK(ground.last().handle == number);
  }
}

TEST_CASE("changes in the access log say both names, and what refused them") {
  Ground ground;
  ground.files.rename(root_inode, "a", 2, "b", true, [](const Result<void>&) {});
  CHECK(ground.last().path == "a");
  CHECK(ground.last().to == "d/b");
  CHECK(ground.last().flags == "noreplace");
  CHECK(ground.last().error == 0);
  ground.files.unlink(3, "gone", [](const Result<void>&) {});
  CHECK_FALSE(ground.last().path);
  CHECK(ground.last().error == EACCES);
}

}  // namespace
}  // namespace penstock::test
