// SPDX-License-Identifier: Apache-2.0
#include "app/verify/verify_place.h"

#include <fmt/format.h>

#include <utility>

#include "app/listed_objects.h"
#include "app/tiers/survey.h"
#include "app/wait_for.h"
#include "app/wrong.h"

namespace penstock {
namespace {

constexpr uint32_t worker_threads = 2;

/// All objects below `prefix`, and the one that has its name without the slash: a bucket may have
/// both. False from `visit` ends it.
void list_objects(ObjectStore& store, const std::string& prefix,
                  const std::function<bool(const ObjectInfo&)>& visit,
                  const std::function<void(std::string why)>& unreadable) {
  bool wanted = true;
  const Result<bool> found = for_each_object(
      store, {.prefix = prefix}, [&](const ObjectInfo& object) { return wanted = visit(object); });
  if (!found) return unreadable(found.error().describe());
  if (!wanted || prefix.empty()) return;
  const std::string key = prefix.substr(0, prefix.size() - 1);
  const Result<ObjectInfo> object = wait_for<ObjectInfo>(
      [&](Done<ObjectInfo> done) { store.head({.key = key, .cancel = {}}, std::move(done)); });
  if (object) {
    visit({.key = key, .size = object->size});
  } else if (*found && object.code() == Code::access_denied) {
    // Credentials for what lies below alone, which is what was named then.
  } else if (object.code() != Code::not_found) {
    unreadable(object.error().describe());
  } else if (!*found) {
    unreadable("nothing is stored there");
  }
}

}  // namespace

void verify_objects(ObjectStore& store, ObjectSums& sums, const VerifyTarget& target,
                    const ObjectChecker::Settings& settings, VerifyReport& report,
                    const std::function<void()>& tick) {
  ObjectChecker checker(store, sums, settings, [&](uint64_t bytes) { report.read(bytes); });
  const std::string& prefix = target.url.prefix;
  const auto unreadable = [&](std::string why) {
    report.add(
        {.kind = ObjectVerdict::Kind::unreadable, .name = target.name, .why = std::move(why)});
  };
  const auto list = [&](const WarmVisitor& visit) {
    list_objects(
        store, prefix,
        [&](const ObjectInfo& object) {
          report.found(object.size);
          return visit({.name = object.key, .size = object.size});
        },
        unreadable);
    report.listed_place();
  };
  const auto check = [&](const WarmFile& file) { report.add(checker.check(file.name)); };
  for_each_file(list, check, tick, settings.requests);
}

VerifyPlace::VerifyPlace(VerifyTarget target)
    : target_(std::move(target)), workers_("worker", worker_threads) {}

Result<std::unique_ptr<VerifyPlace>> VerifyPlace::open(VerifyTarget target,
                                                       const std::shared_ptr<Log>& log) {
  if (target.url.kind == StoreUrl::Kind::directory) {
    return wrong(fmt::format(
        "{} is a folder: it keeps no checksums that its files could be held against", target.name));
  }
  std::unique_ptr<VerifyPlace> self(new VerifyPlace(std::move(target)));
  const VerifyTarget& place = self->target_;
  Result<std::unique_ptr<OpenedStore>> store =
      open_store(place.options, place.url, self->workers_, log);
  if (!store) return store.error();
  self->store_ = std::move(*store);
  const Result<void> checked = wait_for<void>([&](Done<void> done) {
    check_store(self->store_->store(), place.url.prefix, std::move(done));
  });
  if (!checked) return checked.error();
  return self;
}

void VerifyPlace::verify(const ObjectChecker::Settings& settings, VerifyReport& report,
                         const std::function<void()>& tick) {
  verify_objects(store_->store(), *store_->sums(), target_, settings, report, tick);
}

}  // namespace penstock
