// SPDX-License-Identifier: Apache-2.0
#include "app/human_text.h"

#include <sstream>

#include "app/progress_line.h"
#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("short times have two digits that count") {
  using Seconds = std::chrono::duration<double>;
  CHECK(human_latency(Seconds(0)) == "0.0us");
  CHECK(human_latency(Seconds(7e-6)) == "7.0us");
  CHECK(human_latency(Seconds(350e-6)) == "350us");
  CHECK(human_latency(Seconds(999.6e-6)) == "1.0ms");
  CHECK(human_latency(Seconds(0.0123)) == "12ms");
  CHECK(human_latency(Seconds(1.23)) == "1.2s");
  CHECK(human_latency(Seconds(4000)) == "4000s");
}

TEST_CASE("sizes have three digits at most") {
  CHECK(human_size(0) == "0B");
  CHECK(human_size(1023) == "1023B");
  CHECK(human_size(1024) == "1.0KiB");
  CHECK(human_size(10'188) == "9.9KiB");
  CHECK(human_size(10'200) == "10KiB");
  CHECK(human_size((1ULL << 20) - 1) == "1.0MiB");
  CHECK(human_size(1'234'567'890) == "1.1GiB");
  CHECK(human_size(UINT64_MAX) == "16EiB");
}

TEST_CASE("counts and times") {
  CHECK(counted(1, "file") == "1 file");
  CHECK(counted(0, "file") == "0 files");
  CHECK(human_time(std::chrono::seconds(59)) == "59s");
  CHECK(human_time(std::chrono::seconds(185)) == "3m05s");
  CHECK(human_time(std::chrono::seconds(7 * 3600 + 60)) == "7h01m");
}

TEST_CASE("names cannot move a terminal's cursor, nor end a line of JSON") {
  CHECK(printable("a\nb\033[K\x7f") == "a\\x0ab\\x1b[K\\x7f");
  CHECK(printable("schön") == "schön");
  CHECK(json_string("a\"b\\c\n") == "\"a\\\"b\\\\c\\u000a\"");
}

TEST_CASE("progress is one line on a terminal, and rare lines elsewhere") {
  std::ostringstream terminal;
  std::ostringstream file;
  {
    ProgressLine on_terminal(terminal, true);
    ProgressLine in_file(file, false);
    CHECK_FALSE(in_file.due());
    for (ProgressLine* line : {&on_terminal, &in_file}) {
      line->show("one");
      line->show("two");
      line->say("stays");
    }
  }
  CHECK(terminal.str() == "one\r\033[Ktwo\r\033[Kstays\n");
  CHECK(file.str() == "one\ntwo\nstays\n");
}

}  // namespace
}  // namespace penstock
