// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/ability_checks.h"

#include <fmt/format.h>

#include <memory>
#include <string_view>
#include <utility>

#include "app/doctor/probe_sink.h"

namespace penstock {
namespace {

using Outcome = AbilityTried::Outcome;

constexpr char other_etag[] = "00000000000000000000000000000000";
constexpr std::string_view text = "0123456789";
/// What a condition must keep from being written. Not the same: that would be taken for an earlier
/// try of the same write, whose answer was lost.
constexpr std::string_view other_text = "9876543210";

class Trial {
 public:
  Trial(ObjectStore& store, ProbeCalls& calls, ProbeObjects& objects)
      : store_(store),
        calls_(calls),
        objects_(objects),
        key_(objects.key("ability")),
        target_(objects.key("target")) {}

  std::vector<AbilityTried> run() {
    const Result<ObjectInfo> object = put(text, {});
    if (!object)
      return {{.name = "write",
               .outcome = Outcome::failed,
               .said = std::string(object.error().message()),
               .without = "nothing else can be tried",
               .needed = true}};
    etag_ = object->etag;
    conditions();
    ranges();
    copies();
    completion();
    renames();
    removals();
    return std::move(tried_);
  }

 private:
  void add(std::string_view name, Outcome outcome, std::string_view said, std::string_view without,
           bool needed = false) {
    tried_.push_back({.name = std::string(name),
                      .outcome = outcome,
                      .said = std::string(said),
                      .without = std::string(without),
                      .needed = needed});
  }
  /// A call that should work.
  template <typename T>
  void expect_success(std::string_view name, const Result<T>& result, std::string_view without,
                      bool needed) {
    Outcome outcome = Outcome::works;
    if (!result)
      outcome = result.code() == Code::not_supported ? Outcome::missing : Outcome::failed;
    add(name, outcome, result ? "" : result.error().message(), without, needed);
  }
  /// One that a condition forbids.
  template <typename T>
  void expect_refusal(std::string_view name, const Result<T>& result, Code refusal,
                      std::string_view without) {
    if (result) return add(name, Outcome::ignored, "", without);
    Outcome outcome = Outcome::failed;
    if (result.code() == refusal) outcome = Outcome::works;
    if (result.code() == Code::not_supported) outcome = Outcome::missing;
    add(name, outcome, outcome == Outcome::works ? "" : result.error().message(), without);
  }

  Result<ObjectInfo> put(std::string_view bytes, Precondition condition) {
    return calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_.put({.key = key_,
                  .body = Body::of(std::string(bytes)),
                  .metadata = {},
                  .condition = std::move(condition)},
                 std::move(done));
    });
  }

  void conditions() {
    expect_refusal("If-None-Match", put(other_text, {.if_match = {}, .if_none_match = true}),
                   Code::already_exists,
                   "two nodes that create one file both succeed, and O_EXCL guards nothing");
    expect_refusal("If-Match", put(other_text, {.if_match = other_etag}), Code::changed,
                   "what another node has written meanwhile is replaced without notice");
    // A store that took no notice has made another version.
    const Result<ObjectInfo> head = calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_.head({.key = key_, .cancel = calls_.stop()}, std::move(done));
    });
    if (head) etag_ = head->etag;
  }

  void ranges() {
    const auto sink = std::make_shared<ProbeSink>();
    Result<ObjectInfo> got = calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_.get({.key = key_,
                  .range = ByteRange{.offset = 4, .length = 3},
                  .if_match = etag_,
                  .sink = sink,
                  .cancel = calls_.stop(),
                  .awaited = {}},
                 std::move(done));
    });
    expect_success("range GET", got, "files cannot be read piece by piece", true);
    expect_refusal("GET If-Match", calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_.get({.key = key_,
                  .range = ByteRange{.offset = 0, .length = 1},
                  .if_match = other_etag,
                  .sink = sink,
                  .cancel = calls_.stop(),
                  .awaited = {}},
                 std::move(done));
    }),
                   Code::changed, "a file that changes while it is read may be a mix of versions");
  }

  void copies() {
    const auto copy = [&](const ETag& etag) {
      return calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
        store_.copy({.source = key_,
                     .target = target_,
                     .source_if_match = etag,
                     .metadata = {},
                     .condition = {}},
                    std::move(done));
      });
    };
    const Result<ObjectInfo> copied = copy(etag_);
    expect_success("copy", copied, "files cannot be renamed", true);
    if (copied) target_etag_ = copied->etag;
    expect_refusal("copy If-Match", copy(other_etag), Code::changed,
                   "a rename may carry a version along that was just replaced");
  }

  void completion() {
    const std::string key = key_;
    const Result<std::string> upload = calls_.wait<std::string>([&](Done<std::string> done) {
      store_.create_upload({.key = key, .metadata = {}}, std::move(done));
    });
    if (!upload) return;  // the rights have told
    objects_.begun(key, *upload);
    const Result<CompletedPart> part = calls_.wait<CompletedPart>([&](Done<CompletedPart> done) {
      store_.upload_part(
          {.key = key, .upload_id = *upload, .number = 1, .body = Body::of(std::string(text))},
          std::move(done));
    });
    if (!part) return;
    const Result<ObjectInfo> whole = calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_.complete_upload({.key = key,
                              .upload_id = *upload,
                              .parts = {*part},
                              .condition = {.if_match = {}, .if_none_match = true}},
                             std::move(done));
    });
    expect_refusal("complete If-None-Match", whole, Code::already_exists,
                   "large files that two nodes create at once replace one another");
    if (whole) objects_.ended(*upload);
  }

  void renames() {
    const std::string renamed = objects_.key("renamed");
    expect_success("RenameObject", calls_.wait<ObjectInfo>([&](Done<ObjectInfo> done) {
      store_.rename(
          {.source = target_, .target = renamed, .source_if_match = target_etag_, .token = {}},
          std::move(done));
    }),
                   "", false);
  }

  void removals() {
    const auto removed =
        calls_.wait<std::vector<DeleteFailure>>([&](Done<std::vector<DeleteFailure>> done) {
          store_.remove_many({key_, target_}, std::move(done));
        });
    Outcome outcome = Outcome::works;
    std::string said;
    if (!removed) {
      outcome = removed.code() == Code::not_supported ? Outcome::missing : Outcome::failed;
      said = removed.error().message();
    } else if (!removed->empty()) {
      outcome = Outcome::failed;
      said = (*removed)[0].error.message();
    } else {
      objects_.removed(key_);
      objects_.removed(target_);
    }
    add("batch delete", outcome, said, "directories cannot be removed as a whole", true);
  }

  ObjectStore& store_;
  ProbeCalls& calls_;
  ProbeObjects& objects_;
  const std::string key_;
  const std::string target_;
  ETag etag_;
  ETag target_etag_;
  std::vector<AbilityTried> tried_;
};

}  // namespace

std::vector<AbilityTried> try_abilities(ObjectStore& store, ProbeCalls& calls,
                                        ProbeObjects& objects) {
  return Trial(store, calls, objects).run();
}

Findings judge(const std::vector<AbilityTried>& abilities) {
  Findings findings;
  for (const AbilityTried& tried : abilities) {
    const std::string behind = tried.said.empty() ? "" : ": " + tried.said;
    std::string found;
    switch (tried.outcome) {
      case Outcome::works:
        findings.push_back(Finding::ok(tried.name, "works"));
        continue;
      case Outcome::missing:
        if (tried.without.empty()) {
          findings.push_back(Finding::ok(tried.name, "not there, as in most of S3"));
          continue;
        }
        found = "the store has it not" + behind;
        break;
      case Outcome::ignored:
        found = "the store takes no notice of it";
        break;
      case Outcome::failed:
        found = "fails" + behind;
        break;
    }
    const std::string advice = "without it " + tried.without;
    findings.push_back(tried.needed || tried.outcome == Outcome::failed
                           ? Finding::wrong(tried.name, found, advice)
                           : Finding::note(tried.name, found, advice));
  }
  return findings;
}

}  // namespace penstock
