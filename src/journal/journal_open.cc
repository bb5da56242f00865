// SPDX-License-Identifier: Apache-2.0
// Opening: what a dead mount left is checked and made this mount's own, or a new journal is made.
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/wall_clock.h"
#include "journal/found_journal.h"
#include "journal/journal.h"
#include "journal/journal_core.h"
#include "journal/make_journal.h"
#include "journal/shared_folder.h"

namespace penstock {
namespace {

class Opener {
 public:
  Opener(const JournalOptions& options, Journal::Left& left, std::shared_ptr<Log> log,
         std::shared_ptr<Disk> disk)
      : options_(options), left_(left), log_(std::move(log)), disk_(std::move(disk)) {}

  Result<JournalCore::Parts> run() {
    if (const int error = make_folders(disk_, options_.directory); error != 0)
      return folder_error(error, "cannot make " + options_.directory);
    if (Result<void> own = refuse_shared(); !own) return own.error();
    Result<std::optional<FoundJournal>> found = find_journal(options_, disk_, log_, left_.damaged);
    if (!found) return found.error();
    return *found ? take_over(**found) : make_new();
  }

 private:
  /// A dead mount's journal is known by its lock, which must hold for all who see the folder.
  Result<void> refuse_shared() const {
    const std::string type = shared_by_machines(*disk_, options_.directory);
    if (type.empty() || options_.shared) return {};
    return Error(
        Code::not_supported,
        fmt::format(
            "the journal's folder {} is on {}, which other machines may see: there a journal "
            "cannot "
            "be told to be a dead mount's, and two mounts could take the same one. Give a folder "
            "of "
            "a local disk with --journal-dir; or, where no other machine mounts with this folder, "
            "give --journal-shared=allow",
            options_.directory, type));
  }

  Result<JournalCore::Parts> make_new() {
    std::string path;
    DiskFile lock;
    const std::string hash = folder_hash(options_.identity, options_.prefix);
    if (const int error = make_journal_folder(disk_, options_.directory, hash, path, lock);
        error != 0)
      return folder_error(error, "cannot make a folder in " + options_.directory);
    JournalCore::Parts parts{.folder = std::make_shared<SegmentFolder>(disk_, path, log_),
                             .lock = std::move(lock),
                             .log = LogFile(disk_, path),
                             .owner = {.identity = options_.identity,
                                       .prefix = options_.prefix,
                                       .created_ns = wall_clock_ns()}};
    bool uncertain = false;
    Result<void> made = parts.log.renew(1, parts.live, parts.owner, uncertain);
    if (!made) {
      remove_journal_folder(*disk_, path);
      return made.error();
    }
    parts.folder->remove_files();
    return parts;
  }

  Result<JournalCore::Parts> take_over(FoundJournal& from) {
    if (Result<void> checked = check_files(from); !checked) return checked.error();
    left_.uploads = from.replay.live.uploads();
    if (Result<void> kept = keep_damaged_log(from); !kept) return kept.error();
    for (const std::string& name : from.listing.damaged)
      left_.damaged.push_back(
          {.reason = fmt::format("the journal's log was damaged; {}/{} is what it was", from.path,
                                 name)});
    remove_leftovers(from);
    JournalCore::Parts parts{.folder = from.folder,
                             .lock = std::move(from.lock),
                             .log = LogFile(disk_, from.path),
                             .live = std::move(from.replay.live),
                             .owner = std::move(from.replay.owner),
                             .keep_folder = !from.listing.damaged.empty()};
    parts.owner.next_file = from.replay.next_file;
    parts.owner.next_segment = from.replay.next_segment;
    for (const uint64_t number : from.listing.segments)
      parts.owner.next_segment = std::max(parts.owner.next_segment, number + 1);
    bool uncertain = false;
    Result<void> renewed =
        parts.log.renew(from.listing.logs.back() + 1, parts.live, parts.owner, uncertain);
    if (!renewed) return renewed.error();
    for (const uint64_t number : from.listing.logs) disk_->unlink(log_path(from.path, number));
    // What only replaced states named stays where a lost record may have named it.
    from.segments.reset();
    parts.folder->remove_files();
    return parts;
  }

  /// A log that is damaged is kept beside the one that replaces it.
  Result<void> keep_damaged_log(FoundJournal& from) {
    if (!from.replay.damaged) return {};
    const uint64_t number = from.listing.logs.back();
    const std::string path = log_path(from.path, number);
    const int error = disk_->link(path, path + ".damaged");
    if (error != 0 && error != -EEXIST) return folder_error(error, "cannot keep " + path);
    log_->error("{} is damaged; what can be read of it is used, and it is kept as log-{}.damaged",
                path, number);
    if (error == 0) from.listing.damaged.push_back(fmt::format("log-{}.damaged", number));
    return {};
  }

  /// What no state names; all of it where a lost record may have named it.
  void remove_leftovers(const FoundJournal& from) {
    for (const std::string& name : from.listing.unfinished) disk_->unlink(from.path + "/" + name);
    disk_->unlink(reserve_path(from.path));
    if (!from.listing.damaged.empty()) return;
    std::set<uint64_t> named;
    for (const auto& [number, file] : from.replay.live.files()) {
      if (!file.state) continue;
      for (const JournalRange& range : file.state->ranges) {
        if (range.piece != nullptr) named.insert(range.piece->segment->number());
      }
    }
    for (const uint64_t number : from.listing.segments) {
      if (!named.contains(number)) disk_->unlink(from.folder->segment_path(number));
    }
  }

  Result<void> check_files(FoundJournal& from) {
    for (const auto& [number, file] : from.replay.live.files()) {
      if (!file.state) left_.damaged.push_back({.file = number, .reason = file.damage});
    }
    for (const LiveRecords::File* file : from.replay.live.in_order()) {
      std::string reason = file->damage;
      if (reason.empty()) {
        const Result<void> right = check_pieces(*file->state, *from.segments);
        if (!right && right.code() == Code::internal)
          return right.error().with_code(Code::unavailable);
        if (!right) reason = right.error().message();
      }
      if (reason.empty()) {
        left_.files.push_back(*file->state);
        continue;
      }
      from.replay.live.withhold(file->state->file);
      log_->error("the journal has lost data of {}: {}", file->state->key, reason);
      left_.damaged.push_back(
          {.file = file->state->file, .key = file->state->key, .reason = std::move(reason)});
    }
    return {};
  }

  /// internal: that could not be found out.
  static Result<void> check_pieces(const JournalState& state, NamedSegments& segments) {
    std::unordered_set<const JournalPiece*> seen;
    for (const JournalRange& range : state.ranges) {
      const JournalPiece* const piece = range.piece.get();
      if (piece == nullptr || !seen.insert(piece).second) continue;
      const int error = segments.open(piece->segment->number());
      const std::string path = piece->segment->folder()->segment_path(piece->segment->number());
      if (error == -EMFILE || error == -ENFILE || error == -ENOMEM)
        return disk_error(error, "cannot open " + path).with_code(Code::internal);
      if (error != 0) return disk_error(error, "cannot open " + path);
      if (Result<void> right =
              verify_piece(piece->position, piece->length, piece->hash, *piece->segment);
          !right)
        return right;
    }
    return {};
  }

  const JournalOptions& options_;
  Journal::Left& left_;
  const std::shared_ptr<Log> log_;
  const std::shared_ptr<Disk> disk_;
};

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const JournalOptions& options, Left& left,
                                               Scheduler& scheduler, std::shared_ptr<Log> log,
                                               std::shared_ptr<Disk> disk) {
  Result<JournalCore::Parts> parts = with_room(options.make_room, [&] {
    left = {};
    return Opener(options, left, log, disk).run();
  });
  if (!parts) {
    left = {};
    return parts.error();
  }
  parts->make_room = options.make_room;
  return make_journal(std::make_shared<JournalCore>(std::move(*parts), scheduler, std::move(log)));
}

}  // namespace penstock
