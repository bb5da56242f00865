// SPDX-License-Identifier: Apache-2.0
// A bucket's lifecycle configuration: kept and checked as S3 does, never applied.
#include <algorithm>
#include <array>
#include <set>

#include "server/operations.h"
#include "server/text.h"

namespace penstock::test {
namespace {

constexpr size_t most_rules = 1000;
constexpr size_t longest_id = 255;
constexpr uint64_t least_days_before_ia = 30;
constexpr const char* small_objects_header = "x-amz-transition-default-minimum-object-size";
/// From the dearest to the cheapest: a rule moves objects down only.
constexpr auto classes = std::to_array<std::string_view>(
    {"STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"});

using Refusal = std::optional<Response>;

Response malformed() {
  return error_response(400, "MalformedXML",
                        "The XML you provided was not well-formed or did not validate against our "
                        "published schema");
}

Response invalid(const std::string& code, const std::string& message) {
  return error_response(400, code, message);
}

bool has(const std::string& rule, std::string_view element) {
  return !xml_elements(rule, element).empty();
}

/// A rule with its prefix where it was before there were filters.
bool is_first_version(const std::string& rule) {
  return has(rule, "Prefix") && !has(rule, "Filter");
}

bool is_class_order_wrong(std::string_view before, std::string_view after) {
  const bool from_one_zone = before == "ONEZONE_IA" && after == "GLACIER_IR";
  return from_one_zone || std::ranges::find(classes, before) >= std::ranges::find(classes, after);
}

Refusal wrong_transitions(const std::string& rule) {
  std::vector<std::pair<uint64_t, std::string>> moves;
  for (const std::string& move : xml_elements(rule, "Transition")) {
    const std::string to = xml_text(move, "StorageClass");
    if (std::ranges::find(classes, to) == classes.end()) return malformed();
    const auto days = parse_number(xml_text(move, "Days"));
    if (!days) {
      if (!has(move, "Date")) return malformed();
      continue;
    }
    if (to.ends_with("_IA") && *days < least_days_before_ia) {
      return invalid("InvalidArgument",
                     "'Days' in Transition action must be greater than or equal "
                     "to 30 for storageClass '" +
                         to + "'");
    }
    moves.emplace_back(*days, to);
  }
  std::ranges::sort(moves);
  for (size_t i = 1; i < moves.size(); ++i) {
    if (is_class_order_wrong(moves[i - 1].second, moves[i].second)) {
      return invalid("InvalidRequest", "Objects cannot move from '" + moves[i - 1].second +
                                           "' to '" + moves[i].second + "'");
    }
  }
  return std::nullopt;
}

Refusal wrong_rule(const std::string& rule) {
  const std::string status = xml_text(rule, "Status");
  if (status != "Enabled" && status != "Disabled") return malformed();
  if (!has(rule, "Filter") && !has(rule, "Prefix")) return malformed();
  if (xml_text(rule, "ID").size() > longest_id)
    return invalid("InvalidArgument", "ID length should not exceed allowed limit of 255");
  constexpr auto actions = std::to_array<std::string_view>(
      {"Transition", "Expiration", "NoncurrentVersionTransition", "NoncurrentVersionExpiration",
       "AbortIncompleteMultipartUpload"});
  if (std::ranges::none_of(actions, [&](std::string_view action) { return has(rule, action); }))
    return invalid("InvalidRequest", "At least one action needs to be specified in a rule");
  return wrong_transitions(rule);
}

/// Of configurations whose rules have bare prefixes.
Refusal wrong_overlap(const std::vector<std::string>& rules) {
  for (size_t i = 0; i < rules.size(); ++i) {
    for (size_t k = i + 1; k < rules.size(); ++k) {
      const std::string one = xml_text(rules[i], "Prefix");
      const std::string other = xml_text(rules[k], "Prefix");
      if (!has(rules[i], "Transition") || !has(rules[k], "Transition")) continue;
      if (!one.starts_with(other) && !other.starts_with(one)) continue;
      return invalid("InvalidRequest", "Found overlapping prefixes '" + one + "' and '" + other +
                                           "' for same action type 'Transition'");
    }
  }
  return std::nullopt;
}

Refusal wrong_configuration(const std::string& document) {
  const std::vector<std::string> rules = xml_elements(document, "Rule");
  if (!has(document, "LifecycleConfiguration") || rules.empty() || rules.size() > most_rules)
    return malformed();
  std::set<std::string> ids;
  for (const std::string& rule : rules) {
    const std::string id = xml_text(rule, "ID");
    if (!id.empty() && !ids.insert(id).second) {
      return invalid("InvalidArgument",
                     "Rule ID must be unique. Found same ID for more than one rule");
    }
    if (auto refusal = wrong_rule(rule)) return refusal;
  }
  if (std::ranges::none_of(rules, is_first_version)) return std::nullopt;
  if (!std::ranges::all_of(rules, is_first_version))
    return invalid("InvalidRequest", "Filter element can only be used in Lifecycle V2.");
  return wrong_overlap(rules);
}

/// Answers get a declaration of their own.
std::string without_declaration(std::string document) {
  if (document.starts_with("<?xml")) document.erase(0, document.find('<', 1));
  return document;
}

}  // namespace

Response get_lifecycle(const OperationContext& context, const Request& request) {
  const MutexLock lock(context.store.mutex);
  const Bucket& bucket = context.store.buckets[request.bucket];
  if (bucket.lifecycle.empty()) {
    return error_response(404, "NoSuchLifecycleConfiguration",
                          "The lifecycle configuration does not exist");
  }
  Response response = xml_response(200, bucket.lifecycle);
  response.add(small_objects_header, bucket.small_objects);
  return response;
}

Response put_lifecycle(const OperationContext& context, const Request& request) {
  std::string document = request.body.read(0, request.body.size());
  if (auto refusal = wrong_configuration(document)) return std::move(*refusal);
  const MutexLock lock(context.store.mutex);
  Bucket& bucket = context.store.buckets[request.bucket];
  bucket.lifecycle = without_declaration(std::move(document));
  // As AWS: what is not said is the default again.
  bucket.small_objects = request.has_header(small_objects_header)
                             ? request.header(small_objects_header)
                             : "all_storage_classes_128K";
  return {};
}

Response delete_lifecycle(const OperationContext& context, const Request& request) {
  const MutexLock lock(context.store.mutex);
  context.store.buckets[request.bucket].lifecycle.clear();
  Response response;
  response.status = 204;
  return response;
}

}  // namespace penstock::test
