// SPDX-License-Identifier: Apache-2.0
#include "config/preset_table.h"

#include <algorithm>
#include <array>

namespace penstock {
namespace {

constexpr auto training = std::to_array<PresetSetting>({
    {"metadata-ttl", "1h",
     "the data does not change while it is trained from: after the first epoch the store is asked "
     "for bytes only. What is younger than 100 hours is still looked at sooner, see --freshness"},
    {"attributes", "none",
     "modes and times of data sets mean nothing to a training program, and each would cost a "
     "request"},
    {"cache-size", "80%",
     "what does not fit is fetched again in each epoch, and on a training node nothing needs the "
     "local disk more"},
});

constexpr auto checkpoint = std::to_array<PresetSetting>({
    {"freshness", "close-to-open",
     "a job that goes on elsewhere must find the newest checkpoint, and the file that names it, at "
     "once"},
    {"fsync", "bucket",
     "a program that calls fsync on a checkpoint wants it to outlive the machine, also where "
     "--write-back is on"},
    {"no-cache", "yes",
     "a checkpoint is read once, if ever, and would push the training data out of the cache"},
    {"stop-timeout", "80s",
     "a checkpoint that is being written when the node is taken down is stored; systemd kills "
     "after 90 s. In Kubernetes raise terminationGracePeriodSeconds to 90"},
});

constexpr auto serving = std::to_array<PresetSetting>({
    {"read-only", "yes", "who loads models needs no right to change them"},
    {"attributes", "none", "modes and times of models mean nothing, and each would cost a request"},
    {"freshness", "close-to-open",
     "a model that was replaced under its name is what the next load gets; a load opens few files, "
     "so that the requests for it do not count"},
    {"cache-size", "50%", "the next start of the server then loads from the local disk"},
});

constexpr auto shared = std::to_array<PresetSetting>({
    {"freshness", "close-to-open",
     "what one node has closed, every open on another that begins later sees"},
    {"metadata-ttl", "5s", "ls and stat, which open nothing, see others' changes after 5 s"},
    {"attributes", "full", "modes and owners that others set are seen for every file"},
    {"exclusive-create", "open",
     "O_EXCL claims a name among all nodes, whatever it is called; of two, one gets the error when "
     "it opens, not when it closes"},
    {"fsync", "bucket", "others see what is in the bucket, not what is in a journal"},
});

constexpr auto presets = std::to_array<Preset>({
    {"training", "data that is read again and again, and hardly ever changes", training},
    {"checkpoint", "large files that are written once and must last", checkpoint},
    {"serving", "models that are loaded and never changed from here", serving},
    {"shared", "files that several nodes read and write", shared},
});

}  // namespace

std::span<const Preset> preset_table() { return presets; }

const Preset* find_preset(std::string_view name) {
  const auto found = std::ranges::find(presets, name, &Preset::name);
  return found == presets.end() ? nullptr : &*found;
}

}  // namespace penstock
