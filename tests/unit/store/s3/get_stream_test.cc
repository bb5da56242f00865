// SPDX-License-Identifier: Apache-2.0
#include "store/s3/get_stream.h"

#include "support/catch.h"

namespace penstock {
namespace {

/// Of an error, its code; nothing where there is none.
using Told = std::optional<Code>;
constexpr Told ok;

using Lines = std::vector<std::pair<std::string, std::string>>;

/// Keeps what it is given, and can have enough.
struct GetReceiver final : BodySink {
  void started(const ObjectInfo& info) noexcept override { told = info; }
  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    if (wants_no_more) return false;
    if (text.empty()) first_offset = offset;
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  }

  std::optional<ObjectInfo> told;
  std::optional<uint64_t> first_offset;
  std::string text;
  bool wants_no_more = false;
};

/// A GET whose answer a test makes by hand.
struct GetGround {
  explicit GetGround(GetRequest request = {}, bool checks = false) {
    request.key = "k";
    request.sink = receiver;
    stream = std::make_unique<GetStream>(std::move(request),
                                         checks ? std::make_shared<HeldBodies>() : nullptr);
  }

  /// How the stream takes the head of an answer; ok where it goes on.
  Told head(int status, const Lines& lines) {
    HttpResponse response{.status = status};
    for (const auto& [name, value] : lines) response.headers.add(name, value);
    const auto error = stream->started(response);
    return error ? Told(error->code()) : ok;
  }
  Told body(std::string_view bytes) {
    const auto error = stream->write(std::as_bytes(std::span(bytes)));
    return error ? Told(error->code()) : ok;
  }
  Told finish() const {
    const auto got = stream->finish();
    return got ? ok : Told(got.code());
  }

  std::shared_ptr<GetReceiver> receiver = std::make_shared<GetReceiver>();
  std::unique_ptr<GetStream> stream;
};

Told head_of_range(const std::string& content_range, const std::string& length) {
  GetGround ground({.range = ByteRange{10, 5}});
  const Told code = ground.head(
      206, {{"etag", "\"v\""}, {"content-range", content_range}, {"content-length", length}});
  CHECK(ground.receiver->told.has_value() == (code == ok));
  return code;
}

TEST_CASE("the bytes of a range are handed on with their place in the object") {
  GetGround ground({.range = ByteRange{10, 5}});
  REQUIRE(ground.head(206, {{"etag", "\"v\""},
                            {"content-range", "bytes 10-14/100"},
                            {"content-length", "5"}}) == ok);
  REQUIRE(ground.receiver->told);
  CHECK(ground.receiver->told->size == 100);
  CHECK(ground.receiver->told->etag == "v");
  CHECK(ground.body("ab") == ok);
  CHECK(ground.body("cde") == ok);
  CHECK(ground.receiver->text == "abcde");
  CHECK(ground.receiver->first_offset == 10);
  const auto got = ground.stream->finish();
  REQUIRE(got);
  CHECK(got->key == "k");
  CHECK(got->size == 100);
}

TEST_CASE("an answer with other bytes than those that were asked for is refused") {
  CHECK(head_of_range("bytes 10-14/15", "5") == ok);
  CHECK(head_of_range("bytes 10-14/100", "") == ok);
  CHECK(head_of_range("bytes 11-15/100", "5") == Code::corrupt);
  CHECK(head_of_range("bytes 10-13/100", "4") == Code::corrupt);
  CHECK(head_of_range("bytes 10-15/100", "6") == Code::corrupt);
  CHECK(head_of_range("bytes 9-14/100", "6") == Code::corrupt);
  CHECK(head_of_range("bytes 10-14/100", "6") == Code::corrupt);
  CHECK(head_of_range("bytes 10-14/100", "4") == Code::corrupt);
  for (const char* unusable : {"", "bytes */100", "bytes 10-14/*", "bytes 10-14", "10-14/100",
                               "bytes 14-10/100", "bytes 10-14/14", "bytes 10-14/100 "})
    CHECK(head_of_range(unusable, "5") == Code::corrupt);
}

TEST_CASE("a range behind the object's end is the caller's fault") {
  CHECK(head_of_range("bytes 10-13/14", "4") == Code::invalid_argument);
}

TEST_CASE("a server that answers a range with the whole object is not read") {
  GetGround part({.range = ByteRange{10, 5}});
  CHECK(part.head(200, {{"content-length", "100"}}) == Code::not_supported);
  GetGround first({.range = ByteRange{0, 5}});
  CHECK(first.head(200, {{"content-length", "6"}}) == Code::not_supported);
  // It is what was asked for.
  GetGround whole({.range = ByteRange{0, 5}});
  CHECK(whole.head(200, {{"content-length", "5"}}) == ok);
}

TEST_CASE("an answer must be one to a GET, and tell its length") {
  CHECK(GetGround().head(206, {{"content-length", "5"}, {"content-range", "bytes 0-4/5"}}) ==
        Code::corrupt);
  CHECK(GetGround().head(204, {{"content-length", "0"}}) == Code::corrupt);
  CHECK(GetGround().head(200, {}) == Code::corrupt);
  CHECK(GetGround().head(200, {{"content-length", "-1"}}) == Code::corrupt);
  CHECK(GetGround().finish() == Code::corrupt);
}

TEST_CASE("bytes of another version than the one that was asked for are not handed on") {
  GetGround ground({.if_match = "old"});
  CHECK(ground.head(200, {{"etag", "\"new\""}, {"content-length", "5"}}) == Code::changed);
  CHECK_FALSE(ground.receiver->told);
  GetGround none({.if_match = "old"});
  CHECK(none.head(200, {{"content-length", "5"}}) == Code::changed);
  GetGround same({.if_match = "old"});
  CHECK(same.head(200, {{"etag", "\"old\""}, {"content-length", "5"}}) == ok);
}

TEST_CASE("a body that is shorter or longer than its answer said is an error") {
  GetGround brief;
  REQUIRE(brief.head(200, {{"content-length", "5"}}) == ok);
  CHECK(brief.body("abcd") == ok);
  CHECK(brief.finish() == Code::unavailable);
  CHECK(brief.body("e") == ok);
  CHECK(brief.finish() == ok);
  CHECK(brief.body("f") == Code::corrupt);
  CHECK(brief.receiver->text == "abcde");
}

TEST_CASE("a receiver that wants no more ends the answer") {
  GetGround ground;
  REQUIRE(ground.head(200, {{"content-length", "5"}}) == ok);
  ground.receiver->wants_no_more = true;
  CHECK(ground.body("abcde") == Code::cancelled);
}

/// The answer to a GET of a whole object, "123456789", with the CRC32C that the store has of it.
/// The checksum of these digits is 0xE3069283 (RFC 3720's polynomial), here in base64.
Lines nine_digits(const std::string& crc) {
  return {{"etag", "\"v\""}, {"content-length", "9"}, {"x-amz-checksum-crc32c", crc}};
}

TEST_CASE("nothing of a small object is handed on before its checksum is known to be right") {
  GetGround ground({}, true);
  REQUIRE(ground.head(200, nine_digits("4waSgw==")) == ok);
  CHECK(ground.body("12345") == ok);
  CHECK(ground.receiver->text.empty());
  SECTION("which it is") {
    CHECK(ground.body("6789") == ok);
    CHECK(ground.receiver->text == "123456789");
    CHECK(ground.receiver->first_offset == 0);
    CHECK(ground.finish() == ok);
  }
  SECTION("which it is not") {
    CHECK(ground.body("6788") == Code::corrupt);
    CHECK(ground.receiver->text.empty());
  }
  SECTION("and the body ends early") {
    CHECK(ground.finish() == Code::unavailable);
    CHECK(ground.receiver->text.empty());
  }
}

TEST_CASE("what a large object's checksum does not fit is told at the end") {
  const auto finish = [](char last) {
    GetGround ground({}, true);
    const std::string first(HeldBodies::size, 'a');
    // Of a MiB of "a" and then "b"; so made that only the last byte can be wrong.
    RunningChecksum sum(ChecksumKind::crc32c);
    sum.update(std::as_bytes(std::span(first)));
    sum.update(std::as_bytes(std::span(std::string_view("b"))));
    REQUIRE(ground.head(200, {{"content-length", std::to_string(first.size() + 1)},
                              {"x-amz-checksum-crc32c",
                               crc32c_text(static_cast<uint32_t>(sum.value()))}}) == ok);
    CHECK(ground.body(first) == ok);
    CHECK(ground.receiver->text.size() == first.size());
    CHECK(ground.body(std::string_view(&last, 1)) == ok);
    return ground.finish();
  };
  CHECK(finish('b') == ok);
  CHECK(finish('c') == Code::corrupt);
}

TEST_CASE("of a range, and where nothing is to be checked, a checksum says nothing") {
  GetGround range({.range = ByteRange{0, 9}}, true);
  Lines lines = nine_digits("AAAAAA==");
  lines.emplace_back("content-range", "bytes 0-8/9");
  REQUIRE(range.head(206, lines) == ok);
  CHECK(range.body("123456789") == ok);
  CHECK(range.finish() == ok);
  GetGround unchecked;
  REQUIRE(unchecked.head(200, nine_digits("AAAAAA==")) == ok);
  CHECK(unchecked.body("123456789") == ok);
  CHECK(unchecked.finish() == ok);
  // An object without bytes has nothing to be wrong.
  GetGround empty({}, true);
  REQUIRE(empty.head(200, {{"content-length", "0"}, {"x-amz-checksum-crc32c", "4waSgw=="}}) == ok);
  CHECK(empty.finish() == ok);
}

}  // namespace
}  // namespace penstock
