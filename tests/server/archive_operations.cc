// SPDX-License-Identifier: Apache-2.0
// Archive classes: what is refused, and RestoreObject.
#include "server/operations.h"
#include "server/text.h"

namespace penstock::test {
namespace {

using Clock = RestoredCopy::Clock;
using std::chrono::duration_cast;

bool in_archive_class(const Object& object) {
  return object.headers.storage_class == "GLACIER" ||
         object.headers.storage_class == "DEEP_ARCHIVE";
}

bool is_ready(const RestoredCopy& copy) { return Clock::now() >= copy.ready; }
bool is_over(const RestoredCopy& copy) { return Clock::now() >= copy.until; }

/// The copy that there is, or that is being made.
const RestoredCopy* copy_of(const Object& object) {
  return object.restored && !is_over(*object.restored) ? &*object.restored : nullptr;
}

Response not_archived(const Object& object) {
  const bool tiering = object.headers.storage_class == "INTELLIGENT_TIERING";
  return error_response(403, tiering ? "ObjectAlreadyInActiveTierError" : "InvalidObjectState",
                        "Restore is not allowed for the object's current storage class");
}

/// Not nullopt: why a request for that tier and those days makes no sense.
std::optional<Response> wrong_request(const Object& object, const std::string& tier,
                                      const std::optional<uint64_t>& days) {
  const bool deep = object.headers.storage_class == "DEEP_ARCHIVE" ||
                    object.archive_tier == "DEEP_ARCHIVE_ACCESS";
  if (!tier.empty() && tier != "Standard" && tier != "Bulk" && tier != "Expedited")
    return error_response(400, "MalformedXML", "The XML you provided was not well-formed");
  if (tier == "Expedited" && deep) {
    return error_response(400, "InvalidArgument",
                          "Retrieval option is not supported by this storage class");
  }
  // Intelligent-Tiering moves the object itself, and knows no days.
  if (in_archive_class(object) != (days && *days > 0))
    return error_response(400, "MalformedXML", "The XML you provided was not well-formed");
  return std::nullopt;
}

}  // namespace

std::optional<Response> archived_refusal(const Object& object) {
  const RestoredCopy* const copy = copy_of(object);
  const bool readable = copy != nullptr && is_ready(*copy);
  if (readable || (!in_archive_class(object) && object.archive_tier.empty())) return std::nullopt;
  std::string more = "<StorageClass>" + object.headers.storage_class + "</StorageClass>";
  if (!object.archive_tier.empty()) more += "<AccessTier>" + object.archive_tier + "</AccessTier>";
  return error_response(403, "InvalidObjectState",
                        "The operation is not valid for the object's storage class", more);
}

std::string restore_header(const Object& object) {
  const RestoredCopy* const copy = copy_of(object);
  if (copy == nullptr) return {};
  if (!is_ready(*copy)) return "ongoing-request=\"true\"";
  // An object of Intelligent-Tiering is where it was before it was archived.
  if (!object.archive_tier.empty()) return {};
  return "ongoing-request=\"false\", expiry-date=\"" + http_date(copy->expiry) + "\"";
}

std::string archive_status(const Object& object) {
  const RestoredCopy* const copy = copy_of(object);
  return copy != nullptr && is_ready(*copy) ? std::string() : object.archive_tier;
}

std::string restore_status(const Object& object) {
  const RestoredCopy* const copy = copy_of(object);
  if (copy == nullptr) return {};
  const bool ready = is_ready(*copy);
  std::string xml = std::string("<RestoreStatus><IsRestoreInProgress>") +
                    (ready ? "false" : "true") + "</IsRestoreInProgress>";
  if (ready) xml += "<RestoreExpiryDate>" + iso_date(copy->expiry) + "</RestoreExpiryDate>";
  return xml + "</RestoreStatus>";
}

Response restore_object(const OperationContext& context, const Request& request) {
  const std::string body = request.body.read(0, request.body.size());
  const std::optional<uint64_t> days = parse_number(xml_text(body, "Days"));
  const MutexLock lock(context.store.mutex);
  auto& objects = context.store.buckets[request.bucket].objects;
  const auto found = objects.find(request.key);
  if (found == objects.end()) return no_such_key();
  const Object& object = *found->second;
  if (!in_archive_class(object) && archive_status(object).empty()) return not_archived(object);
  if (auto refusal = wrong_request(object, xml_text(body, "Tier"), days))
    return std::move(*refusal);
  const RestoredCopy* const present = copy_of(object);
  if (present != nullptr && !is_ready(*present)) {
    return error_response(409, "RestoreAlreadyInProgress", "Object restore is already in progress");
  }
  const auto wait =
      present != nullptr ? std::chrono::milliseconds(0) : context.options.restore_time;
  const auto stays = context.options.restored_day * static_cast<int64_t>(days.value_or(0));
  auto changed = std::make_shared<Object>(object);
  changed->restored = RestoredCopy{
      .ready = Clock::now() + wait,
      .until = days ? Clock::now() + wait + stays : Clock::time_point::max(),
      .expiry = context.now +
                static_cast<time_t>(duration_cast<std::chrono::seconds>(wait + stays).count())};
  Response response;
  response.status = present != nullptr ? 200 : 202;
  found->second = std::move(changed);
  return response;
}

}  // namespace penstock::test
