// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/rights_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "app/doctor/probe_sink.h"
#include "store/store_factory.h"

namespace penstock {
namespace {

constexpr std::string_view probe_text = "penstock doctor was here, and removes this";
constexpr std::string_view read_only_reason = "nothing is written with --read-only";

std::string said(const Error& error) {
  const Error::Detail& detail = error.detail();
  std::string text = detail.message.empty() ? std::string(to_string(error.code())) : detail.message;
  if (!detail.service_code.empty() && text.find(detail.service_code) == std::string::npos)
    text += fmt::format(" ({})", detail.service_code);
  return text;
}

/// Whether the store refused for want of a right. With any other error it refused the keys or this
/// machine's clock, or did not answer.
bool lacks_right(const Error& error) {
  return error.code() == Code::access_denied && error.detail().service_code == "AccessDenied";
}

class Trial {
 public:
  Trial(ObjectStore& store, std::string prefix, ProbeCalls& calls, ProbeObjects& objects,
        RightsFacts& facts)
      : store_(store),
        prefix_(std::move(prefix)),
        calls_(calls),
        objects_(objects),
        facts_(facts) {}

  void run() {
    if (!list()) return;
    if (facts_.read_only) {
      skip("put", read_only_reason);
    } else {
      put();
    }
    read();
    if (facts_.read_only) {
      skip("delete", read_only_reason);
      skip("multipart", read_only_reason);
    } else {
      remove();
      multipart();
    }
  }

 private:
  RightTried& add(std::string_view name, std::string_view action, std::string_view use) {
    facts_.rights.push_back({.name = std::string(name),
                             .action = std::string(action),
                             .use = std::string(use),
                             .failure = {},
                             .not_tried = {}});
    return facts_.rights.back();
  }
  void skip(std::string_view name, std::string_view why) { add(name, "", "").not_tried = why; }
  template <typename T>
  bool note(RightTried& right, const Result<T>& result) {
    if (!result) right.failure = result.error();
    return result.has_value();
  }

  /// False where there is no use in going on: nobody answers.
  bool list() {
    RightTried& right = add("list", "s3:ListBucket", "nothing can be mounted");
    const Result<void> checked = calls_.wait<void>(
        [&](Done<void> done) { check_store(store_, prefix_, std::move(done), calls_.stop()); });
    if (!note(right, checked)) return lacks_right(checked.error());
    const Result<ListPage> page = calls_.wait<ListPage>([&](Done<ListPage> done) {
      store_.list({.prefix = prefix_, .max_keys = 100, .cancel = calls_.stop()}, std::move(done));
    });
    if (!note(right, page)) return false;
    // The largest says most about rates.
    for (const ObjectInfo& object : page->objects) {
      if (object.size > facts_.readable.size && !is_archive_class(object.storage_class))
        facts_.readable = object;
    }
    return true;
  }

  void put() {
    RightTried& right = add("put", "s3:PutObject", "nothing can be written");
    key_ = objects_.key("object");
    const Result<ObjectInfo> put = calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_.put(
          {.key = key_, .body = Body::of(std::string(probe_text)), .metadata = {}, .condition = {}},
          std::move(done));
    });
    if (!note(right, put)) return objects_.failed(key_, put.error());
    written_ = *put;
  }

  void read() {
    const ObjectInfo& object = written_.key.empty() ? facts_.readable : written_;
    if (object.key.empty()) {
      const std::string_view why = "there is no object to try it with";
      skip("head", why);
      skip("get", why);
      return;
    }
    RightTried& head = add("head", "s3:GetObject", "attributes of files cannot be read");
    note(head, calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_.head({.key = object.key, .cancel = calls_.stop()}, std::move(done));
    }));
    RightTried& get = add("get", "s3:GetObject", "no file can be read");
    const auto sink = std::make_shared<ProbeSink>();
    const ByteRange range{.offset = 0, .length = std::min<uint64_t>(object.size, 4096)};
    const bool arrived = note(get, calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_.get({.key = object.key,
                  .range = range,
                  .if_match = {},
                  .sink = sink,
                  .cancel = calls_.stop(),
                  .awaited = {}},
                 std::move(done));
    }));
    if (arrived && !written_.key.empty() && sink->text() != probe_text)
      get.failure = Error(Code::corrupt, "other bytes come back than were written");
  }

  void remove() {
    if (written_.key.empty()) return skip("delete", "nothing could be written");
    RightTried& right = add("delete", "s3:DeleteObject", "files cannot be removed or renamed");
    const bool gone = note(
        right, calls_.wait<void>([&](Done<void> done) { store_.remove(key_, std::move(done)); }));
    if (gone) objects_.removed(key_);
  }

  void multipart() {
    RightTried& right = add("multipart", "s3:PutObject and s3:AbortMultipartUpload",
                            "files of more than 8 MiB cannot be written");
    const std::string key = objects_.key("multipart");
    const Result<std::string> upload = begin(key);
    if (!note(right, upload)) return objects_.failed(key, upload.error());
    const Result<CompletedPart> part = calls_.wait<CompletedPart>([&](Done<CompletedPart> done) {
      store_.upload_part({.key = key,
                          .upload_id = *upload,
                          .number = 1,
                          .body = Body::of(std::string(probe_text))},
                         std::move(done));
    });
    if (!note(right, part)) return;
    const auto parts = list_parts(key, *upload);
    const Result<ObjectInfo> whole = calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_.complete_upload({.key = key, .upload_id = *upload, .parts = {*part}, .condition = {}},
                             std::move(done));
    });
    if (!note(right, whole)) return;
    objects_.ended(*upload);
    abort(right, key);
    RightTried& listing = add("list parts", "s3:ListMultipartUploadParts",
                              "uploads that a crash has interrupted are sent anew (--write-back)");
    note(listing, parts);
  }
  Result<std::vector<CompletedPart>> list_parts(const std::string& key, const std::string& upload) {
    return calls_.wait<std::vector<CompletedPart>>([&](Done<std::vector<CompletedPart>> done) {
      store_.list_parts(key, upload, std::move(done));
    });
  }
  Result<std::string> begin(const std::string& key) {
    Result<std::string> upload = calls_.wait<std::string>([&](Done<std::string> done) {
      store_.create_upload({.key = key, .metadata = {}}, std::move(done));
    });
    if (upload) objects_.begun(key, *upload);
    return upload;
  }
  void abort(RightTried& right, const std::string& key) {
    const Result<std::string> upload = begin(key);
    if (!note(right, upload)) return;
    const bool gone = note(right, calls_.wait<void>([&](Done<void> done) {
      store_.abort_upload(key, *upload, std::move(done));
    }));
    if (gone) objects_.ended(*upload);
  }

  ObjectStore& store_;
  const std::string prefix_;
  ProbeCalls& calls_;
  ProbeObjects& objects_;
  RightsFacts& facts_;
  std::string key_;  ///< Of the object that is put.
  ObjectInfo written_;
};

std::string advice_for(const RightTried& right, const std::string& place) {
  const Error& error = *right.failure;
  if (right.name == "list" && !lacks_right(error)) {
    return is_retryable(error.code()) ? "look at the server, and ask again"
                                      : "put that right: nothing can be mounted";
  }
  if (error.code() == Code::access_denied) {
    return fmt::format("allow {} on {} to these credentials: without it {}", right.action, place,
                       right.use);
  }
  if (error.code() == Code::interrupted) return "ask again";
  if (is_retryable(error.code()))
    return "the store fails or does not answer: look there, and ask again";
  return fmt::format("the store does not do what S3 does here: without it {}", right.use);
}

}  // namespace

RightsFacts try_rights(ObjectStore& store, const std::string& place, const std::string& prefix,
                       bool read_only, ProbeCalls& calls, ProbeObjects& objects) {
  RightsFacts facts{.place = place, .read_only = read_only, .rights = {}, .readable = {}};
  Trial(store, prefix, calls, objects, facts).run();
  return facts;
}

namespace {

Finding judge(const RightTried& right, const RightsFacts& facts) {
  if (right.failure) {
    std::string advice = advice_for(right, facts.place);
    const bool changes = right.name == "put" || right.name == "delete" || right.name == "multipart";
    if (changes && right.failure->code() == Code::access_denied)
      advice += "; or mount with --read-only if nothing shall be written";
    return right.name == "list parts" ? Finding::note(right.name, said(*right.failure), advice)
                                      : Finding::wrong(right.name, said(*right.failure), advice);
  }
  if (right.not_tried == read_only_reason)
    return Finding::ok(right.name, "not tried: " + right.not_tried);
  if (!right.not_tried.empty()) {
    return Finding::note(right.name, "not tried: " + right.not_tried,
                         facts.read_only ? "put an object there, and ask again"
                                         : "put right what hinders writing, and ask again");
  }
  return Finding::ok(right.name, "works");
}

}  // namespace

Findings judge(const RightsFacts& facts) {
  Findings findings;
  for (const RightTried& right : facts.rights) findings.push_back(judge(right, facts));
  return findings;
}

}  // namespace penstock
