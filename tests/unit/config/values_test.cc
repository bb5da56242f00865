// SPDX-License-Identifier: Apache-2.0
#include "config/values.h"

#include <string>

#include "config/suggest.h"
#include "support/catch.h"

namespace penstock {
namespace {

std::string complaint(std::string_view option, std::string_view value) {
  const OptionRow* row = find_option(option);
  REQUIRE(row != nullptr);
  Options options;
  const Result<void> result = set_value(*row, value, "/", options);
  REQUIRE_FALSE(result);
  CHECK(value_text(*row, options) == value_text(*row, Options{}));
  return std::string(result.error().message());
}

TEST_CASE("sizes") {
  CHECK(*parse_size("4096") == 4096);
  CHECK(*parse_size("512M") == 512ULL << 20);
  CHECK(*parse_size("4GiB") == 4ULL << 30);
  CHECK(*parse_size("4gib") == 4ULL << 30);
  CHECK(*parse_size("100KB") == 100'000);
  CHECK(*parse_size("1P") == 1ULL << 50);
  for (const char* text :
       {"", "M", "1.5G", "-1", "+1", "1 G", "1X", "17179869184G", "99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_size(text));
  }
}

TEST_CASE("durations") {
  CHECK(*parse_duration("500ms") == 500);
  CHECK(*parse_duration("60s") == 60'000);
  CHECK(*parse_duration("60") == 60'000);
  CHECK(*parse_duration("5m") == 300'000);
  CHECK(*parse_duration("1h") == 3'600'000);
  for (const char* text : {"", "s", "1d", "1.5s", "-1s", "99999999999999999h"})
    CHECK_FALSE(parse_duration(text));
}

TEST_CASE("sizes and durations are written in their largest even unit") {
  CHECK(size_text(0) == "0");
  CHECK(size_text(8 << 20) == "8MiB");
  CHECK(size_text((8 << 20) + 1) == "8388609");
  CHECK(duration_text(0) == "0s");
  CHECK(duration_text(1500) == "1500ms");
  CHECK(duration_text(90'000) == "90s");
  CHECK(duration_text(60'000) == "60s");
  CHECK(duration_text(7'200'000) == "2h");
}

TEST_CASE("a bad value of every kind is refused with a right one, and changes nothing") {
  CHECK(complaint("memory-limit", "12Q") ==
        "--memory-limit: '12Q' is not a size; write a number with a unit, such as 512M or 4GiB");
  CHECK(complaint("memory-limit", "1M") == "--memory-limit: '1M' is too small; the least is 16MiB");
  CHECK(complaint("fetch-size", "2G") == "--fetch-size: '2G' is too large; the most is 1GiB");
  CHECK(complaint("fetch-size", "auto").find("is not a size") != std::string::npos);
  CHECK(complaint("metadata-ttl", "soon") ==
        "--metadata-ttl: 'soon' is not a time; write a number with a unit, such as 500ms, 60s, 5m "
        "or 1h");
  CHECK(complaint("stop-timeout", "1500ms") ==
        "--stop-timeout: '1500ms' is not a number of whole seconds");
  CHECK(complaint("http-threads", "two") == "--http-threads: 'two' is not a whole number");
  CHECK(complaint("http-threads", "0") == "--http-threads: '0' is too small; the least is 1");
  CHECK(complaint("http-threads", "4294967297").find("too large") != std::string::npos);
  CHECK(complaint("file-mode", "rw") ==
        "--file-mode: 'rw' is not a mode; write it in octal as for chmod, such as 0644");
  CHECK(complaint("file-mode", "0888").find("is not a mode") != std::string::npos);
  CHECK(complaint("file-mode", "7777") == "--file-mode: '7777' is too large; the most is 0777");
  CHECK(complaint("uid", "no such user") ==
        "--uid: 'no such user' is not a user of this machine; give a user's name or number");
  CHECK(complaint("gid", "no such group").find("is not a group") != std::string::npos);
  CHECK(complaint("path-style", "alway") ==
        "--path-style: 'alway' is not one of auto, always, never (did you mean always?)");
  CHECK(complaint("log-level", "7") ==
        "--log-level: '7' is not one of error, warning, info, debug");
  CHECK(complaint("region", "") ==
        "--region has an empty value; give one, or leave the option out");
  CHECK(complaint("log-file", "").find("empty value") != std::string::npos);
  CHECK(complaint("read-only", "1") == "--read-only: '1' is neither yes nor no");
}

TEST_CASE("an address without a host is one of this machine alone") {
  const OptionRow& row = *find_option("metrics-address");
  const auto address = [&](std::string_view text) {
    Options options;
    CHECK(set_value(row, text, "/", options));
    return value_text(row, options);
  };
  CHECK(address("9464") == "127.0.0.1:9464");
  CHECK(address(":9464") == "127.0.0.1:9464");
  CHECK(address("localhost:0") == "127.0.0.1:0");
  CHECK(address("0.0.0.0:9464") == "0.0.0.0:9464");
  CHECK(address("10.0.0.7:65535") == "10.0.0.7:65535");
  CHECK(address("[::1]:9464") == "[::1]:9464");
  CHECK(address("[::]:9464") == "[::]:9464");
  for (const std::string text : {"", ":", "host:9464", "::1:9464", "[1.2.3.4]:9464", "1.2.3.4",
                                 "1.2.3.4:65536", "9464,9465", "1.2.3:9464", "1.2.3.4:9464s"}) {
    INFO(text);
    CHECK(complaint("metrics-address", text) ==
          "--metrics-address: '" + text +
              "' is not an address to listen at; write HOST:PORT with the number of an address, "
              "such as 127.0.0.1:9464 or [::1]:9464, or a port alone");
  }
}

TEST_CASE("flags are set and taken back") {
  const OptionRow& row = *find_option("read-only");
  for (const std::string_view text : {"", "yes", "true", "no", "false"}) {
    INFO(text);
    const bool yes = !text.starts_with("n") && !text.starts_with("f");
    Options options;
    options.mount.read_only = !yes;
    CHECK(set_value(row, text, "/", options));
    CHECK(options.mount.read_only == yes);
  }
}

TEST_CASE("auto is zero where the table says so") {
  Options options;
  options.mount.memory_limit = 1;
  CHECK(set_value(*find_option("memory-limit"), "auto", "/", options));
  CHECK(options.mount.memory_limit == 0);
  CHECK(set_value(*find_option("memory-limit"), "0", "/", options));
  CHECK(value_text(*find_option("memory-limit"), options) == "auto");
}

TEST_CASE("relative paths are relative to the working directory") {
  Options options;
  CHECK(set_value(*find_option("log-file"), "../x.log", "/home/ann", options));
  CHECK(options.log.file == "/home/x.log");
  CHECK(set_value(*find_option("log-file"), "/var/x.log", "/home/ann", options));
  CHECK(options.log.file == "/var/x.log");
}

TEST_CASE("suggestions are near or not made") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abcd", "acbd") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  const std::string_view words[] = {"mount", "umount"};
  CHECK(closest("muont", words) == "mount");
  CHECK(closest("unmount", words) == "umount");
  CHECK_FALSE(closest("frobnicate", words));
  CHECK_FALSE(closest("x", words));
  const std::string_view options[] = {"endpoint-url", "metadata-ttl", "no-cache", "cache-size",
                                      "cache-dir"};
  CHECK(closest("endpoint", options) == "endpoint-url");
  CHECK(closest("ttl", options) == "metadata-ttl");
  CHECK(closest("cache", options) == "cache-dir");
  CHECK(closest("cache-siez", options) == "cache-size");
  CHECK_FALSE(closest("end", options));
}

}  // namespace
}  // namespace penstock
