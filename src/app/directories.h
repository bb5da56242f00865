// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/environment.h"

namespace penstock {

/// Where unfinished uploads are remembered unless --state-dir says otherwise: /var/lib/penstock for
/// root, else $XDG_STATE_HOME/penstock or ~/.local/state/penstock.
std::string default_state_directory(const Environment& environment);

/// Where objects are kept on disk unless --cache-dir says otherwise: /var/cache/penstock for root,
/// else $XDG_CACHE_HOME/penstock or ~/.cache/penstock; empty where a user has no home.
std::string default_cache_directory(const Environment& environment);
/// Where journals lie: `journal_dir`, else below `cache_dir`, else below the default cache. Empty
/// where there is no default.
std::string journal_directory(const std::string& journal_dir, const std::string& cache_dir,
                              const Environment& environment);

/// Where the files lie that tell `penstock umount` which process serves a mount: /run/penstock for
/// root, else $XDG_RUNTIME_DIR/penstock, else /tmp/penstock-UID.
std::string runtime_directory(const Environment& environment);

/// The one in /tmp, where anybody may have made it: to be believed only where it is that user's.
std::string shared_directory(uint32_t uid);
bool is_shared_directory(std::string_view directory);

/// Where the mount of the user `owner` may have its file, the most likely one first.
std::vector<std::string> runtime_directories_of(const Environment& environment, uint32_t owner);
/// Where any mount may have its file whose user's files may be read: for root those of all users.
std::vector<std::string> visible_runtime_directories(const Environment& environment);

/// What other users' mounts use by default, for root to look into.
struct UserDirectories {
  std::string state;
  std::string journals;
};
/// Of every user with a home that this machine knows of, but root.
std::vector<UserDirectories> directories_of_users();

/// 16 digits that stand for a path, the same for everyone who asks.
std::string path_hash(std::string_view path);

}  // namespace penstock
