// SPDX-License-Identifier: Apache-2.0
#include "app/access/access_record.h"

#include <cerrno>

#include "support/catch.h"

namespace penstock::test {
namespace {

AccessRecord read_back(const AccessRecord& record) {
  const std::string line = to_line(record);
  CAPTURE(line);
  CHECK(line.find('\n') == line.size() - 1);
  const Result<AccessRecord> back = parse_access_line(line);
  if (!back) FAIL(back.error().message());
  return *back;
}

TEST_CASE("a record of the access log comes back as it was") {
  AccessRecord record;
  record.began_us = 1'796'098'211'236'325;
  record.took_us = 813;
  record.operation = "read";
  record.path = "train/a \"b\"\n.jpg";
  record.handle = 12;
  record.flags = "rw+trunc";
  record.offset = 5ULL << 40;
  record.size = 131'072;
  record.bytes = 0;
  record.mode = 0640;
  record.error = ESTALE;
  const AccessRecord back = read_back(record);
  CHECK(back.began_us == record.began_us);
  CHECK(back.took_us == 813);
  CHECK(back.operation == "read");
  CHECK(back.path == record.path);
  CHECK(back.handle == 12);
  CHECK(back.flags == "rw+trunc");
  CHECK(back.offset == record.offset);
  CHECK(back.size == record.size);
  CHECK(back.bytes == uint64_t{0});
  CHECK(back.mode == 0640U);
  CHECK(back.error == ESTALE);
}

TEST_CASE("names of any bytes come back from the access log") {
  for (const std::string name : {"", "ü/日本", "\xff\xfe/x", "half \xe6\x97",
                                 "\xef\xbf\xbd replaced", "back\\slash", "tab\there"}) {
    AccessRecord record;
    record.operation = "rename";
    record.path = name;
    record.to = name;
    const AccessRecord back = read_back(record);
    CHECK(back.path == name);
    CHECK(back.to == name);
  }
  AccessRecord nameless;
  nameless.operation = "read";
  CHECK_FALSE(read_back(nameless).path);
}

TEST_CASE("a line that no mount would have written is refused") {
  const auto problem = [](const std::string& line) {
    const Result<AccessRecord> record = parse_access_line(line);
    return record ? "" : std::string(record.error().message());
  };
  const auto fields = [&](const std::string& more) {
    return problem("{\"time\":1.5,\"us\":1,\"op\":\"read\"" + more + "}");
  };
  CHECK(fields("").empty());
  CHECK(fields(",\"later\":[1]").empty());
  CHECK_FALSE(problem("").empty());
  CHECK_FALSE(problem("[]").empty());
  CHECK_FALSE(problem("{\"time\":1.5}").empty());
  CHECK_FALSE(problem("{\"time\":-1,\"op\":\"read\"}").empty());
  CHECK_FALSE(problem("{\"time\":1e300,\"op\":\"read\"}").empty());
  CHECK(fields(",\"path\":\"a/../../etc/passwd\"") == "path leads out of the mount");
  CHECK(fields(",\"path\":\"/etc/passwd\"") == "path leads out of the mount");
  CHECK(fields(",\"to\":\"..\"") == "to leads out of the mount");
  CHECK(fields(",\"path\":\"x\",\"path_hex\":\"2e2e\"") == "path leads out of the mount");
  CHECK(fields(",\"path\":\"x\",\"path_hex\":\"2e2\"") ==
        "path_hex is not made of pairs of digits");
  CHECK(fields(",\"size\":67108865") == "size is more than a mount is ever asked for");
  CHECK(fields(",\"offset\":9223372036854775808") == "offset is too large");
  CHECK(fields(",\"size\":-1") == "size is no number from 0 on");
  CHECK(fields(",\"mode\":4294967296") == "mode is too large");
  CHECK_FALSE(fields(",\"fh\":\"1\"").empty());
  CHECK_FALSE(fields(",\"error\":5").empty());
}

}  // namespace
}  // namespace penstock::test
