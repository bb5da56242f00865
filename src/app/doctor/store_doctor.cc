// SPDX-License-Identifier: Apache-2.0
#include "app/doctor/store_doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "app/doctor/ability_checks.h"
#include "app/doctor/network_checks.h"
#include "app/doctor/probe_calls.h"
#include "app/doctor/probe_objects.h"
#include "app/doctor/rate_checks.h"
#include "app/doctor/rights_checks.h"
#include "base/worker_pool.h"
#include "store/store_origin.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds limit = 100s;
/// A person waits: what fails for a moment is tried again, what goes on failing is told.
constexpr RetryPolicy retries{.read_limit = 3s, .write_limit = 3s};

void append(Findings& all, Findings more) { std::ranges::move(more, std::back_inserter(all)); }

bool has_wrong(const Findings& findings) {
  return std::ranges::find(findings, Verdict::wrong, &Finding::verdict) != findings.end();
}

class Examination {
 public:
  Examination(const StoreWish& wish, const std::stop_token& stop,
              const std::function<void(FindingGroup)>& tell)
      : wish_(wish), tell_(tell), calls_(limit, stop) {}

  void run() {
    if (wish_.url.kind == StoreUrl::Kind::s3 && !way_there()) return;
    Result<std::unique_ptr<OpenedStore>> opened =
        open_store(options(), wish_.url, workers_, log_, retries);
    if (!opened) {
      return tell_({"store: rights",
                    {Finding::wrong("store", std::string(opened.error().message()),
                                    "put that right: nothing can be mounted")}});
    }
    ObjectStore& store = (*opened)->store();
    ProbeObjects objects(store, wish_.url.prefix);
    examine(store, objects);
    clean_up(objects);
  }

 private:
  /// False where there is no use in asking the store.
  bool way_there() {
    const Result<StoreOrigin> origin = find_store_origin(wish_.options, wish_.url);
    if (!origin) {
      tell_({"store: the way there",
             {Finding::wrong("endpoint", std::string(origin.error().message()),
                             "put that right: nothing can be mounted")}});
      return false;
    }
    Findings findings = judge(*origin);
    if (origin->is_signed) {
      findings.push_back(judge(find_credentials(), std::chrono::system_clock::now()));
    }
    append(findings, judge(probe_connection({.url = origin->bucket_url,
                                             .ca_bundle = origin->ca_bundle,
                                             .connection = origin->connection,
                                             .cancel = calls_.stop()})));
    const bool usable = !has_wrong(findings) || only_skewed(findings);
    tell_({"store: the way there", std::move(findings)});
    return usable && !calls_.over();
  }
  Result<CredentialsOrigin> find_credentials() {
    Result<std::unique_ptr<CredentialsSearch>> search =
        CredentialsSearch::make(wish_.options, workers_, log_);
    if (!search) return search.error();
    credentials_ = std::move(*search);
    return calls_.wait<CredentialsOrigin>(
        [&](Done<CredentialsOrigin> done) { credentials_->find(std::move(done)); });
  }
  /// Requests are signed by the server's clock once that is known: they tell whether it matters.
  static bool only_skewed(const Findings& findings) {
    return std::ranges::all_of(findings, [](const Finding& finding) {
      return finding.verdict != Verdict::wrong || finding.name == "clock of the store";
    });
  }

  /// The mount's; but whether the server renames is found out.
  StoreOptions options() const {
    StoreOptions options = wish_.options;
    if (!wish_.read_only && options.rename_object == StoreOptions::RenameObject::automatic)
      options.rename_object = StoreOptions::RenameObject::on;
    return options;
  }

  void examine(ObjectStore& store, ProbeObjects& objects) {
    const bool s3 = wish_.url.kind == StoreUrl::Kind::s3;
    const RightsFacts rights = try_rights(
        store, s3 ? fmt::format("{}/{}*", wish_.url.bucket, wish_.url.prefix) : wish_.url.directory,
        wish_.url.prefix, wish_.read_only, calls_, objects);
    Findings findings = judge(rights);
    const bool all_well = !has_wrong(findings);
    tell_({"store: rights", std::move(findings)});
    if (!all_well || calls_.over()) return;
    if (!wish_.read_only)
      tell_({"store: what it can do", judge(try_abilities(store, calls_, objects))});
    if (!wish_.rates || calls_.over()) return;
    tell_({"store: rates", judge(measure_rates({.store = store,
                                                .readable = rights.readable,
                                                .objects = wish_.read_only ? nullptr : &objects},
                                               calls_))});
  }

  void clean_up(ProbeObjects& objects) {
    Findings findings;
    for (const std::string& left : objects.remove_all(calls_)) {
      findings.push_back(Finding::wrong(
          "left behind", left,
          "remove it by hand, or leave it to the next mount that may write, which does so"));
    }
    if (calls_.interrupted()) {
      findings.push_back(Finding::note("interrupted", "not everything was looked at", "ask again"));
    } else if (calls_.over()) {
      findings.push_back(Finding::wrong("time", fmt::format("not done after {} s", limit / 1s),
                                        "the store is too slow, or hangs"));
    }
    if (!findings.empty()) tell_({"store: the end", std::move(findings)});
  }

  const StoreWish& wish_;
  const std::function<void(FindingGroup)>& tell_;
  const std::shared_ptr<Log> log_ = Log::none();
  WorkerPool workers_{"worker", 2};
  std::unique_ptr<CredentialsSearch> credentials_;
  ProbeCalls calls_;
};

}  // namespace

void examine_store(const StoreWish& wish, const std::stop_token& stop,
                   const std::function<void(FindingGroup)>& tell) {
  Examination(wish, stop, tell).run();
}

}  // namespace penstock
