// SPDX-License-Identifier: Apache-2.0
#include "app/tiers/survey.h"

#include <chrono>
#include <cstddef>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

#include "app/warm/warm_queue.h"

namespace penstock {
namespace {

constexpr std::chrono::milliseconds tick_every{100};

}  // namespace

void for_each_file(const std::function<void(const WarmVisitor& visit)>& source,
                   const std::function<void(const WarmFile& file)>& work,
                   const std::function<void()>& tick, uint32_t workers) {
  WarmQueue queue;
  std::latch ended(static_cast<std::ptrdiff_t>(workers) + 1);
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    source([&](WarmFile file) { return queue.put(std::move(file)); });
    queue.close();
    ended.count_down();
  });
  for (uint32_t i = 0; i < workers; ++i) {
    threads.emplace_back([&] {
      while (const std::optional<WarmPiece> piece = queue.take()) {
        work(piece->job->file);
        queue.finished();
      }
      ended.count_down();
    });
  }
  while (!ended.try_wait()) {
    tick();
    std::this_thread::sleep_for(tick_every);
  }
}

void survey(ArchivePlace& place, const SurveyTold& told) {
  const auto list = [&](const WarmVisitor& visit) {
    place.list(
        [&](WarmFile file, std::optional<ArchiveLook> known) {
          if (!known) return visit(std::move(file));
          told.found(file, *known);
          return true;
        },
        told.failed);
  };
  const auto look = [&](const WarmFile& file) {
    const Result<ArchiveLook> seen = place.look(file);
    seen ? told.found(file, *seen) : told.failed(file.name, std::string(seen.error().message()));
  };
  for_each_file(list, look, told.tick);
}

}  // namespace penstock
