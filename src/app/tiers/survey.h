// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "app/tiers/archive_place.h"

namespace penstock {

/// Gives each file that `source` tells of to `work`, many at a time, and calls `tick` several times
/// a second. Returns when all is done. However many files there are, few of them are held.
void for_each_file(const std::function<void(const WarmVisitor& visit)>& source,
                   const std::function<void(const WarmFile& file)>& work,
                   const std::function<void()>& tick);

/// What a survey tells of.
struct SurveyTold {
  std::function<void(const WarmFile& file, const ArchiveLook& look)> found;  ///< Thread-safe.
  WarmFailure failed;                                                        ///< Likewise.
  std::function<void()> tick;
};

/// Finds all files of the place, and looks at those of which its listing does not tell enough.
void survey(ArchivePlace& place, const SurveyTold& told);

}  // namespace penstock
