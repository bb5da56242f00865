// SPDX-License-Identifier: Apache-2.0
#include "app/metrics/metrics_server.h"

#include <fmt/format.h>

#include <exception>
#include <vector>

namespace penstock {

MetricsServer::MetricsServer(const std::string& address)
    : host_(address.substr(0, address.rfind(':'))),
      // A client that sends no request, or does not take the answer, keeps others out for 5 s at
      // most.
      exposer_({"listening_ports", address, "num_threads", "2", "request_timeout_ms", "5000"}) {}

Result<std::unique_ptr<MetricsServer>> MetricsServer::listen(const std::string& address) {
  try {
    return std::unique_ptr<MetricsServer>(new MetricsServer(address));
  } catch (const std::exception&) {  // of which it does not say why
    return Error(Code::unavailable,
                 fmt::format("cannot listen at {} for --metrics-address: the port is another "
                             "program's or another mount's, or the address is not this machine's; "
                             "each mount needs a port of its own",
                             address));
  }
}

void MetricsServer::serve(const std::weak_ptr<prometheus::Collectable>& metrics) {
  exposer_.RegisterCollectable(metrics);
}

std::string MetricsServer::url() const {
  const std::vector<int> ports = exposer_.GetListeningPorts();
  return fmt::format("http://{}:{}/metrics", host_, ports.empty() ? 0 : ports[0]);
}

}  // namespace penstock
