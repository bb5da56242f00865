// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "simulation/cloud.h"
#include "simulation/kernel.h"
#include "simulation/world.h"

namespace penstock::sim {

constexpr Nanos forever = INT64_MAX / 2;

/// What a path is in the bucket, or was told to be, for a time.
struct PathState {
  enum class Kind : uint8_t { absent, file, directory };
  Kind kind = Kind::absent;
  bool link = false;                         ///< A file that is a symbolic link.
  std::shared_ptr<const std::string> bytes;  ///< Of files; of a link its target.
  Nanos from = 0;
  Nanos to = forever;
  Nanos stored_again = -forever;  ///< When the same bytes were stored last.
  int actor = foreign_client;
  uint64_t version = 0;  ///< Different for every state.
};

/// A write that has no answer yet; or a truncation to `at`.
struct PendingWrite {
  bool truncates = false;
  bool append = false;
  uint64_t at = 0;
  std::string bytes;
  /// Writes that were answered meanwhile, and may have come after it: where, and what.
  std::vector<std::pair<uint64_t, std::string>> beside = {};
};

/// Whether an object's metadata have attributes that were asked for.
using HasAttributes = std::function<bool(const Metadata&)>;

/// A file that a node's programs have changed, or may: what it may hold by now.
struct LocalFile {
  /// More than one while it is not known which version the kernel opened.
  std::set<std::string> contents;
  /// Everything that it held since it was opened for writing first.
  std::set<std::string> ever;
  Nanos opened = 0;
  /// When the name's own file was opened that it has replaced by a rename, or that was removed
  /// before, and that was never stored: what others have put there since it has not replaced.
  Nanos replaced_opened = forever;
  Nanos changed = 0;  ///< When the last change was acknowledged; 0: never.
  /// Writes that are under way: what is stored meanwhile may have them.
  std::list<PendingWrite> pending;
  uint32_t writers = 0;  ///< Open files.
  /// Calls under way that store what the file is by then, each with all that it may store.
  std::list<std::set<std::string>> commits;
  bool deleted = false;
  bool link = false;
  bool made_here = false;  ///< It was not there when it was opened first.
  Nanos beside = forever;  ///< When it was stored beside somebody else's object.
  bool unsaved = false;    ///< The last call that was to store it has failed.
  /// With write-back: the attributes that were set last, and when. Until the node has stored them
  /// they are in the journal, and the name is the node's.
  HasAttributes described;
  Nanos described_at = 0;
  Nanos asked = 0;       ///< When a call was asked for last that stores the file; 0: never.
  bool unknown = false;  ///< Too many possibilities: nothing is checked any more.
  /// A program has stored something through a mapping behind the end. It is in the kernel's page,
  /// and shows when the file gets longer; to the node it comes only with the whole page.
  bool stored_behind_end = false;
};
using LocalFilePtr = std::shared_ptr<LocalFile>;
/// What a call that stores a file leaves behind until it has its answer.
struct PendingCommit {
  LocalFilePtr file;     ///< Null: nothing is known of it.
  bool changed = false;  ///< Something was to be stored when it began.
  std::list<std::set<std::string>>::iterator contents;
};
/// What a call that changes a file leaves behind until it has its answer.
using PendingChange = std::optional<std::list<PendingWrite>::iterator>;

/// How long one operation took.
struct Span {
  Nanos from = 0;
  Nanos to = 0;
  /// It began in a folder whose name the kernel had dropped, since others have changed it.
  bool nameless = false;
};

struct OracleOptions {
  std::string prefix;
  Nanos bound = second;  ///< For how long what others changed may be believed.
  bool write_back = false;
  bool asks_at_open = false;  ///< --freshness=close-to-open
};

/// Knows what the bucket had at each moment and what each node's programs did, and fails the run
/// where an answer or a change of the bucket is none that docs/semantics.md allows.
class Oracle final : public KernelWatcher {
 public:
  Oracle(World& world, OracleOptions options);

  // The bucket.
  /// Before the world begins.
  void object_there(const std::string& key, const std::string& bytes);
  void begin() { begun_ = true; }
  void store_changed(const StoreChange& change);
  /// Who has changed the key then knows it now.
  void change_answered(int actor, const std::string& key, Nanos at);
  /// A node has got that version: if a put of its own made it, the node knows that now.
  void version_got(int actor, const ObjectInfo& object);

  // Licences to change keys.
  uint64_t may_change(int node, std::vector<std::string> paths, bool below) override;
  void may_change_no_more(uint64_t id) override;
  Callback<void(int error)> page_written(int node, const OpenFile& file, uint64_t at,
                                         std::string bytes) override;

  // What programs did, and were told. `error` is an errno; paths are relative to the mountpoint.
  void stat_done(int node, const std::string& path, Span span, int error, const struct stat& found);
  /// `path_now`: a folder above may have got another name while the file was opened.
  void open_done(int node, const std::string& path, Span span, int error, const OpenFilePtr& file,
                 int flags, const std::string& path_now);
  /// `append`: wherever the file ends by then.
  PendingChange write_begins(const OpenFile& file, bool append, uint64_t at,
                             const std::string& bytes);
  void write_done(int node, const OpenFile& file, PendingChange change, Span span, int error,
                  uint64_t at, const std::string& bytes);
  /// A page that the kernel keeps of it was changed; the page itself is sent later.
  /// `behind_end`: what lies there may go with a write that makes the file longer, or not.
  void stored_in_memory(const OpenFile& file, bool behind_end);
  PendingChange truncate_begins(const OpenFile& file, uint64_t size);
  void truncate_done(int node, const OpenFile& file, PendingChange change, Span span, int error,
                     uint64_t size);
  void read_done(int node, const OpenFile& file, Span span, int error, uint64_t offset, size_t size,
                 const std::string& bytes);
  /// What a commit that begins now may store is what its file holds until it has ended.
  PendingCommit commit_begins(int node, const OpenFile& file);
  void commit_done(int node, const OpenFile& file, const PendingCommit& commit, Span span,
                   int error, const char* what);
  /// After commit_begins, where what may have been stored is not checked.
  void attributes_set(int node, const PendingCommit& commit);
  void closed(int node, const OpenFile& file);
  void removed(int node, const std::string& path, Span span, int error, bool directory);
  void rename_begins(int node, const std::string& from, const std::string& to);
  void renamed(int node, const std::string& from, const std::string& to, Span span, int error);
  void made_directory(int node, const std::string& path, Span span, int error);
  void made_symlink(int node, const std::string& path, Span span, int error,
                    const std::string& target);
  void read_link_done(int node, const std::string& path, Span span, int error,
                      const std::string& target);
  /// A name is asked for that must not be there yet: nothing is replaced by it.
  void new_name(int node, const std::string& path) { ++new_names_[{node, path}]; }
  /// A symbolic link to that is asked for.
  void symlink_begins(int node, const std::string& target) { commit_points_[node].insert(target); }
  void new_name_answered(int node, const std::string& path) { --new_names_[{node, path}]; }
  void linked(int node, const std::string& from, const std::string& to, Span span, int error);
  void attributes_change(int node, const std::string& path);
  void attributes_changed(int node, const std::string& path, Span span, int error,
                          const HasAttributes& asked);
  void list_done(int node, const std::string& path, Span span, int error,
                 const std::vector<std::string>& names);
  /// A change of the name is asked for: what others are told of it until it is done may be either.
  void name_busy(int node, const std::string& path);
  /// It has its answer, which is checked next; and then that is done.
  void name_answered(int node, const std::string& path) { --busy_[{node, path}].now; }
  void name_settled(int node, const std::string& path);

  /// The mount has ended, and could not store that.
  void unsaved(int node, const std::string& path) const;
  /// Whether anybody else than the node has changed anything.
  bool changed_by_others_ever(int node) const;
  /// Everything has ended: what was promised is in the bucket.
  void ended() const;
  /// The node's process was killed: what it had neither stored nor promised is lost.
  void crashed(int node);

 private:
  struct Licence {
    int node = 0;
    std::vector<std::string> paths;
    bool below = false;
  };
  struct OpenInfo {
    int node = 0;
    Span span;
    std::set<std::string> paths;
    /// When it was opened, or when a call began that was under way then and was about its name.
    Nanos named_since = 0;
    std::string present;    ///< Which of the paths it has now; empty: not known.
    bool nameless = false;  ///< This node has removed its name, or replaced what had it.
    LocalFilePtr local;
    /// Of which everything that was read so far may be; absent: nothing was read.
    std::optional<std::set<uint64_t>> versions;

    bool may_have(const std::string& path) const {
      return present.empty() ? paths.contains(path) : present == path;
    }
  };
  struct LocalName {
    PathState::Kind kind = PathState::Kind::absent;
    LocalFilePtr file;
    Nanos since = 0;  ///< When the change was asked for.
    Nanos done = 0;   ///< When it was acknowledged.
    /// Stored beside somebody else's object, which the node may not know yet: until then.
    Nanos until = forever;
    /// Absent: when what was removed was opened, if it was never stored, for then it has left alone
    /// what others have put there since.
    Nanos left_alone_since = forever;
  };
  struct Floor {
    Nanos told = 0;    ///< Counts for operations that begin later.
    Nanos moment = 0;  ///< What had ended by then is not told any more.
  };

  std::string path_of_key(const std::string& key) const;
  void look_again(const std::string& path, int actor);
  PathState now(const std::string& path) const;
  void check_licence(int node, const StoreChange& change, const std::string& path);
  void check_bytes(int node, const StoreChange& change, const std::string& path);
  void check_new_name(int node, const StoreChange& change, const std::string& path);
  void name_exists(int node, const std::string& path, Span span);
  LocalFilePtr stored_now(int node, const std::string& path, Span span) const;
  bool licensed(const Licence& licence, const std::string& path) const;
  Nanos named_since(int node, const std::string& path, Span span) const;
  std::vector<PathState> window(int node, const std::string& path, Span span, bool floors) const;
  bool holds(int node, const std::string& path, const LocalName& name) const;
  const LocalName* local_name(int node, const std::string& path, Span span) const;
  bool may_be(int node, const std::string& path, Span span, bool present) const;
  bool busy(int node, const std::string& path, Span span) const;
  std::vector<PathState> moved_here(int node, const std::string& path, Span span) const;
  Nanos believed_since(int node, const std::string& path, Nanos asked) const;
  bool was_moved(int node, const std::string& path, Span span) const;
  bool changed_by_others(int node, const std::string& path, Nanos from, Nanos to) const;
  void may_store(int node, const std::string& path);
  void attributes_answered(int node, const std::string& path);
  void told(int node, const std::string& path, Span span, const std::vector<PathState>& matching);
  void set_local(int node, const std::string& path, LocalName name);
  void lost_to_others(int node, const OpenInfo& info);
  void promised(int node, const OpenInfo& info, std::set<std::string> contents);
  void stored_beside_others(int node, const std::string& name);
  LocalFilePtr local_of(int node, const OpenFile& file) const;
  void changed_here(int node, const OpenInfo& info, Span span);
  static std::set<std::string> possible(const LocalFile& local);
  static void may_be_stored(LocalFile& local);
  std::set<std::string> commit_ends(int node, const PendingCommit& commit);
  LocalName taken_away(int node, const std::string& path, Span span) const;
  std::string moved_meanwhile(int node, std::string path, Span span) const;
  void name_removed(int node, const std::string& path, Span span);
  void name_moved(int node, const std::string& from, const std::string& to, Span span);
  bool stored_since(int node, const std::string& path, Nanos since) const;
  Nanos stored_beside(int node, const std::string& path, Nanos since) const;
  bool stood(const std::string& path, Span span, const std::set<std::string>& contents) const;
  std::vector<std::string> renamed_since(int node, const std::string& path, Nanos since) const;
  std::vector<std::string> names_of(int node, const std::string& path) const;
  bool being_stored(int node, const LocalFilePtr& local) const;
  /// A call under way that sets attributes stores the file, under the name that it has by now.
  bool attributes_under_way(int node, const std::string& path) const;
  /// The same of calls that name the file or a directory above it.
  bool named_by_a_call(int node, const LocalFilePtr& local) const;
  bool owed(int node, const std::string& path) const;
  bool owes_attributes(int node, const std::string& path, const LocalFile& file) const;
  bool may_be_journalled(int node, const std::string& path, const LocalFile& file) const;
  void take_promised(int node, const std::string& path, fuse_ino_t inode);
  void lose_names(int node);
  bool holds_below(int node, const std::string& path, Span span) const;
  void held_until_now(int node, const std::string& path);
  bool emptied_by_others(int node, const std::string& path, Nanos from, Nanos to) const;
  void check_error(int node, const std::string& path, Span span, int error, const char* what);
  /// Whether the node's own rename put something else in that state's place, and had not answered
  /// its program when an open that began then was sent: until it has, the kernel has the old file
  /// under the name.
  bool replaced_by_a_call(int node, const std::string& name, const PathState& state,
                          Nanos then) const;
  void check_asked(const OpenInfo& info, const std::set<uint64_t>& versions, Span since) const;
  std::string explain(int node, const std::string& path, Span span) const;
  [[noreturn]] void fail(std::string_view kind, int node, const std::string& path, Span span,
                         const std::string& text) const;

  World& world_;
  const OracleOptions options_;
  bool begun_ = false;
  uint64_t versions_ = 0;
  std::map<std::string, std::vector<PathState>> history_;  ///< By path.
  struct Object {
    std::shared_ptr<const std::string> bytes;
    bool link = false;
  };
  std::map<std::string, Object> objects_;  ///< By path, or path + "/".
  struct Put {
    std::shared_ptr<const std::string> bytes;
    Nanos at = 0;
    int actor = 0;
    bool answered = false;  ///< Or the node has seen since that it was done.
    Metadata metadata = {};
    std::string etag = {};
  };
  std::map<std::string, std::vector<Put>> puts_;
  std::map<uint64_t, Licence> licences_;
  std::map<std::pair<int, std::string>, Nanos> writers_;  ///< Licensed until then.
  std::set<std::pair<int, std::string>> visited_directories_;
  uint64_t last_licence_ = 0;
  struct Rename {
    std::string from;
    std::string to;
    Nanos began = 0;
    Nanos ended = forever;  ///< When its program was answered.
    bool failed = false;
  };
  std::map<int, std::vector<Rename>> moves_;
  std::map<const OpenFile*, OpenInfo> open_;
  std::map<std::pair<int, fuse_ino_t>, LocalFilePtr> locals_;
  std::map<std::pair<int, std::string>, LocalName> names_;
  std::map<std::pair<int, std::string>, std::vector<Floor>> floors_;
  std::map<int, std::set<std::string>> commit_points_;
  std::set<std::string> stored_;
  /// With write-back: what was closed last under a path, and must be stored some time.
  struct Promise {
    std::set<std::string> contents;
    Nanos at = 0;
    Nanos opened = 0;  ///< LocalFile::opened: what was stored before is no part of it.
  };
  std::map<std::pair<int, std::string>, Promise> promises_;
  /// Until when something in a folder was written by the node, which had the folder there.
  std::map<std::pair<int, std::string>, Nanos> held_;
  /// Own changes of names: under way, and when the last one ended.
  struct Busy {
    uint32_t now = 0;
    Nanos begun = 0;  ///< When the first of those that are under way was asked for.
    Nanos last = -1;
  };
  std::map<std::pair<int, std::string>, Busy> busy_;
  std::set<int> crashed_;
  /// Changes of attributes under way, which may store what the file is by then.
  struct Storing {
    uint32_t now = 0;
    Nanos begun = 0;
    Nanos last = -forever;
  };
  std::map<std::pair<int, std::string>, Storing> storing_;
  /// Calls under way that make a name.
  std::map<std::pair<int, std::string>, uint32_t> new_names_;
};

}  // namespace penstock::sim
