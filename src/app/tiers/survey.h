// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "app/tiers/archive_place.h"

namespace penstock {

/// Requests at once, where nobody says how many. S3 takes 1,000 restore requests a second, and more
/// of the others.
inline constexpr uint32_t usual_workers = 32;

/// Gives each file that `source` tells of to `work`, `workers` at a time, and calls `tick` several
/// times a second. Returns when all is done. However many files there are, few of them are held.
void for_each_file(const std::function<void(const WarmVisitor& visit)>& source,
                   const std::function<void(const WarmFile& file)>& work,
                   const std::function<void()>& tick, uint32_t workers = usual_workers);

/// What a survey tells of.
struct SurveyTold {
  std::function<void(const WarmFile& file, const ArchiveLook& look)> found;  ///< Thread-safe.
  WarmFailure failed;                                                        ///< Likewise.
  std::function<void()> tick;
};

/// Finds all files of the place, and looks at those of which its listing does not tell enough.
void survey(ArchivePlace& place, const SurveyTold& told);

}  // namespace penstock
