// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <stdexcept>

#include "server/service.h"
#include "server/text.h"

namespace penstock::test {
namespace {

Response plain(int status, const std::string& text, const std::string& type = "text/plain") {
  Response response;
  response.status = status;
  response.add("Content-Type", type);
  response.body = Content::of_string(text);
  return response;
}

std::string counts_json(const std::map<std::string, uint64_t>& counts) {
  std::string json = "{";
  for (const auto& [name, count] : counts) {
    if (json.size() > 1) json += ", ";
    json += "\"" + name + "\": " + std::to_string(count);
  }
  return json + "}";
}

std::string stats_json(const ServerStats& stats) {
  return "{\"requests\": " + counts_json(stats.requests) +
         ", \"faults\": " + counts_json(stats.faults) +
         ", \"bytes_in\": " + std::to_string(stats.bytes_in) +
         ", \"bytes_out\": " + std::to_string(stats.bytes_out) +
         ", \"peak_concurrency\": " + std::to_string(stats.peak_concurrency) +
         ", \"bad_signatures\": " + std::to_string(stats.bad_signatures) +
         ", \"connections\": " + std::to_string(stats.connections) + "}\n";
}

double number(const Request& request, const std::string& name, double otherwise) {
  if (!request.has_query(name)) return otherwise;
  const std::string text = request.query_value(name);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw std::invalid_argument("not a number: " + name);
  return value;
}

Fault parse_fault(const Request& request) {
  Fault fault;
  if (request.has_query("operation")) fault.operation = request.query_value("operation");
  if (request.has_query("key")) fault.key = request.query_value("key");
  fault.kind = request.query_value("kind");
  fault.times = static_cast<int>(number(request, "times", 1));
  fault.skip = static_cast<int>(number(request, "skip", 0));
  fault.probability = number(request, "probability", 1);
  return fault;
}

void parse_timing(const Request& request, ServerOptions& timing) {
  const auto milliseconds = [&](const std::string& name, std::chrono::milliseconds& value) {
    value = std::chrono::milliseconds(
        static_cast<int64_t>(number(request, name, static_cast<double>(value.count()))));
  };
  milliseconds("first-byte-ms", timing.first_byte);
  milliseconds("list-ms", timing.list_latency);
  milliseconds("tail-ms", timing.tail_latency);
  milliseconds("restore-ms", timing.restore_time);
  milliseconds("restored-day-ms", timing.restored_day);
  timing.connection_mbps = number(request, "connection-mbps", timing.connection_mbps);
  timing.total_mbps = number(request, "total-mbps", timing.total_mbps);
  timing.copy_mbps = number(request, "copy-mbps", timing.copy_mbps);
  timing.tail_probability = number(request, "tail-probability", timing.tail_probability);
  timing.error_probability = number(request, "error-probability", timing.error_probability);
}

}  // namespace

Response Service::control(const Request& request) {
  const std::string command = request.method + " " + request.raw_path;
  try {
    if (command == "GET /-/stats") return plain(200, stats_json(stats()), "application/json");
    if (command == "POST /-/reset-stats") {
      reset_stats();
    } else if (command == "POST /-/fault") {
      faults_.add(parse_fault(request));
    } else if (command == "POST /-/clear-faults") {
      faults_.clear();
    } else if (command == "POST /-/timing") {
      ServerOptions timing = *options();
      parse_timing(request, timing);
      set_timing(timing);
    } else {
      return plain(
          404,
          "there are: GET /-/stats, POST /-/reset-stats, /-/fault, /-/clear-faults, /-/timing\n");
    }
  } catch (const std::invalid_argument& problem) {
    return plain(400, std::string(problem.what()) + "\n");
  }
  return plain(200, "ok\n");
}

}  // namespace penstock::test
