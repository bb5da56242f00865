// SPDX-License-Identifier: Apache-2.0
#include "app/metrics/billing.h"

namespace penstock {
namespace {

uint64_t& class_of(Billed& billed, StoreRequest kind) {
  switch (kind) {
    case StoreRequest::get:
    case StoreRequest::head:
      return billed.get;
    case StoreRequest::remove:
    case StoreRequest::remove_many:
    case StoreRequest::abort_upload:
      return billed.remove;
    case StoreRequest::list:
    case StoreRequest::put:
    case StoreRequest::copy:
    case StoreRequest::rename:
    case StoreRequest::restore:
    case StoreRequest::create_upload:
    case StoreRequest::upload_part:
    case StoreRequest::upload_part_copy:
    case StoreRequest::complete_upload:
    case StoreRequest::list_parts:
    case StoreRequest::list_uploads:
    case StoreRequest::lifecycle:
      break;
  }
  return billed.put;
}

}  // namespace

Billed billed_requests(const StoreMetrics& metrics) {
  Billed billed;
  for (size_t i = 0; i < store_request_kinds; ++i) {
    const auto kind = static_cast<StoreRequest>(i);
    class_of(billed, kind) += metrics.of(kind).begun.value();
  }
  return billed;
}

std::vector<Cost> costs(const StoreMetrics& metrics, const PriceTable& prices) {
  const Billed billed = billed_requests(metrics);
  const auto of_requests = [](uint64_t requests, double price) {
    return static_cast<double>(requests) / 1000 * price;
  };
  const auto of_bytes = [](uint64_t bytes, double price) {
    return static_cast<double>(bytes) / static_cast<double>(1ULL << 30) * price;
  };
  const uint64_t sent = metrics.of(StoreRequest::put).bytes.value() +
                        metrics.of(StoreRequest::upload_part).bytes.value();
  return {{.item = "put", .amount = of_requests(billed.put, prices.put)},
          {.item = "get", .amount = of_requests(billed.get, prices.get)},
          {.item = "delete", .amount = of_requests(billed.remove, prices.remove)},
          {.item = "received",
           .amount = of_bytes(metrics.of(StoreRequest::get).bytes.value(), prices.received)},
          {.item = "sent", .amount = of_bytes(sent, prices.sent)}};
}

}  // namespace penstock
