// SPDX-License-Identifier: Apache-2.0
#include "store/verified_write.h"

#include "scripted_store.h"
#include "store/retrying_store.h"
#include "store/s3/expected_etag.h"
#include "support/catch.h"
#include "support/manual_scheduler.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using test::as_bytes;
using test::body_of;
using test::Outcome;

// md5("a"), md5("b"), and md5 of the two digests.
const ETag part_a = "0cc175b9c0f1b6a831c399e269772661";
const ETag part_b = "92eb5ffee6ae2fec3ad71c777531578f";
const ETag whole = "96e024ba2074fe77e8e965ba43a704be-2";

struct VerifiedGround {
  test::ManualScheduler scheduler;
  test::ScriptedStore inner;
  RetryingStore store{inner, scheduler, RetryPolicy{}, 7, Log::none()};
  Outcome<ObjectInfo> outcome;
  std::vector<Error> answers;  ///< Of the tries, in order; then it succeeds.
  size_t tries = 0;
  int looks = 0;

  template <typename Request>
  auto scripted() {
    return [this](const Request&, Done<ObjectInfo> done) {
      if (tries < answers.size()) return done(answers[tries++]);
      ++tries;
      done(ObjectInfo{.key = "k", .etag = "new"});
    };
  }
};

Error lost() { return Error(Code::unavailable, "connection reset"); }
Error refused(Code code = Code::already_exists) { return Error(code, "412"); }
Error no_upload() {
  return Error(Code::not_found, Error::Detail{.message = "gone", .service_code = "NoSuchUpload"});
}

/// One object, which tries of this store make and somebody else may make.
struct PutGround : VerifiedGround {
  std::string stored = "hello world";
  ObjectInfo stored_info{.key = "k", .etag = "e", .metadata = Metadata{{"mtime", "1"}, {"x", "y"}}};
  Metadata sent;      ///< By the last try.
  bool done = false;  ///< By the first try, although its answer is an error.
  int reads = 0;

  PutGround() {
    inner.on_put = [this, answer = scripted<PutRequest>()](const PutRequest& request,
                                                           Done<ObjectInfo> then) {
      sent = request.metadata;
      if (tries == 0 && done) stored_info.metadata = request.metadata;
      answer(request, std::move(then));
    };
    inner.on_head = [this](const HeadRequest&, Done<ObjectInfo> then) {
      ++looks;
      then(stored_info);
    };
    inner.on_get = [this](const GetRequest& request, Done<ObjectInfo> then) {
      ++reads;
      const std::string_view all = stored;
      for (size_t at = 0; at < all.size(); at += 3) {
        if (!request.sink->write(at, as_bytes(all.substr(at, 3))))
          return then(Error(Code::cancelled));
      }
      stored_info.size = stored.size();
      then(stored_info);
    };
  }
  void put(const Precondition& condition = {.if_none_match = true}) {
    static const std::string first = "hello";
    static const std::string second = " world";
    store.put({.key = "k",
               .body = {.pieces = {as_bytes(first), {}, as_bytes(second)}},
               .metadata = {{"mtime", "1"}},
               .condition = condition},
              outcome.done());
    scheduler.advance(3s);
  }
};

TEST_CASE("An exclusive put that its own try refuses is a success") {
  PutGround ground;
  ground.done = true;
  SECTION("whose answer was lost") {
    ground.answers = {lost(), refused(GENERATE(Code::already_exists, Code::changed))};
  }
  SECTION("that libcurl or a proxy repeated") { ground.answers = {refused()}; }
  ground.put();
  REQUIRE(ground.outcome.ok());
  CHECK((*ground.outcome.result)->etag == "e");
  CHECK(ground.looks == 1);
  CHECK(ground.reads == 0);
  CHECK(ground.sent.at("penstock-writer").size() == 32);
}

TEST_CASE("An exclusive put that somebody else was faster at is refused, whatever they wrote") {
  PutGround ground;
  ground.answers = {lost(), refused()};
  SECTION("the same bytes and metadata, as two who make one lock file") {}
  SECTION("with a mark of their own") {
    ground.stored_info.metadata->emplace("penstock-writer", "1");
  }
  SECTION("at once") { ground.answers = {refused()}; }
  SECTION("after SlowDown, which did nothing") {
    ground.answers = {Error(Code::throttled, "503"), refused()};
  }
  ground.put();
  CHECK(ground.outcome.code() == Code::already_exists);
  CHECK(ground.looks == 1);
}

TEST_CASE("A mark that the caller has given is kept, and what has no room gets none") {
  PutGround ground;
  ground.answers = {refused()};
  Metadata metadata;
  SECTION("its own, which an older object of the caller has as well") {
    metadata["penstock-writer"] = "mine";
    ground.stored_info.metadata = metadata;
  }
  SECTION("no room") { metadata["x"] = std::string(2040, 'x'); }
  ground.store.put(
      {.key = "k", .body = {}, .metadata = metadata, .condition = {.if_none_match = true}},
      ground.outcome.done());
  CHECK(ground.outcome.code() == Code::already_exists);
  CHECK(ground.sent == metadata);
}

TEST_CASE("Where a store tells no metadata, the bytes tell whose the object is") {
  PutGround ground;
  ground.answers = {lost(), refused()};
  ground.stored_info.metadata = std::nullopt;
  bool same = false;
  SECTION("the same") { same = true; }
  SECTION("other bytes") { ground.stored = "hello_world"; }
  SECTION("fewer bytes") { ground.stored = "hello"; }
  SECTION("more bytes") { ground.stored = "hello world!"; }
  SECTION("no bytes") { ground.stored = ""; }
  ground.put();
  CHECK(ground.outcome.ok() == same);
  CHECK(ground.reads == 1);
}

TEST_CASE("A replacing put that its own lost try refuses is compared with what is there") {
  PutGround ground;
  ground.answers = {lost(), refused(Code::changed)};
  bool same = false;
  SECTION("the same") { same = true; }
  SECTION("other bytes") { ground.stored = "hello_world"; }
  SECTION("other metadata") { ground.stored_info.metadata = Metadata{{"mtime", "2"}}; }
  ground.put({.if_match = "before"});
  CHECK(ground.outcome.ok() == same);
  CHECK(ground.reads == 1);
  CHECK_FALSE(ground.sent.contains("penstock-writer"));
}

TEST_CASE("A replacing put that is refused at once is compared, too") {
  PutGround ground;
  ground.answers = {refused(Code::changed)};
  bool same = false;
  SECTION("the same, of a repeat that nobody here knows of") { same = true; }
  SECTION("other bytes") { ground.stored = "hello_world"; }
  ground.put({.if_match = "before"});
  CHECK(ground.outcome.ok() == same);
  CHECK(ground.tries == 1);
  CHECK(ground.reads == 1);
}

TEST_CASE("After a 503 that nobody signs it is open whether the write was done") {
  PutGround ground;
  const bool of_proxy = GENERATE(true, false);
  ground.answers = {
      Error(Code::throttled,
            Error::Detail{.message = "503", .service_code = of_proxy ? "" : "SlowDown"}),
      refused()};
  // Without a mark of its own, which would tell.
  ground.store.put({.key = "k",
                    .body = body_of("hello world"),
                    .metadata = {{"long", std::string(2040, 'x')}},
                    .condition = {.if_none_match = true}},
                   ground.outcome.done());
  ground.scheduler.advance(3s);
  CHECK(ground.reads == (of_proxy ? 1 : 0));
}

TEST_CASE("A look that fails is repeated with the put") {
  PutGround ground;
  ground.done = true;
  ground.answers = {lost(), refused(), refused()};
  const auto look = ground.inner.on_head;
  ground.inner.on_head = [&, look](const HeadRequest& request, Done<ObjectInfo> done) {
    if (ground.looks++ == 0) return done(lost());
    look(request, std::move(done));
  };
  ground.put();
  CHECK(ground.outcome.ok());
}

struct CopyGround : VerifiedGround {
  ObjectInfo stored{.key = "k", .etag = "after", .metadata = Metadata{{"mode", "420"}}};
  bool done = false;  ///< By the first try, although its answer is an error.
  Metadata sent;

  CopyGround() {
    inner.on_copy = [this, answer = scripted<CopyRequest>()](const CopyRequest& request,
                                                             Done<ObjectInfo> then) {
      sent = request.metadata.value_or(Metadata());
      if (tries == 0 && done) stored.metadata = sent;
      answer(request, std::move(then));
    };
    inner.on_head = [this](const HeadRequest& request, Done<ObjectInfo> then) {
      ++looks;
      CHECK(request.key == "k");
      then(stored);
    };
  }
  /// A change of attributes, or a copy to a name that must be free.
  void copy(bool onto_itself) {
    store.copy({.source = onto_itself ? "k" : "from",
                .target = "k",
                .source_if_match = "before",
                .metadata = Metadata{{"mode", "420"}},
                .condition = {.if_none_match = !onto_itself}},
               outcome.done());
    scheduler.advance(3s);
  }
};

TEST_CASE("A copy that its own try refuses is a success") {
  CopyGround ground;
  ground.done = true;
  ground.answers = GENERATE(true, false) ? std::vector{lost(), refused(Code::changed)}
                                         : std::vector{refused(Code::already_exists)};
  ground.copy(GENERATE(true, false));
  REQUIRE(ground.outcome.ok());
  CHECK((*ground.outcome.result)->etag == "after");
  CHECK(ground.looks == 1);
}

TEST_CASE("A copy that somebody else has prevented is refused") {
  const bool onto_itself = GENERATE(true, false);
  CopyGround ground;
  ground.answers = {lost(), refused(Code::changed)};
  SECTION("by the same metadata") {}
  SECTION("by other metadata") { ground.stored.metadata = Metadata{{"penstock-writer", "1"}}; }
  SECTION("by a store that does not tell") { ground.stored.metadata = std::nullopt; }
  ground.copy(onto_itself);
  CHECK(ground.outcome.code() == Code::changed);
}

TEST_CASE("A mark that the caller gives a copy proves nothing") {
  CopyGround ground;
  ground.answers = {refused(Code::changed)};
  ground.stored.metadata = Metadata{{"penstock-writer", "mine"}};  // of an earlier write
  ground.store.copy({.source = "k",
                     .target = "k",
                     .source_if_match = "before",
                     .metadata = Metadata{{"penstock-writer", "mine"}},
                     .condition = {}},
                    ground.outcome.done());
  CHECK(ground.outcome.code() == Code::changed);
  CHECK(ground.looks == 0);
}

TEST_CASE("A copy that keeps its source's metadata, or has no condition, gets no mark") {
  CopyGround ground;
  ground.answers = {refused(Code::changed)};
  std::optional<Metadata> metadata;
  if (GENERATE(true, false)) metadata.emplace();
  ground.store.copy({.source = "from",
                     .target = "k",
                     .source_if_match = "before",
                     .metadata = metadata,
                     .condition = {}},
                    ground.outcome.done());
  CHECK(ground.outcome.code() == Code::changed);
  CHECK(ground.sent.empty());
  CHECK(ground.looks == 0);
}

struct CompleteGround : VerifiedGround {
  std::optional<ObjectInfo> stored = ObjectInfo{.key = "k", .size = 2, .etag = whole};
  std::vector<CompletedPart> parts = {{1, part_a, 1}, {2, part_b, 1}};

  CompleteGround() {
    inner.on_complete = scripted<CompleteUpload>();
    inner.on_head = [this](const HeadRequest&, Done<ObjectInfo> done) {
      ++looks;
      if (!stored) return done(Error(Code::not_found, "no such key"));
      done(*stored);
    };
  }
  void complete() {
    store.complete_upload({.key = "k", .upload_id = "u", .parts = parts}, outcome.done());
    scheduler.advance(3s);
  }
};

TEST_CASE("A Complete whose answer was lost is believed when the object is there") {
  CompleteGround ground;
  ground.answers = {Error(GENERATE(Code::unavailable, Code::timed_out, Code::corrupt), "lost"),
                    no_upload()};
  ground.complete();
  REQUIRE(ground.outcome.ok());
  CHECK((*ground.outcome.result)->etag == whole);
}

TEST_CASE("A conditional Complete that its own lost try refuses is a success") {
  CompleteGround ground;
  ground.answers = {lost(), refused(Code::changed)};
  ground.complete();
  CHECK(ground.outcome.ok());
}

TEST_CASE("An upload that is gone at the first try may have been completed by a repeat below") {
  CompleteGround ground;
  ground.answers = {no_upload()};
  ground.complete();
  CHECK(ground.outcome.ok());
}

TEST_CASE("A Complete is not believed when the object is another") {
  CompleteGround ground;
  ground.answers = {lost(), no_upload()};
  SECTION("none") { ground.stored = std::nullopt; }
  SECTION("other size") { ground.stored->size = 3; }
  SECTION("other ETag") { ground.stored->etag = "00000000000000000000000000000000-2"; }
  SECTION("the object from before") { ground.stored->etag = part_a; }
  ground.complete();
  CHECK(ground.outcome.code() == Code::not_found);
  CHECK(ground.outcome.result->error().detail().service_code == "NoSuchUpload");
}

TEST_CASE("A store with ETags of its own is believed by the upload's mark alone") {
  CompleteGround ground;
  ground.parts = {{1, "opaque-a", 1}, {2, "opaque-b", 1}};
  ground.stored->etag = "whatever-2";
  ground.answers = {lost(), no_upload()};
  Metadata sent;
  ground.inner.on_create = [&](const CreateUpload& request, Done<std::string> done) {
    sent = request.metadata;
    done(std::string("u"));
  };
  Outcome<std::string> created;
  ground.store.create_upload({.key = "k", .metadata = {{"x", "y"}}}, created.done());
  REQUIRE(created.ok());
  REQUIRE(sent.contains("penstock-writer"));
  bool ours = false;
  SECTION("the object of the upload") {
    ours = true;
    ground.stored->metadata = sent;
  }
  SECTION("the version before, of another upload") {
    ground.stored->metadata = Metadata{{"x", "y"}, {"penstock-writer", "another"}};
  }
  SECTION("the version before, of anybody") { ground.stored->metadata = Metadata{}; }
  ground.complete();
  CHECK(ground.outcome.ok() == ours);
  if (!ours) CHECK(ground.outcome.code() == Code::not_found);
}

TEST_CASE("An upload that an earlier process began proves nothing where ETags do not") {
  CompleteGround ground;
  ground.parts = {{1, "opaque-a", 1}, {2, "opaque-b", 1}};
  ground.stored->etag = "whatever-2";
  ground.answers = {lost(), no_upload()};
  ground.complete();
  CHECK(ground.outcome.code() == Code::not_found);
}

TEST_CASE("A conditional Complete that is refused at once is believed after a look") {
  CompleteGround ground;
  ground.answers = {refused(Code::changed)};
  const bool ours = GENERATE(true, false);
  if (!ours) ground.stored->etag = part_a;
  ground.complete();
  CHECK(ground.outcome.ok() == ours);
  CHECK(ground.looks == 1);
}

Error conflict() {
  return Error(Code::unavailable,
               Error::Detail{.message = "409", .service_code = "ConditionalRequestConflict"});
}

TEST_CASE("An upload that another write is in the way of is begun again") {
  CompleteGround ground;
  ground.stored->etag = part_a;
  int aborts = 0;
  ground.inner.on_abort = [&](const std::string&, const std::string& id, Done<void> done) {
    CHECK(id == "u");
    ++aborts;
    done({});
  };
  size_t tries = 1;
  bool ours = false;
  SECTION("at once") { ground.answers = {conflict()}; }
  SECTION("where it may be its own lost try, after a while") {
    ground.answers = {lost(), conflict(), conflict(), conflict(), conflict()};
    tries = 5;
  }
  SECTION("not where its own try was faster") {
    ground.answers = {conflict()};
    ground.stored->etag = whole;
    ours = true;
  }
  ground.store.complete_upload(
      {.key = "k", .upload_id = "u", .parts = ground.parts, .can_begin_again = true},
      ground.outcome.done());
  ground.scheduler.advance(30s);
  CHECK(ground.tries == tries);
  CHECK(ground.outcome.ok() == ours);
  CHECK(aborts == (ours ? 0 : 1));
  if (!ours) CHECK(ground.outcome.code() == Code::not_found);
}

TEST_CASE("An upload that cannot be begun again is completed when the other write has ended") {
  CompleteGround ground;
  ground.answers = {conflict(), conflict()};
  ground.complete();
  CHECK(ground.outcome.ok());
  CHECK(ground.tries == 3);
}

TEST_CASE("A Complete that fails plainly costs no look") {
  CompleteGround ground;
  ground.answers = {Error(Code::access_denied, "no")};
  ground.complete();
  CHECK(ground.outcome.code() == Code::access_denied);
  CHECK(ground.looks == 0);
}

TEST_CASE("The ETag of an object is foretold from its parts") {
  CHECK(multipart_etag({{1, part_a, 1}, {2, part_b, 1}}) == whole);
  CHECK_FALSE(multipart_etag({{1, part_a, 1}, {2, "short", 1}}));
  CHECK_FALSE(multipart_etag({{1, "zzz175b9c0f1b6a831c399e269772661", 1}}));
}

struct RenameGround : VerifiedGround {
  bool source_is_there = false;
  ETag target_etag = "version";
  std::vector<std::string> tokens;

  RenameGround() {
    inner.on_rename = [this, answer = scripted<RenameRequest>()](RenameRequest request,
                                                                 Done<ObjectInfo> done) {
      tokens.push_back(request.token);
      answer(request, std::move(done));
    };
    inner.on_head = [this](const HeadRequest& request, Done<ObjectInfo> done) {
      ++looks;
      const bool source = request.key == "from";
      if (source ? !source_is_there : target_etag.empty()) return done(Error(Code::not_found));
      done(ObjectInfo{.key = request.key, .etag = source ? "version" : target_etag});
    };
  }
  void rename() {
    store.rename({.source = "from", .target = "k", .source_if_match = "version"}, outcome.done());
    scheduler.advance(3s);
  }
};

TEST_CASE("A rename that its own lost try has done is a success") {
  RenameGround ground;
  ground.answers = {lost(), Error(GENERATE(Code::not_found, Code::changed, Code::already_exists))};
  ground.rename();
  REQUIRE(ground.outcome.ok());
  CHECK((*ground.outcome.result)->key == "k");
  CHECK((*ground.outcome.result)->etag == "version");
  REQUIRE(ground.tokens.size() == 2);
  CHECK(ground.tokens[0] == ground.tokens[1]);
  CHECK(ground.tokens[0].size() == 32);
}

TEST_CASE("A rename that somebody else prevents fails") {
  RenameGround ground;
  SECTION("there is no source, and was none") {
    // "version": another client has renamed it, to the same name.
    ground.answers = {Error(Code::not_found)};
    ground.target_etag = GENERATE("another", "version");
    ground.rename();
    CHECK(ground.outcome.code() == Code::not_found);
  }
  SECTION("the source is there still") {
    ground.answers = {lost(), refused()};
    ground.source_is_there = true;
    ground.rename();
    CHECK(ground.outcome.code() == Code::already_exists);
  }
  SECTION("the target is another object") {
    ground.answers = {lost(), refused(Code::changed)};
    ground.target_etag = GENERATE("", "another");
    ground.rename();
    CHECK(ground.outcome.code() == Code::changed);
  }
  SECTION("it is refused at once") {
    ground.answers = {refused()};
    ground.rename();
    CHECK(ground.outcome.code() == Code::already_exists);
    CHECK(ground.looks == 0);
  }
}

TEST_CASE("Each rename has a name of its own") {
  RenameGround ground;
  ground.rename();
  ground.rename();
  REQUIRE(ground.tokens.size() == 2);
  CHECK(ground.tokens[0] != ground.tokens[1]);
}

}  // namespace
}  // namespace penstock
