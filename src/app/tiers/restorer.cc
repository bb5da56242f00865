// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/restorer.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "app/tiers/survey.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds tick_every{100};
/// Between two looks at everything that is being restored, which takes minutes to days.
constexpr milliseconds first_pause{500};
constexpr milliseconds longest_pause{300'000};

}  // namespace

Restorer::Restorer(ArchivePlace& place, RestoreReport& report, RestoreWish wish,
                   std::function<void()> tick)
    : place_(place), report_(report), wish_(wish), tick_(std::move(tick)) {}

Restorer::Source Restorer::all_of(FileSpool& spool) {
  return [this, &spool](const WarmVisitor& visit) {
    if (const Result<void> listed = spool.for_each(visit); !listed)
      report_.failed("what was found", std::string(listed.error().message()));
  };
}

void Restorer::keep(FileSpool& spool, const WarmFile& file) {
  if (const Result<void> noted = spool.add(file); !noted)
    report_.failed(file.name, std::string(noted.error().message()));
}

void Restorer::note(const WarmFile& file, const ArchiveLook& look) {
  report_.found(look, file.size);
  if (look.state == ArchiveLook::State::archived) keep(*archived_, file);
  if (look.state == ArchiveLook::State::ongoing) keep(*awaited_, file);
}

void Restorer::survey() {
  penstock::survey(
      place_, {.found = [this](const WarmFile& file, const ArchiveLook& look) { note(file, look); },
               .failed = [this](const std::string& name,
                                const std::string& why) { report_.failed(name, why); },
               .tick = tick_});
}

void Restorer::ask() {
  const auto ask_for = [this](const WarmFile& file) {
    if (const Result<void> asked = place_.restore(file, wish_); !asked)
      return report_.failed(file.name, std::string(asked.error().message()));
    report_.asked();
    keep(*awaited_, file);
  };
  for_each_file(all_of(*archived_), ask_for, tick_);
}

void Restorer::look_again(const WarmFile& file, FileSpool& still) {
  const Result<ArchiveLook> look = place_.look(file);
  if (look && look->state == ArchiveLook::State::readable) return report_.restored();
  if (look && look->state == ArchiveLook::State::ongoing) return keep(still, file);
  // The file was restored, and the days for which that was asked ended while others were waited
  // for.
  report_.failed(file.name, look ? "is archived again; ask for more days"
                                 : std::string(look.error().message()));
}

void Restorer::pause(milliseconds time) {
  for (; time.count() > 0; time -= tick_every) {
    tick_();
    std::this_thread::sleep_for(std::min(time, tick_every));
  }
}

void Restorer::wait() {
  for (milliseconds time = first_pause; awaited_->size() != 0;
       time = std::min(time * 2, longest_pause)) {
    auto still = std::make_unique<FileSpool>();
    for_each_file(
        all_of(*awaited_), [&](const WarmFile& file) { look_again(file, *still); }, tick_);
    awaited_ = std::move(still);
    if (awaited_->size() != 0) pause(time);
  }
}

}  // namespace penstock
