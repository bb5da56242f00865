// SPDX-License-Identifier: Apache-2.0
#include "data/write/write_condition.h"

namespace penstock {

namespace {

Precondition nothing_there() { return {.if_match = {}, .if_none_match = true}; }

}  // namespace

void WriteCondition::expect(const Predecessor& before) {
  if (stored_) return;
  before_ = before;
  // What was removed is nothing's predecessor.
  if (before.removed) before_.version.clear();
}

void WriteCondition::gone() {
  before_.version.clear();
  stored_ = true;
}

Precondition WriteCondition::next(const ETag* base) const {
  const bool promised_edit = way_ == Way::promised && base != nullptr;
  if (!stored_ && !promised_edit && (exclusive_ || before_.removed)) return nothing_there();
  if (base != nullptr) return {.if_match = *base, .if_none_match = false};
  if (way_ == Way::at_close) return {};
  if (before_.version.empty()) return nothing_there();
  return {.if_match = before_.version, .if_none_match = false};
}

}  // namespace penstock
