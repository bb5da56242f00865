// SPDX-License-Identifier: Apache-2.0
#include "contract/session.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>

#include "contract/limitations.h"

namespace penstock::test {
namespace {

class CollectingSink final : public BodySink {
 public:
  explicit CollectingSink(uint64_t first) : next_(first) {}

  void started(const ObjectInfo& info) noexcept override {
    if (!fetched.bytes.empty()) in_order = false;
    fetched.started = info;
  }
  bool write(uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    if (offset != next_) in_order = false;
    next_ = offset + bytes.size();
    fetched.bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  }

  Fetched fetched;
  bool in_order = true;

 private:
  uint64_t next_;
};

Body one_piece(const std::string& bytes) {
  auto kept = std::make_shared<const std::string>(bytes);
  return Body{{std::as_bytes(std::span(*kept))}, kept};
}

}  // namespace

Result<ObjectInfo> Session::put(const std::string& key, const std::string& bytes,
                                Precondition condition) {
  return put(PutRequest{.key = key, .body = one_piece(bytes), .condition = std::move(condition)});
}

Result<Fetched> Session::get(const std::string& key, std::optional<ByteRange> range,
                             const ETag& if_match) {
  const auto sink = std::make_shared<CollectingSink>(range ? range->offset : 0);
  auto info = await<ObjectInfo>([&](auto done) {
    store_.get({.key = key, .range = range, .if_match = if_match, .sink = sink, .cancel = {}},
               std::move(done));
  });
  CHECK(sink->in_order);
  if (!info) return info.error();
  sink->fetched.info = std::move(*info);
  return std::move(sink->fetched);
}

Result<CompletedPart> Session::upload_part(const std::string& key, const std::string& id,
                                           uint32_t number, const std::string& bytes) {
  return await<CompletedPart>([&](auto done) {
    store_.upload_part({.key = key, .upload_id = id, .number = number, .body = one_piece(bytes)},
                       std::move(done));
  });
}

ListPage Session::list_all(ListRequest request) {
  ListPage all;
  std::string last;
  do {
    ListPage page = ok(list(request));
    const size_t entries = page.objects.size() + page.common_prefixes.size();
    REQUIRE(entries <= request.max_keys);
    if (!page.continuation.empty()) REQUIRE(entries > 0);
    std::string largest = last;
    for (auto& object : page.objects) {
      INFO(object.key << " after " << last);
      REQUIRE(object.key > last);
      largest = std::max(largest, object.key);
      all.objects.push_back(std::move(object));
    }
    for (auto& prefix : page.common_prefixes) {
      INFO(prefix << " after " << last);
      REQUIRE(prefix > last);
      largest = std::max(largest, prefix);
      all.common_prefixes.push_back(std::move(prefix));
    }
    last = largest;
    request.continuation = page.continuation;
  } while (!request.continuation.empty());
  return all;
}

std::vector<std::string> Session::keys(const std::string& prefix) {
  std::vector<std::string> keys;
  for (auto& object : list_all({.prefix = prefix}).objects) keys.push_back(std::move(object.key));
  return keys;
}

void Session::put_all(const std::vector<std::string>& keys) {
  constexpr size_t at_once = 32;
  for (size_t first = 0; first < keys.size(); first += at_once) {
    std::vector<std::future<Result<ObjectInfo>>> results;
    for (size_t i = first; i < std::min(first + at_once, keys.size()); ++i) {
      auto promise = std::make_shared<std::promise<Result<ObjectInfo>>>();
      results.push_back(promise->get_future());
      store_.put({.key = keys[i]},
                 [promise](Result<ObjectInfo> result) { promise->set_value(std::move(result)); });
    }
    for (auto& result : results) ok(result.get());
  }
}

void Session::clear() {
  for (const auto& upload : ok(list_uploads(""))) ok(abort(upload.key, upload.upload_id));
  while (true) {
    std::vector<std::string> keys;
    for (auto& object : ok(list({})).objects) keys.push_back(std::move(object.key));
    if (keys.empty()) return;
    const auto failures = ok(remove_many(std::move(keys)));
    if (!failures.empty()) FAIL(failures.front().key << ": " << failures.front().error.describe());
  }
}

void Session::behaves(const std::string& behaviour, const std::function<bool()>& works) {
  const auto reason = limitation(name_, behaviour);
  const bool does = works();
  if (!reason) {
    INFO(name_ << " must do: " << behaviour);
    CHECK(does);
  } else {
    INFO(name_ << " does now: " << behaviour << ". Remove its row from limitations.cc (" << *reason
               << ")");
    CHECK(!does);
  }
}

bool Session::can(const std::string& behaviour) const {
  return !limitation(name_, behaviour).has_value();
}

void on_every_store(const std::function<void(Session&)>& test) {
  for (const SubjectKind& kind : subject_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const auto subject = kind.make();
      Session session(kind.name, subject->store());
      session.clear();
      test(session);
    }
  }
}

std::string pattern(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

}  // namespace penstock::test
