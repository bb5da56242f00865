// SPDX-License-Identifier: Apache-2.0
#include "fs/names/freshness.h"

#include <algorithm>

namespace penstock {
namespace {

using std::chrono::milliseconds;
using Mode = MetadataOptions::Freshness;

/// As HTTP's heuristic has it (RFC 9111, 4.2.2), but more careful by ten: files are replaced in
/// place more often than pages.
constexpr int share_of_age = 100;
constexpr milliseconds least{1000};
constexpr milliseconds of_unknown_age{10'000};
constexpr milliseconds longest_absence{1000};

}  // namespace

milliseconds Freshness::of_age(std::optional<std::chrono::nanoseconds> age) const {
  if (mode_ == Mode::ttl || ttl_ >= MetadataOptions::forever) return ttl_;
  if (!age) return std::min(ttl_, of_unknown_age);
  const auto share = std::chrono::duration_cast<milliseconds>(*age / share_of_age);
  return std::min(ttl_, std::max(share, least));
}

milliseconds Freshness::of_own() const { return mode_ == Mode::ttl ? ttl_ : std::min(ttl_, least); }

milliseconds Freshness::absence() const {
  switch (mode_) {
    case Mode::close_to_open:
      return milliseconds(0);
    case Mode::adaptive:
    case Mode::ttl:
      break;
  }
  // Half of it in the mount and half in the kernel, which may be told at the very end.
  return std::min(ttl_, longest_absence) / 2;
}

milliseconds Freshness::own_directory() const {
  return mode_ == Mode::ttl ? std::max(absence(), ttl_ - kernel_absence()) : absence();
}

}  // namespace penstock
