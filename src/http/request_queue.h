// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "http/transfer.h"

namespace penstock {

/// The requests of one loop that wait for a slot, and which of them goes next. Of each class in the
/// order in which they came; of the classes the most urgent one, but every fifth slot goes to one
/// that was passed over. Some slots are kept: background requests leave an eighth to those that
/// programs wait for, and these and the background a sixteenth to small ones, which so begin at
/// once however long the others take. Belongs to one loop; not thread-safe.
class RequestQueue {
 public:
  explicit RequestQueue(uint32_t slots);

  void push(std::unique_ptr<Submission> submission);
  /// The next one that may begin, which has a slot until ended(). Null: there is none.
  std::unique_ptr<Submission> begin_next();
  bool can_begin() const { return first_allowed().has_value(); }
  void ended(RequestClass request_class);
  /// One of the background for which somebody waits by now goes on as a demand, behind those that
  /// wait already. Nothing where it has begun, or is not here.
  void raise(uint64_t id);
  /// Takes one out that has not begun; null: it is not here.
  std::unique_ptr<Submission> withdraw(uint64_t id);
  std::unique_ptr<Submission> withdraw_any();

 private:
  static constexpr size_t classes = 3;
  struct Line {
    std::deque<std::unique_ptr<Submission>> waiting;
    uint32_t slots = 0;  ///< What this class and the less urgent ones can have together.
    uint32_t under_way = 0;
    uint32_t passed_over =
        0;  ///< How many others were begun while one waited that could have been.
  };

  bool allowed(size_t index) const;
  std::optional<size_t> first_allowed() const;

  std::array<Line, classes> lines_;  ///< By RequestClass, which orders them by urgency.
};

}  // namespace penstock
