// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/restore_report.h"

#include <fmt/format.h>

#include "app/human_text.h"
#include "app/tiers/restore_prices.h"

namespace penstock {
namespace {

constexpr size_t most_named = 20;
constexpr double gib = 1ULL << 30;
constexpr double thousand = 1000;
constexpr double days_of_month = 30;

}  // namespace

RestoreReport::Counts RestoreReport::counts() const {
  const MutexLock lock(mutex_);
  return counts_;
}

void RestoreReport::found(const ArchiveLook& look, uint64_t bytes) {
  const MutexLock lock(mutex_);
  switch (look.state) {
    case ArchiveLook::State::readable:
      counts_.readable += 1;
      break;
    case ArchiveLook::State::ongoing:
      counts_.ongoing += 1;
      break;
    case ArchiveLook::State::archived:
      counts_.archived += 1;
      Sum& sum = places_[look.place];
      sum.objects += 1;
      sum.bytes += bytes;
  }
}

void RestoreReport::asked() {
  const MutexLock lock(mutex_);
  counts_.asked += 1;
}

void RestoreReport::restored() {
  const MutexLock lock(mutex_);
  counts_.restored += 1;
}

void RestoreReport::failed(const std::string& name, const std::string& why) {
  const MutexLock lock(mutex_);
  counts_.failed += 1;
  if (failures_.size() < most_named) failures_.push_back(printable(name + ": " + why));
}

std::string RestoreReport::estimate(const RestoreWish& wish) const {
  const MutexLock lock(mutex_);
  std::string text =
      fmt::format("{} archived, {} being restored, {} can be read\n",
                  counted(counts_.archived, "object"), counts_.ongoing, counts_.readable);
  double cost = 0;
  for (const auto& [place, sum] : places_) {
    text +=
        fmt::format("  {}: {}, {}", place, counted(sum.objects, "object"), human_size(sum.bytes));
    const RestorePrice* const price = restore_price(place, wish.tier);
    if (price == nullptr) {
      text += fmt::format("; not known to restore by the tier {}\n", to_string(wish.tier));
      continue;
    }
    const double size = static_cast<double>(sum.bytes) / gib;
    cost += static_cast<double>(sum.objects) / thousand * price->requests +
            size * (price->retrieval + price->copy * wish.days / days_of_month);
    text += fmt::format("; {} takes {}\n", to_string(wish.tier), price->takes);
  }
  if (counts_.archived != 0) {
    text += fmt::format("  about ${:.2f}, with {} of the copies ({})\n", cost,
                        counted(wish.days, "day"), restore_prices_source);
  }
  return text;
}

std::string RestoreReport::progress() const {
  const MutexLock lock(mutex_);
  std::string text = fmt::format("{} of {} asked for, {} of {} can be read", counts_.asked,
                                 counts_.archived, counts_.restored, counts_.wanted());
  if (counts_.failed != 0) text += fmt::format(", {} failed", counts_.failed);
  return text;
}

std::string RestoreReport::summary() const {
  const MutexLock lock(mutex_);
  std::string text;
  for (const std::string& failure : failures_) text += "penstock: " + failure + "\n";
  if (counts_.failed > failures_.size())
    text += fmt::format("penstock: … and {} more\n", counts_.failed - failures_.size());
  text += fmt::format("{} asked for; {} can be read", counted(counts_.asked, "object"),
                      counts_.readable + counts_.restored);
  const uint64_t waiting = counts_.asked + counts_.ongoing - counts_.restored;
  if (waiting != 0) text += fmt::format(", {} not yet", waiting);
  if (counts_.failed != 0) text += fmt::format("; {} failed", counts_.failed);
  return text + "\n";
}

}  // namespace penstock
