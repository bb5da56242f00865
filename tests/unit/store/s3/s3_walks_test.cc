// SPDX-License-Identifier: Apache-2.0
// Lists of parts and of uploads that come in pages, and removals of many keys, by scripted servers.
#include <fmt/core.h>

#include "store/s3/s3_operations.h"
#include "store/s3/s3_removal.h"
#include "support/await.h"
#include "support/catch.h"
#include "unit/store/s3/scripted_session.h"

namespace penstock::test {
namespace {

constexpr uint32_t page_size = 1000;

using Request = ScriptedServer::Request;

/// The value of a parameter of the request's query; empty where it has none.
std::string parameter(const Request& request, const std::string& name) {
  const size_t query = request.line.find('?');
  const size_t end = request.line.find(' ', query);
  if (query == std::string::npos) return {};
  const std::string all = "&" + request.line.substr(query + 1, end - query - 1) + "&";
  const size_t at = all.find("&" + name + "=");
  if (at == std::string::npos) return {};
  const size_t begin = at + name.size() + 2;
  return uri_decode(all.substr(begin, all.find('&', begin) - begin)).value();
}

/// A session with a server of which only the bodies of answers differ.
class Ground : ScriptedSession {
 public:
  using Answer = std::function<std::string(const Request&)>;

  explicit Ground(Answer answer)
      : ScriptedSession([answer = std::move(answer)](const Request& request) {
          return ScriptedServer::answer(200, answer(request));
        }) {}

  Result<std::vector<CompletedPart>> parts() {
    return await<std::vector<CompletedPart>>(
        [&](auto done) { list_all_parts(session, "k", "u", std::move(done)); });
  }
  Result<std::vector<UploadInfo>> uploads(const std::string& prefix) {
    return await<std::vector<UploadInfo>>(
        [&](auto done) { list_all_uploads(session, prefix, std::move(done)); });
  }
  Result<std::vector<DeleteFailure>> remove(const std::vector<std::string>& keys) {
    return await<std::vector<DeleteFailure>>(
        [&](auto done) { remove_keys(session, keys, std::move(done)); });
  }
  size_t requests() const { return server.requests().size(); }
};

/// The parts behind `marker`, up to `last`, at most a page.
std::string page_of_parts(uint32_t marker, uint32_t last) {
  const uint32_t end = std::min(marker + page_size, last);
  std::string xml = "<ListPartsResult>";
  for (uint32_t number = marker + 1; number <= end; ++number) {
    xml +=
        fmt::format("<Part><PartNumber>{}</PartNumber><ETag>\"e{}\"</ETag><Size>{}</Size></Part>",
                    number, number, number + 5);
  }
  return xml + fmt::format(
                   "<IsTruncated>{}</IsTruncated><NextPartNumberMarker>{}"
                   "</NextPartNumberMarker></ListPartsResult>",
                   end < last, end);
}

TEST_CASE("a list of more parts than a page has is read to its end") {
  const uint32_t count = GENERATE(999U, 1000U, 1001U, 1500U, 2000U);
  CAPTURE(count);
  Ground ground([&](const Request& request) {
    const std::string marker = parameter(request, "part-number-marker");
    return page_of_parts(marker.empty() ? 0 : std::stoul(marker), count);
  });
  const auto parts = ground.parts();
  REQUIRE(parts);
  REQUIRE(parts->size() == count);
  bool right = true;
  for (uint32_t i = 0; i < count; ++i) {
    const CompletedPart& part = (*parts)[i];
    right &= part.number == i + 1 && part.etag == fmt::format("e{}", i + 1) && part.size == i + 6;
  }
  CHECK(right);
  CHECK(ground.requests() == (count + page_size - 1) / page_size);
}

TEST_CASE("a list of parts that does not move on ends") {
  Ground repeats([](const Request&) { return page_of_parts(0, 2000); });
  CHECK(repeats.parts().code() == Code::corrupt);
  CHECK(repeats.requests() == 2);
  // Two pages that name one another.
  Ground circles([](const Request& request) {
    return page_of_parts(parameter(request, "part-number-marker") == "1000" ? 1000 : 0, 9000);
  });
  CHECK(circles.parts().code() == Code::corrupt);
  CHECK(circles.requests() == 11);
}

/// Upload `i`: some hundred of each key, whose names have to be encoded.
std::string key_of(uint32_t i) { return fmt::format("p/é {:03}", i / 300); }

std::string page_of_uploads(uint32_t first, uint32_t last) {
  const uint32_t end = std::min(first + page_size, last);
  std::string xml = "<ListMultipartUploadsResult><EncodingType>url</EncodingType>";
  for (uint32_t i = first; i < end; ++i) {
    xml += fmt::format("<Upload><Key>{}</Key><UploadId>u{}</UploadId></Upload>",
                       uri_encode(key_of(i)), i);
  }
  return xml + fmt::format(
                   "<IsTruncated>{}</IsTruncated><NextKeyMarker>{}</NextKeyMarker>"
                   "<NextUploadIdMarker>u{}</NextUploadIdMarker>"
                   "</ListMultipartUploadsResult>",
                   end < last, uri_encode(key_of(end - 1)), end - 1);
}

TEST_CASE("a list of more uploads than a page has is read to its end, also within a key") {
  const uint32_t count = GENERATE(1000U, 1001U, 1500U);
  CAPTURE(count);
  Ground ground([&](const Request& request) {
    const std::string id = parameter(request, "upload-id-marker");
    const uint32_t first = id.empty() ? 0 : static_cast<uint32_t>(std::stoul(id.substr(1))) + 1;
    const bool same = first == 0 ? parameter(request, "key-marker").empty()
                                 : parameter(request, "key-marker") == key_of(first - 1);
    return same && parameter(request, "prefix") == "p/" ? page_of_uploads(first, count) : "";
  });
  const auto uploads = ground.uploads("p/");
  REQUIRE(uploads);
  REQUIRE(uploads->size() == count);
  bool right = true;
  for (uint32_t i = 0; i < count; ++i) {
    const UploadInfo& upload = (*uploads)[i];
    right &= upload.key == key_of(i) && upload.upload_id == fmt::format("u{}", i);
  }
  CHECK(right);
  CHECK(ground.requests() == (count + page_size - 1) / page_size);
}

TEST_CASE("a list of uploads that does not move on ends") {
  Ground ground([](const Request&) { return page_of_uploads(0, 2000); });
  CHECK(ground.uploads("p/").code() == Code::corrupt);
  // The second page sends back to the first.
  Ground circles([](const Request& request) {
    return page_of_uploads(parameter(request, "upload-id-marker") == "u999" ? 1000 : 0, 3000);
  });
  CHECK(circles.uploads("p/").code() == Code::corrupt);
  CHECK(ground.requests() == 2);
}

TEST_CASE("of many keys the one that a server does not remove is told, and no other") {
  Ground ground([](const Request&) {
    return "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b &amp; c</Key>"
           "<Code>AccessDenied</Code><Message>it is locked</Message></Error>"
           "<Error><Key>d</Key><Code>NoSuchKey</Code></Error></DeleteResult>";
  });
  const auto failures = ground.remove({"a", "b & c", "d"});
  REQUIRE(failures);
  REQUIRE(failures->size() == 1);
  CHECK(failures->front().key == "b & c");
  CHECK(failures->front().error.code() == Code::access_denied);
  CHECK(ground.requests() == 1);
}

}  // namespace
}  // namespace penstock::test
