// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "config/option_table.h"

namespace penstock {

/// The rows of option_table() of the group `reading`.
inline constexpr auto reading_options = std::to_array<OptionRow>({
    {.name = "fetch-size",
     .group = OptionGroup::reading,
     .kind = ValueKind::size,
     .value = "SIZE",
     .initial = "8MiB",
     .help = "one request of a sequential reader",
     .paragraph = "Large objects are read as parallel ranges of this size.",
     .advanced = true,
     .least = 64ULL << 10,
     .most = 1ULL << 30,
     .target = [](Options& o) -> OptionTarget { return &o.read.fetch_size; }},
    {.name = "whole-object-size",
     .group = OptionGroup::reading,
     .kind = ValueKind::size,
     .value = "SIZE",
     .initial = "1MiB",
     .help = "objects up to this are fetched whole",
     .paragraph = "The first read of an object up to this size fetches all of it: one request per "
                  "small file.",
     .advanced = true,
     .most = 1ULL << 30,
     .target = [](Options& o) -> OptionTarget { return &o.read.whole_object_size; }},
    {.name = "random-granule",
     .group = OptionGroup::reading,
     .kind = ValueKind::size,
     .value = "SIZE",
     .initial = "16KiB",
     .help = "random reads are widened to this",
     .paragraph = "A read that follows no stream fetches the aligned blocks of this size that it "
                  "touches, no more. With a cache on disk they are made of whole chunks, of 16 KiB "
                  "in objects up to 16 GiB.",
     .advanced = true,
     .least = 4ULL << 10,
     .most = 64ULL << 20,
     .target = [](Options& o) -> OptionTarget { return &o.read.random_granule; }},

    {.name = "prefetch-epoch",
     .group = OptionGroup::reading,
     .kind = ValueKind::choice,
     .value = "auto|on|off",
     .initial = "auto",
     .help = "fetch the rest of a tree ahead",
     .paragraph =
         "Where programs read one small file of a directory tree after the other, whole, in order "
         "or shuffled, those that they have not come to yet are fetched into the cache meanwhile, "
         "below their own requests in priority, and as far as the cache has free room: nothing is "
         "dropped from it for them. Files up to --whole-object-size count. `auto` does so where "
         "there is a cache, `on` refuses a mount without one. See [reads.md](reads.md).",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.read.prefetch_epoch; }},
    {.name = "on-archived",
     .group = OptionGroup::reading,
     .kind = ValueKind::choice,
     .value = "error|restore|wait",
     .initial = "error",
     .help = "reads of archived objects",
     .paragraph =
         "Objects in `GLACIER`, `DEEP_ARCHIVE` and the archive tiers of Intelligent-Tiering must "
         "be "
         "restored before they can be read, which takes minutes to days and costs money. `error`: "
         "the read fails with `ENODATA`. `restore`: the first read asks for the restoration and "
         "fails with `EINPROGRESS`. `wait`: it asks for it and waits; a signal ends the wait. See "
         "[tiers.md](tiers.md).",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.archive.on_archived; }},
    {.name = "restore-days",
     .group = OptionGroup::reading,
     .kind = ValueKind::count,
     .value = "N",
     .initial = "7",
     .help = "how long what reads restored can be read",
     .paragraph = "Days for which the restored copy that --on-archived asks for is kept, and paid "
                  "for beside the archived object.",
     .advanced = true,
     .least = 1,
     .most = most_restore_days,
     .target = [](Options& o) -> OptionTarget { return &o.archive.wish.days; }},
    {.name = "restore-tier",
     .group = OptionGroup::reading,
     .kind = ValueKind::choice,
     .value = "Expedited|Standard|Bulk",
     .initial = "Standard",
     .help = "of --on-archived",
     .paragraph = "`Expedited` takes minutes and is not possible from `DEEP_ARCHIVE`, `Standard` "
                  "takes hours, `Bulk` up to two days; the prices are in [tiers.md](tiers.md).",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.archive.wish.tier; }},
});

}  // namespace penstock
