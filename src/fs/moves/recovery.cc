// SPDX-License-Identifier: Apache-2.0
#include "fs/moves/recovery.h"

#include <algorithm>
#include <set>
#include <utility>

#include "fs/moves/left_moves.h"
#include "fs/moves/object_moves.h"

namespace penstock {
namespace {

using std::chrono::seconds;

/// Of looks that find something which is not for this mount to end.
constexpr seconds longest_pause{600};
constexpr seconds pause_after_own{30};
/// An intent is small; what is larger is none.
constexpr uint64_t largest_intent = 64 << 10;

class TextSink final : public BodySink {
 public:
  bool write(uint64_t, std::span<const std::byte> bytes) noexcept override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return text.size() <= largest_intent;
  }
  std::string text;
};

/// "MOUNT-N…" and "MOUNT" → "MOUNT"
std::string mount_of(const std::string& name) { return name.substr(0, name.find_first_of("-/")); }

/// No mount writes anything else. But whoever may write below the prefix can: he must not have this
/// mount, which may be allowed more than he is, delete and copy elsewhere.
bool is_about_own_keys(const Intent& intent, const std::string& prefix) {
  const auto own = [&](const std::string& key) {
    return key.size() > prefix.size() && key.starts_with(prefix);
  };
  return std::ranges::all_of(intent.moves,
                             [&](const Move& move) { return own(move.from) && own(move.to); });
}

}  // namespace

/// What lies there, in the words of own_names.h.
struct Recovery::Found {
  std::string folder;  ///< "renames", …
  std::string name;
  ObjectInfo object;
};

struct Recovery::Look {
  int64_t now_ns = 0;  ///< The store's time, before it was asked what is there.
  std::vector<Found> found;
  std::map<std::string, int64_t> signs;  ///< Of life, by mount: its newest object's time.
  std::vector<const Found*> intents;     ///< Of others, still to be looked at.
  std::set<std::string> left;            ///< Ids whose intents stay.
  bool waits = false;                    ///< Something belongs to a mount that may be alive.
};

void Recovery::start(std::function<void(const Move&)> changed) {
  changed_ = std::move(changed);
  renames_.on_left_behind([this] { look_again(); });
  look();
}

void Recovery::look_again() { plan(pause_after_own); }

void Recovery::plan(std::chrono::nanoseconds pause) {
  {
    const MutexLock lock(mutex_);
    if (planned_ || core_.stopping) return;
    planned_ = true;
  }
  core_.after(pause, [this] {
    {
      const MutexLock lock(mutex_);
      planned_ = false;
    }
    if (!core_.stopping) look();
  });
}

void Recovery::look() {
  list_objects(core_, core_.own.root,
               [this](const Result<std::map<std::string, ObjectInfo>>& objects) {
                 if (objects) return take(*objects);
                 core_.parts.log->debug("'{}' cannot be listed: {}", core_.own.root,
                                        objects.error().describe());
                 if (objects.code() != Code::access_denied) plan(pause_after_own);
               });
}

std::shared_ptr<Recovery::Look> Recovery::sort(
    const std::map<std::string, ObjectInfo>& objects) const {
  auto look = std::make_shared<Look>();
  const std::string& own_id = core_.parts.identity.id;
  for (const auto& [relative, object] : objects) {
    const size_t slash = relative.find('/');
    if (slash == std::string::npos || slash + 1 == relative.size()) continue;
    Found found{
        .folder = relative.substr(0, slash), .name = relative.substr(slash + 1), .object = object};
    const std::string mount = mount_of(found.name);
    int64_t& sign = look->signs[mount];
    sign = std::max(sign, found.object.last_modified_ns);
    // Of this mount only what a rename of its own has left is its business.
    const bool own = mount == own_id;
    if (own && (found.folder != "renames" || renames_.works_on(found.name))) continue;
    look->found.push_back(std::move(found));
  }
  return look;
}

void Recovery::take(const std::map<std::string, ObjectInfo>& objects) {
  if (sort(objects)->found.empty()) return;
  // The lease is this mount's word that it is at it, and tells the store's time.
  lease_.hold([this](const Result<void>& held) {
    if (!held) return give_up(held.error());
    look_closer(lease_.store_time_ns());
  });
}

/// However long the lease took: what lies there now is compared with a time that is older, so that
/// a mount which lives is never found too silent.
void Recovery::look_closer(int64_t now_ns) {
  list_objects(core_, core_.own.root,
               [this, now_ns](const Result<std::map<std::string, ObjectInfo>>& objects) {
                 if (!objects) {
                   give_up(objects.error());
                   return plan(pause_after_own);
                 }
                 const std::shared_ptr<Look> look = sort(*objects);
                 look->now_ns = now_ns;
                 judge(look);
               });
}

void Recovery::give_up(const Error& error) {
  core_.parts.log->debug("what dead mounts have left stays: {}", error.describe());
  lease_.release("", [](const Result<void>&) {});
}

bool Recovery::dead(const Look& look, const std::string& mount) const {
  const MountIdentity& identity = core_.parts.identity;
  if (mount == identity.id) return false;
  if (identity.known_dead && identity.known_dead(mount)) return true;
  const auto sign = look.signs.find(mount);
  if (sign == look.signs.end()) return true;
  const std::chrono::nanoseconds silent(look.now_ns - sign->second);
  return silent > identity.lease;
}

void Recovery::judge(const std::shared_ptr<Look>& look) {
  for (const Found& found : look->found) {
    const std::string mount = mount_of(found.name);
    const bool mine = mount == core_.parts.identity.id || dead(*look, mount);
    look->waits |= !mine;
    if (found.folder != "renames") continue;
    mine ? look->intents.push_back(&found) : void(look->left.insert(found.name));
  }
  next(look);
}

void Recovery::next(const std::shared_ptr<Look>& look) {
  if (look->intents.empty() || core_.stopping) return sweep(look);
  const Found* const found = look->intents.back();
  look->intents.pop_back();
  take_intent(look, found->name, found->object);
}

void Recovery::take_intent(const std::shared_ptr<Look>& look, const std::string& id,
                           const ObjectInfo& object) {
  const auto skip = [this, look, id](const Error& error) {
    if (error.code() == Code::not_found) return next(look);
    core_.parts.log->warning("the intent '{}' of a rename is left alone: {}", id, error.describe());
    look->left.insert(id);
    next(look);
  };
  if (object.size == 0 || object.size > largest_intent)
    return skip(Error(Code::corrupt, "its size is not that of one"));
  const auto sink = std::make_shared<TextSink>();
  core_.parts.store.get(
      {.key = object.key, .if_match = object.etag, .sink = sink},
      core_.tracked<ObjectInfo>([this, look, id, sink, skip](const Result<ObjectInfo>& got) {
        if (!got) return skip(got.error());
        Result<Intent> intent = parse_intent(sink->text);
        if (!intent) return skip(intent.error());
        if (!is_about_own_keys(*intent, core_.own.prefix))
          return skip(Error(Code::corrupt, "it is about keys that are not this mount's"));
        const std::string mount = intent->mount;
        const bool own = mount == core_.parts.identity.id;
        // Written by the mount that it names, not always the one that its key names.
        const int64_t written = got->last_modified_ns;
        int64_t& sign = look->signs[mount];
        sign = std::max(sign, written);
        const bool other_at_it = !own && !dead(*look, mount);
        if (other_at_it || renames_.works_on(id)) {
          look->waits |= other_at_it;
          look->left.insert(id);
          return next(look);
        }
        const auto held = std::make_shared<HeldIntent>();
        held->intent = std::move(*intent);
        held->intent.id = id;
        if (held->intent.since_ns == 0) held->intent.since_ns = written;
        if (held->intent.step_since_ns == 0) held->intent.step_since_ns = written;
        // The intent need not say when its mount made the last copy. If that is this mount, it
        // knows when it gave the rename up. A dead one made none later than one lease after its
        // last sign of life.
        int64_t& until = held->intent.until_ns;
        if (until == 0 && own) until = renames_.left_behind_at_ns(id);
        const std::chrono::nanoseconds lease = core_.parts.identity.lease;
        if (until == 0) until = (own ? written : sign) + lease.count();
        held->etag = got->etag;
        claim(look, held);
      }));
}

void Recovery::claim(const std::shared_ptr<Look>& look, const std::shared_ptr<HeldIntent>& held) {
  held->intent.mount = core_.parts.identity.id;
  // Of two mounts that find it at once the store lets one have it.
  write_intent(core_, held, [this, look, held](const Result<void>& claimed) {
    if (!claimed) {
      look->waits = true;
      look->left.insert(held->intent.id);
      return next(look);
    }
    const Move first = held->intent.moves.front();
    const Move last = held->intent.moves.back();
    core_.parts.log->info("going on with a rename of '{}' to '{}' that its mount did not end",
                          first.from, last.to);
    renames_.finish(held, [this, look, held](const Result<void>& finished) {
      if (!finished) look->left.insert(held->intent.id);
      for (const Move& move : held->intent.moves) changed_(move);
      next(look);
    });
  });
}

/// What only has a meaning together with a mount that lives, or with an intent.
void Recovery::sweep(const std::shared_ptr<Look>& look) {
  std::vector<std::string> garbage;
  for (const Found& found : look->found) {
    const std::string mount = mount_of(found.name);
    const bool belongs = found.folder == "mounts" || found.folder == "deleted" ||
                         found.folder == "trials" ||
                         (found.folder == "held" &&
                          !look->left.contains(found.name.substr(0, found.name.find('/'))));
    if (belongs && mount != core_.parts.identity.id && dead(*look, mount))
      garbage.push_back(found.object.key);
  }
  remove_all(core_, {.relative_keys = std::move(garbage)},
             [this, look](const Result<void>& removed) {
               look->waits |= !removed;
               end(look);
             });
}

void Recovery::end(const std::shared_ptr<Look>& look) {
  lease_.release("", [](const Result<void>&) {});
  if (!look->waits && look->left.empty()) return;
  seconds pause{};
  {
    const MutexLock lock(mutex_);
    pause_ = std::min(std::max(core_.parts.identity.lease, pause_ * 2), longest_pause);
    pause = pause_;
  }
  plan(pause);
}

}  // namespace penstock
