// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "app/metrics/billing.h"
#include "app/metrics/metric_reading.h"
#include "app/metrics/metric_table.h"
#include "app/metrics/stats_text.h"
#include "app/metrics/watch_text.h"
#include "support/catch.h"

namespace penstock {
namespace {

TEST_CASE("every request has a price, as S3 has it") {
  StoreMetrics metrics;
  for (size_t i = 0; i < store_request_kinds; ++i)
    metrics.of(static_cast<StoreRequest>(i)).begun.add();
  const Billed billed = billed_requests(metrics);
  CHECK(billed.get == 2);     // get, head
  CHECK(billed.remove == 3);  // remove, remove_many, abort_upload
  CHECK(billed.put == store_request_kinds - 5);
}

TEST_CASE("costs follow the prices") {
  StoreMetrics metrics;
  metrics.of(StoreRequest::get).begun.add(3000);
  metrics.of(StoreRequest::get).bytes.add(1ULL << 31);
  metrics.of(StoreRequest::upload_part).bytes.add(1ULL << 29);
  metrics.of(StoreRequest::put).bytes.add(1ULL << 29);
  const std::vector<Cost> all = costs(
      metrics, {.currency = "EUR", .put = 9, .get = 2, .remove = 9, .received = 3, .sent = 5});
  const auto of = [&](std::string_view item) {
    return std::ranges::find(all, item, &Cost::item)->amount;
  };
  CHECK(of("get") == 6);
  CHECK(of("received") == 6);
  CHECK(of("sent") == 5);
  CHECK(of("put") == 0);
  CHECK(of("delete") == 0);
}

TEST_CASE("each metric has a name of its own that says its unit, and a sentence") {
  std::set<std::string_view> names;
  for (const MetricRow& row : metric_table()) {
    INFO(row.name);
    CHECK(names.insert(row.name).second);
    CHECK((row.name.starts_with("penstock_") || row.name.starts_with("process_")));
    CHECK(row.name.ends_with("_total") == (row.type == prometheus::MetricType::Counter));
    if (row.unit == "seconds" || row.unit == "bytes")
      CHECK(row.name.find(row.unit) != std::string_view::npos);
    CHECK_FALSE(row.help.empty());
    CHECK_FALSE(row.help.ends_with('.'));
    CHECK(row.read != nullptr);
  }
}

constexpr std::string_view exposition = R"(# HELP a_total What.
# TYPE a_total counter
a_total{kind="x \"y\" \\ \n",of="1"} 3
a_total{kind="z",of="1"} 4.5
b 1e+09
c_bucket{le="0.1"} 10
c_bucket{le="1"} 20
c_bucket{le="+Inf"} 20
c_sum 4
c_count 20
d_bucket{le="0.1"} 0
d_bucket{le="+Inf"} 0
e_bucket{le="1"} 1
e_bucket{le="+Inf"} 10
)";

TEST_CASE("an exposition is understood") {
  const std::optional<MetricReading> reading = MetricReading::parse(exposition);
  REQUIRE(reading);
  CHECK(reading->sum("a_total") == 7.5);
  CHECK(reading->sum("a_total", {{"kind", "z"}}) == 4.5);
  CHECK(reading->sum("a_total", {{"kind", "z"}, {"of", "2"}}) == 0);
  CHECK(reading->sum("b") == 1e9);
  CHECK(reading->has("b"));
  CHECK_FALSE(reading->has("a"));
  CHECK(reading->values("a_total", "kind") == std::vector<std::string>{"x \"y\" \\ \n", "z"});
}

TEST_CASE("quantiles lie within their bucket") {
  const std::optional<MetricReading> reading = MetricReading::parse(exposition);
  REQUIRE(reading);
  CHECK(std::abs(*reading->quantile("c", 0.25) - 0.05) < 1e-9);
  CHECK(std::abs(*reading->quantile("c", 0.75) - 0.55) < 1e-9);
  CHECK_FALSE(reading->quantile("d", 0.5));  // nothing was observed
  CHECK_FALSE(reading->quantile("nothing", 0.5));
  CHECK(*reading->quantile("e", 0.99) == 1);  // more is not known
}

TEST_CASE("between two readings what is counted has grown, and levels are left out") {
  const auto reading = [](std::string_view text) { return *MetricReading::parse(text); };
  const MetricReading passed =
      reading("a_total{k=\"1\"} 5\na_total{k=\"2\"} 7\nnew_total 3\nlevel 9\nc_count 4\n")
          .since(reading("a_total{k=\"1\"} 2\na_total{k=\"2\"} 7\nlevel 1\nc_count 1\n"));
  CHECK(passed.sum("a_total", {{"k", "1"}}) == 3);
  CHECK(passed.sum("a_total", {{"k", "2"}}) == 0);
  CHECK(passed.sum("new_total") == 3);
  CHECK(passed.sum("c_count") == 3);
  CHECK_FALSE(passed.has("level"));
}

TEST_CASE("a live view has rates, and says what waits for what") {
  const auto reading = [](int reads, int waiting, int dirty) {
    return *MetricReading::parse(fmt::format(
        "penstock_file_operation_duration_seconds_count{{operation=\"read\"}} {0}\n"
        "penstock_file_operation_duration_seconds_bucket{{operation=\"read\",le=\"0.002\"}} {0}\n"
        "penstock_file_operation_duration_seconds_bucket{{operation=\"read\",le=\"+Inf\"}} {0}\n"
        "penstock_read_hits_total{{tier=\"memory\"}} {0}\n"
        "penstock_store_requests_total{{request=\"get\"}} {0}\n"
        "penstock_store_requests_total{{request=\"put\"}} 7\n"
        "penstock_store_requests_waiting{{reason=\"connection\"}} {1}\n"
        "penstock_store_requests_waiting{{reason=\"throttled\"}} 0\n"
        "penstock_memory_limit_bytes 100\n"
        "penstock_memory_used_bytes{{use=\"dirty\"}} {2}\n",
        reads, waiting, dirty));
  };
  const auto shown = [&](int waiting, int dirty) {
    return fmt::format("{}\n",
                       fmt::join(watch_lines(reading(100, 0, 0), reading(300, waiting, dirty),
                                             std::chrono::seconds(2)),
                                 "\n"));
  };
  const auto has = [](const std::string& text, std::string_view words) {
    return text.find(words) != std::string::npos;
  };
  const std::string quiet = shown(0, 10);
  INFO(quiet);
  CHECK(has(quiet, "programs  100 operations/s"));
  CHECK(has(quiet, "read 1.0ms, 99 % 2.0ms"));
  CHECK(has(quiet, "100 % did not wait"));
  CHECK(has(quiet, "store     get 100/s"));
  CHECK_FALSE(has(quiet, "put"));
  CHECK_FALSE(has(quiet, "waits"));
  const std::string busy = shown(5, 90);
  INFO(busy);
  CHECK(has(busy, "waits     5 requests for a connection (--max-connections)\n"));
  CHECK(has(busy, "\n          writers for memory"));
}

TEST_CASE("what is no exposition is not taken for one") {
  for (const std::string_view text :
       {"", "# only a comment\n", "a{b=\"c\" 1\n", "a{b=c} 1\n", "a\n", "a one\n", "a 1 2 x\n",
        "report end\n", "a{b=\"c} 1\n"}) {
    INFO(text);
    CHECK_FALSE(MetricReading::parse(text));
  }
}

TEST_CASE("samples become JSON, whatever their labels") {
  const std::optional<MetricReading> reading =
      MetricReading::parse("a{k=\"\\\"\\\\\"} 1.5\nb +Inf\n");
  REQUIRE(reading);
  CHECK(stats_json(*reading) == R"([{"name": "a", "labels": {"k": "\"\\"}, "value": 1.5}, )"
                                R"({"name": "b", "labels": {}, "value": null}])");
}

TEST_CASE("people are shown what has happened, and no more") {
  const std::optional<MetricReading> reading = MetricReading::parse(
      "penstock_file_operation_duration_seconds_count{operation=\"read\"} 200\n"
      "penstock_file_operation_duration_seconds_bucket{operation=\"read\",le=\"0.002\"} 100\n"
      "penstock_file_operation_duration_seconds_bucket{operation=\"read\",le=\"+Inf\"} 200\n"
      "penstock_file_operation_duration_seconds_count{operation=\"link\"} 0\n"
      "penstock_store_cost_total{item=\"put\",currency=\"EUR\"} 0.5\n"
      "penstock_store_cost_total{item=\"get\",currency=\"EUR\"} 0\n");
  REQUIRE(reading);
  const std::string text = stats_text(*reading, std::chrono::seconds(10));
  const auto has = [&](std::string_view words) { return text.find(words) != std::string::npos; };
  INFO(text);
  CHECK(has("read     200        20       0  2.0ms  2.0ms"));
  CHECK_FALSE(has("link "));
  CHECK(has("cost      0.5000 EUR: put 0.5000\n"));
  CHECK_FALSE(has("cache has"));
}

}  // namespace
}  // namespace penstock
