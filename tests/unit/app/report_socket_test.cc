// SPDX-License-Identifier: Apache-2.0
#include "app/report_socket.h"

#include <sys/stat.h>

#include <string>

#include "support/catch.h"
#include "support/temp_dir.h"

namespace penstock {
namespace {

TEST_CASE("who connects is told, as often as they like") {
  const test::TempDir folder;
  const std::string path = ReportSocket::path(folder.path() + "/x.pid");
  int asked = 0;
  {
    const auto socket = ReportSocket::listen(path, [&] { return std::to_string(++asked); });
    REQUIRE(socket);
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(ask_report(path).value() == "1");
    CHECK(ask_report(path).value() == "2");
  }
  const auto gone = ask_report(path);
  CHECK((!gone && gone.code() == Code::not_found));
}

TEST_CASE("the socket of a process that was killed is replaced; a long answer arrives whole") {
  const test::TempDir folder;
  const std::string path = folder.path() + "/x.pid.sock";
  const auto first = ReportSocket::listen(path, [] { return std::string("old"); });
  REQUIRE(first);
  const std::string large(5'000'000, 'x');
  const auto second = ReportSocket::listen(path, [&] { return large; });
  REQUIRE(second);
  CHECK(ask_report(path).value() == large);
}

TEST_CASE("a path that is too long for a socket is refused") {
  const auto refused = ReportSocket::listen("/tmp/" + std::string(200, 'x'), [] { return ""; });
  CHECK((!refused && refused.error().message() == "File name too long"));
}

}  // namespace
}  // namespace penstock
