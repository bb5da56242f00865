// SPDX-License-Identifier: Apache-2.0
#include "server/faults.h"

#include <stdexcept>

#include "server/text.h"

namespace penstock::test {
namespace {

enum class Argument : uint8_t { none, optional_number, number, code, status_and_code };

struct Kind {
  FaultKind kind;
  Argument argument;
};

const std::map<std::string, Kind>& kinds() {
  static const std::map<std::string, Kind> table = {
      {"error", {FaultKind::error, Argument::status_and_code}},
      {"reset", {FaultKind::reset, Argument::none}},
      {"reset-mid", {FaultKind::reset_mid, Argument::none}},
      {"truncate", {FaultKind::truncate, Argument::optional_number}},
      {"stall", {FaultKind::stall, Argument::none}},
      {"stall-mid", {FaultKind::stall_mid, Argument::none}},
      {"hang", {FaultKind::hang, Argument::none}},
      {"corrupt", {FaultKind::corrupt, Argument::none}},
      {"error-in-200", {FaultKind::error_in_200, Argument::code}},
      {"lost-reply", {FaultKind::lost_reply, Argument::none}},
      {"wrong-etag", {FaultKind::wrong_etag, Argument::none}},
      {"delay", {FaultKind::delay, Argument::number}},
  };
  return table;
}

}  // namespace

FaultAction parse_fault_kind(const std::string& kind) {
  if (kind == "expired-token") return parse_fault_kind("error:400:ExpiredToken");
  if (kind == "skewed") return parse_fault_kind("error:403:RequestTimeTooSkewed");
  const size_t colon = kind.find(':');
  const auto found = kinds().find(kind.substr(0, colon));
  if (found == kinds().end()) throw std::invalid_argument("no such kind of fault: " + kind);
  FaultAction action{.kind = found->second.kind};
  std::string argument = colon == std::string::npos ? "" : kind.substr(colon + 1);
  bool valid = false;
  switch (found->second.argument) {
    case Argument::none:
      valid = argument.empty();
      break;
    case Argument::optional_number:
    case Argument::number:
      action.number = parse_number(argument);
      valid = action.number ||
              (argument.empty() && found->second.argument == Argument::optional_number);
      break;
    case Argument::code:
      action.code = argument;
      valid = !argument.empty();
      break;
    case Argument::status_and_code: {
      const size_t second = argument.find(':');
      action.number = parse_number(argument.substr(0, second));
      if (second != std::string::npos) action.code = argument.substr(second + 1);
      valid = action.number && !action.code.empty();
      break;
    }
  }
  if (!valid) throw std::invalid_argument("fault with a wrong argument: " + kind);
  return action;
}

void FaultTable::add(Fault fault) {
  FaultAction action = parse_fault_kind(fault.kind);
  const MutexLock lock(mutex_);
  entries_.push_back({.fault = std::move(fault), .action = std::move(action)});
}

void FaultTable::clear() {
  const MutexLock lock(mutex_);
  entries_.clear();
}

FaultAction FaultTable::take(const std::string& operation, const std::string& key) {
  const MutexLock lock(mutex_);
  for (Entry& entry : entries_) {
    Fault& fault = entry.fault;
    if (fault.times == 0) continue;
    if (fault.operation != "*" && fault.operation != operation) continue;
    if (fault.key != "*" && fault.key != key) continue;
    if (fault.skip > 0) {
      --fault.skip;
      continue;
    }
    if (fault.probability < 1.0 &&
        std::uniform_real_distribution<double>(0, 1)(random_) >= fault.probability)
      continue;
    if (fault.times > 0) --fault.times;
    ++taken_[fault.kind];
    return entry.action;
  }
  return {};
}

std::map<std::string, uint64_t> FaultTable::taken() const {
  const MutexLock lock(mutex_);
  return taken_;
}

void FaultTable::reset_taken() {
  const MutexLock lock(mutex_);
  taken_.clear();
}

}  // namespace penstock::test
