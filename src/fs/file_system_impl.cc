// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "base/memory_budget.h"
#include "fs/changes/attribute_operations.h"
#include "fs/changes/exchange.h"
#include "fs/changes/make_directory.h"
#include "fs/changes/make_link.h"
#include "fs/changes/make_node.h"
#include "fs/changes/remove_directory.h"
#include "fs/changes/rename.h"
#include "fs/changes/unlink.h"
#include "fs/files/committer.h"
#include "fs/files/file_operations.h"
#include "fs/lookups/attribute_loader.h"
#include "fs/lookups/directory_loader.h"
#include "fs/lookups/directory_reads.h"
#include "fs/lookups/known_files.h"
#include "fs/lookups/resolver.h"
#include "fs/make_file_system.h"
#include "fs/moves/recovery.h"
#include "fs/nodes/core.h"

namespace penstock {
namespace {

/// Finds the inodes that a call names and hands it on to the part that does it.
class FileSystemImpl final : public MountedFileSystem {
 public:
  FileSystemImpl(std::shared_ptr<FsCore> core)
      : core_(std::move(core)),
        attributes_(*core_),
        loader_(*core_, attributes_),
        directories_(*core_, attributes_, loader_),
        resolver_(*core_, loader_, attributes_),
        committer_(*core_, attributes_),
        lease_(*core_),
        renames_(*core_, lease_),
        recovery_(*core_, lease_, renames_),
        deleted_(*core_, lease_),
        archived_(*core_),
        reads_(*core_, resolver_, committer_, archived_),
        files_(*core_, resolver_, attributes_, committer_, deleted_, archived_, reads_),
        properties_(*core_, attributes_, committer_, files_, archived_),
        changes_{*core_, resolver_, attributes_, committer_, renames_, deleted_} {
    core_->bound_names();
  }

  ~FileSystemImpl() override {
    core_->stopping = true;
    std::vector<FileHandle*> left;
    {
      const MutexLock lock(core_->tree.mutex);
      left.assign(core_->open_files.begin(), core_->open_files.end());
    }
    archived_.end();
    for (FileHandle* handle : left) files_.release(handle);
    core_->alive.reset();
    core_->gate.wait();
  }

  void attach(KernelCache& kernel) override { core_->kernel.attach(kernel); }

  void name_unheard(InodeId parent, const std::string& name) override {
    core_->kernel.forget_entry(parent, name);
  }

  void restore(std::vector<RestoredFile> files) override {
    std::vector<InodePtr> restored;
    {
      const MutexLock lock(core_->tree.mutex);
      for (RestoredFile& file : files) {
        const std::string key = file.key;
        restored.push_back(core_->tree.restore(std::move(file)));
        if (restored.back() == nullptr) {
          core_->parts.log->error(
              "'{}' was written before the last mount ended and cannot be restored beside another "
              "such name that it contradicts; it stays in the journal",
              key);
        }
      }
    }
    for (const InodePtr& inode : restored) {
      if (inode != nullptr) committer_.plan_upload(inode);
    }
  }

  void recover() override {
    recovery_.start([this](const Move& move) {
      core_->look_anew(move.from);
      core_->look_anew(move.to);
    });
  }

  std::vector<UnstoredFile> unstored() override { return committer_.unstored(); }
  std::optional<std::string> path_of(InodeId inode) override {
    if (inode == root_inode) return "";
    const MutexLock lock(core_->tree.mutex);
    const InodePtr found = core_->tree.find(inode);
    if (found == nullptr || !core_->tree.name_key(*found)) return std::nullopt;
    return core_->tree.path_of(*found);
  }
  Known known() override {
    const MutexLock lock(core_->tree.mutex);
    return {.names = core_->tree.size(), .bytes = core_->tree.bytes()};
  }

  KnownFiles known_files(const KnownFilesRequest& request) override {
    return find_known_files(*core_, request);
  }

  std::optional<ObjectVersion> known_version(InodeId inode) override {
    return find_known_version(*core_, inode);
  }

  void lookup(InodeId parent, std::string name, Done<Entry> done) override {
    with_directory(parent, std::move(done), [&](const InodePtr& directory, Done<Entry> reply) {
      look_up(directory, name, true, std::move(reply));
    });
  }

  void forget(InodeId inode, uint64_t count) override {
    InodePtr dropped;
    const MutexLock lock(core_->tree.mutex);
    dropped = core_->tree.forget(inode, count);
  }

  void getattr(InodeId id, Done<Attributes> done) override {
    with_known(id, std::move(done), [&](const InodePtr& inode, Done<Attributes> reply) {
      resolver_.refresh(
          inode, [this, inode, reply = std::move(reply)](const Result<void>& fresh) mutable {
            // Programs that have the inode open, or have it as their working directory, go on with
            // its attributes, whatever has the name now.
            const bool lost =
                !fresh && (fresh.code() == Code::not_found || fresh.code() == Code::changed);
            const bool stays = lost && in_use(inode);
            if (!fresh && !stays) return reply(fresh.error());
            with_attributes(inode, std::move(reply),
                            [](Tree& tree, const InodePtr& known)
                                REQUIRES(tree.mutex) { return tree.show(*known); });
          });
    });
  }

  void setattr(InodeId id, AttributeChange change, Done<Attributes> done) override {
    with_inode(id, std::move(done), [&](const InodePtr& inode, Done<Attributes> reply) {
      properties_.setattr(inode, change, std::move(reply));
    });
  }

  void mkdir(InodeId parent, std::string name, uint32_t mode, Caller caller,
             Done<Entry> done) override {
    with_directory(parent, std::move(done), [&](const InodePtr& directory, Done<Entry> reply) {
      begin_change<MakeDirectory>(changes_,
                                  MakeDirectory::Request{directory, std::move(name), mode, caller},
                                  std::move(reply));
    });
  }

  void make_node(InodeId parent, std::string name, NewNode node, Caller caller,
                 Done<Entry> done) override {
    with_directory(parent, std::move(done), [&](const InodePtr& directory, Done<Entry> reply) {
      begin_change<MakeNode>(changes_,
                             MakeNode::Request{directory, std::move(name), node.type, node.mode,
                                               node.device, std::move(node.target), caller},
                             std::move(reply));
    });
  }

  void link(InodeId id, InodeId parent, std::string name, Done<Entry> done) override {
    with_inode(id, std::move(done), [&](const InodePtr& inode, Done<Entry> reply) {
      with_directory(parent, std::move(reply), [&](const InodePtr& directory, Done<Entry> next) {
        begin_change<MakeLink>(changes_, MakeLink::Request{inode, directory, std::move(name)},
                               std::move(next));
      });
    });
  }

  void read_link(InodeId id, Done<std::string> done) override {
    with_inode(id, std::move(done), [&](const InodePtr& inode, Done<std::string> reply) {
      properties_.read_link(inode, std::move(reply));
    });
  }

  void rmdir(InodeId parent, std::string name, Done<void> done) override {
    with_directory(parent, std::move(done), [&](const InodePtr& directory, Done<void> reply) {
      begin_change<RemoveDirectory>(changes_, directory, std::move(name), std::move(reply));
    });
  }

  void unlink(InodeId parent, std::string name, Done<void> done) override {
    with_directory(parent, std::move(done), [&](const InodePtr& directory, Done<void> reply) {
      begin_change<Unlink>(changes_, directory, std::move(name), std::move(reply));
    });
  }

  void rename(InodeId parent, std::string name, InodeId new_parent, std::string new_name,
              bool no_replace, Done<void> done) override {
    with_directory(parent, std::move(done), [&](const InodePtr& from, Done<void> reply) {
      with_directory(new_parent, std::move(reply), [&](const InodePtr& to, Done<void> next) {
        begin_change<Rename>(changes_,
                             NameMove{from, std::move(name), to, std::move(new_name), no_replace},
                             std::move(next));
      });
    });
  }

  void exchange(InodeId parent, std::string name, InodeId other_parent, std::string other_name,
                Done<void> done) override {
    with_directory(parent, std::move(done), [&](const InodePtr& one, Done<void> reply) {
      with_directory(other_parent, std::move(reply), [&](const InodePtr& other, Done<void> next) {
        begin_change<Exchange>(
            changes_, Exchange::Request{one, std::move(name), other, std::move(other_name)},
            std::move(next));
      });
    });
  }

  void create(InodeId parent, std::string name, uint32_t mode, OpenFlags flags, bool exclusive,
              Caller caller, Done<Created> done) override {
    with_directory(parent, std::move(done), [&](const InodePtr& directory, Done<Created> reply) {
      files_.create({directory, std::move(name), mode, flags, exclusive, caller}, std::move(reply));
    });
  }

  void open(InodeId id, OpenFlags flags, Done<Opened> done) override {
    with_inode(id, std::move(done), [&](const InodePtr& inode, Done<Opened> reply) {
      files_.open(inode, flags, std::move(reply));
    });
  }

  bool may_wait_long(HandleId handle) const override { return file(handle)->archived; }
  void read(HandleId handle, ByteRange range, std::stop_token cancel, Done<Slices> done) override {
    reads_.read(file(handle)->held, range, std::move(cancel), std::move(done));
  }
  void write(HandleId handle, WriteAt at, std::span<const std::byte> data,
             Done<void> done) override {
    files_.write(file(handle)->held, at, data, std::move(done));
  }
  bool drop_set_ids(HandleId handle, bool all) override {
    return files_.drop_set_ids(*file(handle), all);
  }
  void allocate(HandleId handle, Allocation request, Done<void> done) override {
    files_.allocate(*file(handle), request, std::move(done));
  }
  void seek(HandleId handle, uint64_t offset, bool hole,
            Done<std::optional<uint64_t>> done) override {
    files_.seek(*file(handle), offset, hole, std::move(done));
  }
  void copy_range(CopyRange request, std::stop_token cancel, Done<uint64_t> done) override {
    files_.copy_range({.source = *file(request.source),
                       .source_offset = request.source_offset,
                       .target = *file(request.target),
                       .target_offset = request.target_offset,
                       .length = request.length,
                       .process = request.process},
                      std::move(cancel), std::move(done));
  }
  void flush(HandleId handle, Closer closer, Done<void> done) override {
    files_.flush(*file(handle), closer, std::move(done));
  }
  void sent_back(InodeId id, uint64_t thread) override {
    NameTurns::Place place;
    {
      const MutexLock lock(core_->tree.mutex);
      const InodePtr inode = core_->tree.find(id);
      if (inode == nullptr || !inode->named()) return;
      place = {inode->parent->id, inode->name};
    }
    core_->turns.sent_back(place, thread);
  }
  void found_nothing(InodeId parent, const std::string& name, uint64_t thread) override {
    core_->turns.found_nothing({parent, name}, thread);
  }
  std::vector<ProcessId> owners(HandleId handle) override { return files_.owners(*file(handle)); }
  void fsync(HandleId handle, Done<void> done) override {
    files_.sync(*file(handle), std::move(done));
  }
  void release(HandleId handle) override { files_.release(file(handle)); }
  void cache_share(HandleId handle, Done<CacheShare> done) override {
    reads_.cache_share(*file(handle), std::move(done));
  }

  void open_directory(InodeId id, Done<HandleId> done) override {
    with_directory(id, std::move(done), [&](const InodePtr& directory, Done<HandleId> reply) {
      reply(directories_.open(directory));
    });
  }
  void read_directory(ReadDirectory request, Done<std::vector<DirectoryEntry>> done) override {
    directories_.read(request, std::move(done));
  }
  void release_directory(HandleId handle) override { directories_.release(handle); }

  void sync_directory(InodeId id, Done<void> done) override {
    // Names are in the store when the calls that make them return; contents may only be promised.
    with_directory(id, std::move(done), [&](const InodePtr& directory, Done<void> reply) {
      committer_.sync_below(directory, std::move(reply));
    });
  }

  void get_xattr(InodeId id, std::string name, Done<std::string> done) override {
    with_inode(id, std::move(done), [&](const InodePtr& inode, Done<std::string> reply) {
      properties_.get_xattr(inode, name, std::move(reply));
    });
  }
  void list_xattrs(InodeId id, Done<std::vector<std::string>> done) override {
    with_inode(id, std::move(done), [&](const InodePtr& inode, auto reply) {
      properties_.list_xattrs(inode, std::move(reply));
    });
  }
  void set_xattr(InodeId id, std::string name, std::string value, XattrMode mode,
                 Done<void> done) override {
    with_inode(id, std::move(done), [&](const InodePtr& inode, Done<void> reply) {
      properties_.set_xattr(inode, name, value, mode, std::move(reply));
    });
  }
  void remove_xattr(InodeId id, std::string name, Done<void> done) override {
    with_inode(id, std::move(done), [&](const InodePtr& inode, Done<void> reply) {
      properties_.remove_xattr(inode, name, std::move(reply));
    });
  }

  void statfs(Done<FileSystemStats> done) override {
    // A bucket has no size: as much as programs can count without overflow is free.
    constexpr uint64_t plenty = 1ULL << 60;
    done(FileSystemStats{.total_bytes = plenty,
                         .free_bytes = plenty,
                         .files = 1ULL << 40,
                         .free_files = 1ULL << 40});
  }

  void shutdown(std::chrono::milliseconds limit,
                Callback<void(std::vector<std::string>)> done) override {
    core_->stopping = true;
    archived_.end();
    committer_.commit_all(limit, std::move(done));
  }

 private:
  static FileHandle* file(HandleId handle) { return reinterpret_cast<FileHandle*>(handle); }

  template <typename T, typename F>
  void with_known(InodeId id, Done<T> done, F&& action) {
    InodePtr inode;
    {
      const MutexLock lock(core_->tree.mutex);
      inode = core_->tree.find(id);
    }
    if (inode == nullptr)
      return done(Error(Code::changed, "an inode number that is not known any more"));
    action(inode, std::move(done));
  }

  /// What has vanished can do nothing by its number; what programs have open goes on by its handle.
  template <typename T, typename F>
  void with_inode(InodeId id, Done<T> done, F&& action) {
    with_known(id, std::move(done), [&](const InodePtr& inode, Done<T> reply) {
      if (has_vanished(inode)) return reply(Tree::gone(*inode));
      action(inode, std::move(reply));
    });
  }

  template <typename T, typename F>
  void with_directory(InodeId id, Done<T> done, F&& action) {
    with_inode(id, std::move(done), [&](const InodePtr& inode, Done<T> reply) {
      if (inode->type != FileType::directory) return reply(Error(Code::not_a_directory));
      action(inode, std::move(reply));
    });
  }

  void look_up(const InodePtr& directory, const std::string& name, bool again, Done<Entry> done) {
    auto found = [this, directory, name, again,
                  done = std::move(done)](Result<InodePtr> inode) mutable {
      if (!inode) return done(inode.error());
      if (core_->turns.expected({directory->id, name}) && is_leaving_file(*inode)) {
        return core_->when_name_settled(
            *inode, [this, directory, name, again, done = std::move(done)]() mutable {
              look_up(directory, name, again, std::move(done));
            });
      }
      core_->turns.told({directory->id, name});
      auto answer = [this, directory, name, again,
                     done = std::move(done)](Result<Entry> entry) mutable {
        // What was found turned out to be of another type, and the name has another inode now.
        if (!entry && entry.code() == Code::changed && again)
          return look_up(directory, name, false, std::move(done));
        done(std::move(entry));
      };
      with_attributes(*inode, Done<Entry>(std::move(answer)),
                      [](Tree& tree, const InodePtr& known)
                          REQUIRES(tree.mutex) { return tree.entry(known); });
    };
    resolver_.resolve(directory, name, std::move(found));
  }

  bool has_vanished(const InodePtr& inode) const {
    const MutexLock lock(core_->tree.mutex);
    return inode->vanished();
  }

  bool is_leaving_file(const InodePtr& inode) const {
    const MutexLock lock(core_->tree.mutex);
    return inode->type == FileType::file && inode->claims.leaving();
  }

  /// Whether programs may go on with what has lost its name. Who is in a directory needs its
  /// attributes to leave it.
  static bool goes_on(const Inode& inode) {
    return inode.handles > 0 || (inode.vanished() && inode.type == FileType::directory);
  }
  bool in_use(const InodePtr& inode) const {
    const MutexLock lock(core_->tree.mutex);
    return goes_on(*inode);
  }

  /// Answers with what `make` makes of the tree once the inode's attributes are known; changed
  /// where it has vanished by then.
  template <typename T, typename Make>
  void with_attributes(const InodePtr& inode, Done<T> done, Make make) {
    attributes_.ensure(inode, [core = core_, inode, make,
                               done = std::move(done)](const Result<void>& known) mutable {
      if (!known) return done(known.error());
      std::optional<T> answer;
      {
        const MutexLock lock(core->tree.mutex);
        // clang 14 looks for the lock in `make` itself unless the call is spelt out.
        const bool usable =
            !inode->vanished() || (std::is_same_v<T, Attributes> && goes_on(*inode));
        if (usable) answer = make.operator()(core->tree, inode);
      }
      if (!answer) return done(Tree::gone(*inode));
      done(std::move(*answer));
    });
  }

  const std::shared_ptr<FsCore> core_;
  AttributeLoader attributes_;
  DirectoryLoader loader_;
  DirectoryReads directories_;
  Resolver resolver_;
  Committer committer_;
  Lease lease_;
  JournalledRenames renames_;
  Recovery recovery_;
  DeletedFiles deleted_;
  ArchivedReads archived_;
  FileReads reads_;
  FileOperations files_;
  AttributeOperations properties_;
  const ChangeParts changes_;
};

}  // namespace

std::unique_ptr<MountedFileSystem> make_file_system(FileSystemParts parts,
                                                    const std::string& prefix,
                                                    const MountOptions& mount,
                                                    const MetadataOptions& asked) {
  MetadataOptions metadata = asked;
  if (metadata.memory == 0) metadata.memory = default_metadata_memory();
  std::string& id = parts.identity.id;
  std::random_device random;
  if (id.empty()) id = fmt::format("{:08x}{:08x}", random(), random());
  return std::make_unique<FileSystemImpl>(
      std::make_shared<FsCore>(std::move(parts), prefix, mount, metadata));
}

}  // namespace penstock
