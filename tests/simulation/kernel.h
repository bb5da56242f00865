// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "frontend/fuse_ops.h"
#include "simulation/fuse_calls.h"
#include "simulation/pool.h"
#include "simulation/world.h"

namespace penstock::sim {

struct KNode;
using KNodePtr = std::shared_ptr<KNode>;

/// A name that the kernel has cached: of a node, or that there is none.
struct Dentry {
  KNodePtr node;  ///< Null: the name does not exist.
  Nanos expires = 0;
};

struct Page {
  std::string bytes;  ///< A whole page, zeros behind the end of the file.
  bool dirty = false;
};

/// The kernel's inode.
struct KNode {
  fuse_ino_t id = 0;
  uint64_t lookups = 0;
  struct stat attributes {};
  Nanos attributes_expire = 0;
  uint64_t attributes_version = 0;
  bool size_unstable = false;
  FiberLock lock;
  std::map<std::string, Dentry> children;
  std::map<uint64_t, Page> pages;
  uint64_t pages_dropped = 0;  ///< How often some were: what a READ under way brings is old.
  std::set<uint64_t> locked;   ///< Pages of a READ, or of a WRITE that fills none of them whole.
  Signal unlocked;
  /// Held by a WRITE of a page, and while the file is truncated: no page is written then.
  FiberLock page_writes;
  bool advise_plus = false;
  // Where its only dentry is; a root's, or a dropped one's, stays as it was last.
  std::weak_ptr<KNode> parent;
  std::string name;
  bool hashed = false;                   ///< Its dentry is in `parent`.
  uint32_t users = 0;                    ///< Open files, working directories.
  bool deleted = false;                  ///< unlink or rmdir here took the name away.
  std::vector<struct OpenFile*> mapped;  ///< Handles with writable shared mappings.

  bool directory() const { return S_ISDIR(attributes.st_mode); }
  bool link() const { return S_ISLNK(attributes.st_mode); }
  uint64_t size() const { return static_cast<uint64_t>(attributes.st_size); }
};

/// The kernel's open file; several descriptors, of several processes, may share it.
struct OpenFile {
  uint64_t number = 0;
  KNodePtr node;
  int flags = 0;
  uint64_t handle = 0;
  bool direct = false;
  bool noflush = false;
  uint64_t position = 0;
  uint32_t descriptors = 0;
  uint32_t mappings = 0;
  bool directory = false;
  bool created = false;  ///< By CREATE, which may also have opened what was there.
  // A directory's: what was read and not given out yet.
  std::vector<PackedEntry> entries;
  off_t cookie = 0;
  bool at_end = false;

  bool writes() const { return (flags & O_ACCMODE) != O_RDONLY; }
  bool reads() const { return (flags & O_ACCMODE) != O_WRONLY; }
};
using OpenFilePtr = std::shared_ptr<OpenFile>;

/// A process with one thread.
struct Process {
  int number = 0;
  KNodePtr cwd;
  Nanos cwd_since = 0;
  std::map<int, OpenFilePtr> files;  ///< By the program's own numbers.
  bool being_stopped = false;
  fuse_req* waiting = nullptr;  ///< The request that it waits for.
};

/// Who watches what programs ask of the file system, for the rules that answers must keep.
class KernelWatcher {
 public:
  virtual ~KernelWatcher() = default;
  /// A request that may change these paths is sent; `below`: also everything under them.
  virtual uint64_t may_change(int node, std::vector<std::string> paths, bool below) = 0;
  virtual void may_change_no_more(uint64_t id) = 0;
  /// A page that was changed through a mapping is sent through this handle, and these are its
  /// bytes. What is returned is told the answer.
  virtual Callback<void(int error)> page_written(int node, const OpenFile& file, uint64_t at,
                                                 std::string bytes) = 0;
};

/// A model of the Linux kernel's side of FUSE (6.6, with what src/frontend asks for): dentries and
/// attributes with their time to live, page cache, references, locks, open files. Each method that
/// is a system call runs in the fiber of its program and returns an errno, 0 for success.
class Kernel final : public KernelBoundary {
 public:
  Kernel(World& world, int node, GroupPtr group, KernelWatcher& watcher, FuseContext& context,
         int fuse_threads);

  const int number;
  World& world;
  KNodePtr root() const { return root_; }
  /// Where the kernel takes the node to be, relative to the mountpoint ("" for it).
  /// As far as the kernel knows it: see reaches_root().
  std::string path_of(const KNode& node) const;
  /// Not where it has dropped the name of the node or of a folder above it.
  bool reaches_root(const KNode& node) const;
  std::string path_of(const KNode& directory, const std::string& name) const;

  // System calls. Paths are relative to `start` (the root or a directory). Programs follow no
  // symbolic links (O_NOFOLLOW, lstat).
  int stat(Process& process, const KNodePtr& start, const std::string& path, struct stat& out);
  int fstat(Process& process, OpenFile& file, struct stat& out);
  int open(Process& process, const KNodePtr& start, const std::string& path, int flags,
           OpenFilePtr& out);
  int read(Process& process, OpenFile& file, uint64_t offset, size_t size, std::string& out);
  /// `at` is where the bytes went. Negative offset: at the end (O_APPEND).
  int write(Process& process, OpenFile& file, uint64_t offset, const std::string& bytes,
            uint64_t& at);
  int truncate(Process& process, const KNodePtr& node, OpenFile* file, uint64_t size);
  int fsync(Process& process, OpenFile& file);
  /// One descriptor is closed.
  int close(Process& process, const OpenFilePtr& file);
  int unlink(Process& process, const KNodePtr& start, const std::string& path, bool directory);
  int mkdir(Process& process, const KNodePtr& start, const std::string& path);
  int rename(Process& process, const KNodePtr& start, const std::string& from,
             const std::string& to, bool no_replace);
  int link(Process& process, const KNodePtr& start, const std::string& from, const std::string& to);
  int symlink(Process& process, const KNodePtr& start, const std::string& target,
              const std::string& path);
  int readlink(Process& process, const KNodePtr& start, const std::string& path,
               std::string& target);
  int chmod(Process& process, const KNodePtr& start, const std::string& path, mode_t mode);
  int fchmod(Process& process, OpenFile& file, mode_t mode);
  int set_xattr(Process& process, const KNodePtr& start, const std::string& path,
                const std::string& name, const std::string& value);
  int chdir(Process& process, const KNodePtr& start, const std::string& path);
  /// One getdents: names are appended. `end` where there are no more.
  int getdents(Process& process, OpenFile& file, std::vector<std::string>& names, bool& end);
  // Shared mappings.
  int map(Process& process, OpenFile& file);
  void unmap(Process& process, const OpenFilePtr& file);
  int mapped_read(Process& process, OpenFile& file, uint64_t offset, size_t size, std::string& out);
  int mapped_write(Process& process, OpenFile& file, uint64_t offset, const std::string& bytes);
  /// What is only in pages is sent, and answered.
  int write_dirty(KNode& node);
  /// Whether pages have what was not sent yet.
  static bool dirty(const KNode& node);

  /// The process is being killed: what it waits for is interrupted.
  void interrupt(Process& process);
  /// Gives back clean pages, dentries and unused nodes, as memory pressure does.
  void reclaim(uint64_t one_in, bool pages);
  /// Everything is closed: forgets all.
  void forget_all();
  /// Nodes besides the root that the kernel still refers to.
  size_t nodes() const { return nodes_.size(); }
  uint64_t requests_under_way() const { return under_way_; }

  int inval_inode(fuse_ino_t node, off_t offset, off_t length) override;
  int inval_entry(fuse_ino_t parent, const std::string& name) override;

 private:
  enum class Walk { plain, reval };
  /// What a walk is at keeps its name and its node.
  class Pin {
   public:
    explicit Pin(Kernel& kernel) : kernel_(kernel) {}
    ~Pin() { set(nullptr); }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    void set(const KNodePtr& node) {
      if (node != nullptr) ++node->users;
      if (const KNodePtr before = std::exchange(node_, node)) kernel_.unuse(before);
    }

   private:
    Kernel& kernel_;
    KNodePtr node_;
  };
  struct Found {
    explicit Found(Kernel& kernel) : pinned(kernel), held(kernel) {}
    KNodePtr directory;  ///< Of the last name.
    Pin pinned;          ///< The directory, while it is walked to and then.
    std::string name;    ///< Empty: the start itself.
    KNodePtr node;       ///< Null: no such name.
    Pin held;            ///< That node.
  };

  // kernel_requests.cc
  using Send = Callback<void(fuse_req*)>;
  Answer request(Process* process, const char* operation, std::string text, Send send);
  Answer locked_request(Process& process, const char* operation, std::vector<std::string> paths,
                        bool below, Send send);
  KNodePtr take(const fuse_entry_param& entry, uint64_t version);
  void change_attributes(KNode& node, const struct stat& attributes, double timeout,
                         uint64_t version);
  void queue_forget(fuse_ino_t node, uint64_t count);
  void place(const KNodePtr& directory, const std::string& name, const KNodePtr& node,
             double timeout);
  void drop_dentry(KNode& directory, const std::string& name);
  void drop_below(KNode& directory);
  void invalid(KNode& node) { node.attributes_expire = 0; }
  void unuse(const KNodePtr& node);
  void maybe_evict(const KNodePtr& node);

  // kernel_walk.cc
  int walk(Process& process, const KNodePtr& start, const std::string& path, Walk how, Found& out);
  int look_up(Process& process, const KNodePtr& directory, const std::string& name, Walk how,
              KNodePtr& out, bool directory_locked);
  int look_up_last(Process& process, Found& found, Walk how, bool directory_locked);
  int permission(Process& process, const KNodePtr& node);
  int make(Process& process, const Found& where, const char* operation,
           std::vector<std::string> paths, Send send);
  int refresh(Process& process, const KNodePtr& node, bool only_if_stale);
  int last(Process& process, const KNodePtr& start, const std::string& path, Walk how, Found& out);
  template <typename F>
  int again_if_stale(F&& call);

  // kernel_files.cc
  int open_node(Process& process, const KNodePtr& node, int flags, OpenFilePtr& out);
  int create(Process& process, const Found& where, int flags, OpenFilePtr& out);
  int fill_page(Process& process, OpenFile& file, uint64_t index);
  int write_page(OpenFile& file, uint64_t index);
  static void wait_for_page_writes(KNode& node) { const FiberGuard sent(node.page_writes); }
  void drop_pages(KNode& node, uint64_t first, uint64_t last);
  void cut_pages(KNode& node, uint64_t size);
  int send_write(Process* process, OpenFile& file, uint64_t offset, const std::string& bytes,
                 bool from_page);
  void release(const OpenFilePtr& file);
  int read_more_entries(Process& process, OpenFile& file);

  const GroupPtr group_;
  KernelWatcher& watcher_;
  FuseContext& context_;
  const fuse_lowlevel_ops operations_;
  Pool fuse_;
  KNodePtr root_;
  std::map<fuse_ino_t, KNodePtr> nodes_;
  uint64_t attribute_version_ = 1;
  uint64_t files_ = 0;
  uint64_t under_way_ = 0;
};

}  // namespace penstock::sim
