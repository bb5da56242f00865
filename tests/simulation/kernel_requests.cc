// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "simulation/kernel.h"

namespace penstock::sim {
namespace {

Nanos to_nanos(double seconds) { return static_cast<Nanos>(seconds * 1e9); }

}  // namespace

Kernel::Kernel(World& the_world, int node, GroupPtr group, KernelWatcher& watcher,
               FuseContext& context, int fuse_threads)
    : number(node),
      world(the_world),
      group_(std::move(group)),
      watcher_(watcher),
      context_(context),
      operations_(fuse_operations()),
      fuse_(world, group_, "fuse", fuse_threads),
      root_(std::make_shared<KNode>()) {
  root_->id = FUSE_ROOT_ID;
  root_->attributes.st_mode = S_IFDIR | 0755;
  root_->users = 1;
}

std::string Kernel::path_of(const KNode& node) const {
  std::string path;
  const KNode* at = &node;
  std::vector<KNodePtr> keep;
  while (at != root_.get()) {
    path = path.empty() ? at->name : at->name + "/" + path;
    keep.push_back(at->parent.lock());
    if (keep.back() == nullptr) break;
    at = keep.back().get();
  }
  return path;
}

bool Kernel::reaches_root(const KNode& node) const {
  KNodePtr above = node.parent.lock();
  const KNode* at = &node;
  while (at != root_.get() && above != nullptr) {
    at = above.get();
    above = at->parent.lock();
  }
  return at == root_.get();
}

std::string Kernel::path_of(const KNode& directory, const std::string& name) const {
  const std::string path = path_of(directory);
  return path.empty() ? name : path + "/" + name;
}

Answer Kernel::request(Process* process, const char* operation, std::string text, Send send) {
  // Kept to the end of the run: an answer that comes twice, or late, is to be seen.
  auto* request = new fuse_req;
  request->operation = operation;
  request->text = std::move(text);
  request->userdata = static_cast<FuseContext*>(&context_);
  // The programs are root's: permissions are not what is tested here.
  request->caller.pid = process == nullptr ? 0 : process->number;
  if (process != nullptr) {
    process->waiting = request;
    request->being_stopped = process->being_stopped;
    request->interrupted = process->being_stopped;
  }
  world.trace("  n{} {} {}", number, operation, request->text);
  ++under_way_;
  fuse_.post([request, send = std::move(send)]() mutable { send(request); });
  while (!request->answered) world.wait(request->done);
  --under_way_;
  if (process != nullptr) process->waiting = nullptr;
  return std::move(request->answer);
}

Answer Kernel::locked_request(Process& process, const char* operation,
                              std::vector<std::string> paths, bool below, Send send) {
  std::string text;
  for (const std::string& path : paths) text += (text.empty() ? "" : " ") + path;
  const uint64_t licence = watcher_.may_change(number, std::move(paths), below);
  Answer answer = request(&process, operation, std::move(text), std::move(send));
  watcher_.may_change_no_more(licence);
  return answer;
}

KNodePtr Kernel::take(const fuse_entry_param& entry, uint64_t version) {
  KNodePtr& node = nodes_[entry.ino];
  if (entry.ino == FUSE_ROOT_ID)
    violation("the root as an entry", "a lookup was answered with the root's number");
  if (node == nullptr) {
    node = std::make_shared<KNode>();
    node->id = entry.ino;
    node->attributes = entry.attr;
    node->attributes_version = 0;
  }
  ++node->lookups;
  const KNodePtr taken = node;
  change_attributes(*taken, entry.attr, entry.attr_timeout, version);
  return taken;
}

void Kernel::change_attributes(KNode& node, const struct stat& attributes, double timeout,
                               uint64_t version) {
  if ((version != 0 && node.attributes_version > version) || node.size_unstable) return;
  // The kernel would give the node up, for all who have it.
  if (((node.attributes.st_mode ^ attributes.st_mode) & S_IFMT) != 0)
    violation("another type",
              fmt::format("'{}' was of type {:o} and is {:o}", path_of(node),
                          node.attributes.st_mode & S_IFMT, attributes.st_mode & S_IFMT));
  const uint64_t old_size = node.size();
  node.attributes_version = ++attribute_version_;
  node.attributes = attributes;
  node.attributes_expire = world.now() + to_nanos(timeout);
  if (!node.directory() && old_size != node.size()) cut_pages(node, node.size());
}

void Kernel::queue_forget(fuse_ino_t node, uint64_t count) {
  auto* request = new fuse_req;
  request->operation = "forget";
  request->userdata = static_cast<FuseContext*>(&context_);
  fuse_.post([this, request, node, count] { operations_.forget(request, node, count); });
}

void Kernel::place(const KNodePtr& directory, const std::string& name, const KNodePtr& node,
                   double timeout) {
  const auto old = directory->children.find(name);
  if (old != directory->children.end() && old->second.node != node) drop_dentry(*directory, name);
  if (node != nullptr) {
    // A directory has one dentry; a file is treated alike, for there are no hard links.
    if (node->hashed) {
      if (const KNodePtr before = node->parent.lock();
          before != nullptr && (before != directory || node->name != name)) {
        const auto stale = before->children.find(node->name);
        if (stale != before->children.end() && stale->second.node == node)
          before->children.erase(stale);
      }
    }
    node->parent = directory;
    node->name = name;
    node->hashed = true;
    node->deleted = false;
  }
  directory->children[name] = {node, world.now() + to_nanos(timeout)};
}

void Kernel::drop_below(KNode& directory) {
  while (!directory.children.empty())
    drop_dentry(directory, std::string(directory.children.begin()->first));
}

void Kernel::drop_dentry(KNode& directory, const std::string& name) {
  const auto found = directory.children.find(name);
  if (found == directory.children.end()) return;
  const KNodePtr node = found->second.node;
  directory.children.erase(found);
  if (node == nullptr) return;
  node->hashed = false;
  drop_below(*node);
  maybe_evict(node);
}

void Kernel::maybe_evict(const KNodePtr& node) {
  if (node == nullptr || node == root_ || node->users > 0 || node->hashed ||
      !node->children.empty() || node->lookups == 0)
    return;
  // Whoever is below and in use holds it, also by a name that is not cached any more.
  for (const auto& [id, other] : nodes_) {
    if (other != node && other->parent.lock() == node) return;
  }
  const KNodePtr above = node->parent.lock();
  if (!node->pages.empty()) node->pages.clear();
  nodes_.erase(node->id);
  queue_forget(node->id, node->lookups);
  node->lookups = 0;
  node->parent.reset();
  maybe_evict(above);
}

void Kernel::unuse(const KNodePtr& node) {
  --node->users;
  maybe_evict(node);
}

void Kernel::reclaim(uint64_t one_in, bool pages) {
  std::vector<std::pair<KNodePtr, std::string>> leaves;
  std::vector<KNodePtr> all{root_};
  for (const auto& [id, node] : nodes_) all.push_back(node);
  for (const KNodePtr& node : all) {
    if (pages && !node->lock.locked())
      std::erase_if(node->pages, [](const auto& page) { return !page.second.dirty; });
    for (const auto& [name, dentry] : node->children) {
      const KNodePtr& child = dentry.node;
      if (child == nullptr || (child->users == 0 && child->children.empty() &&
                               child->mapped.empty() && !child->lock.locked()))
        leaves.emplace_back(node, name);
    }
  }
  for (const auto& [directory, name] : leaves) {
    if (world.chance("reclaim " + std::to_string(number), one_in)) drop_dentry(*directory, name);
  }
}

void Kernel::forget_all() {
  drop_below(*root_);
  const std::map<fuse_ino_t, KNodePtr> left = nodes_;
  for (const auto& [id, node] : left) maybe_evict(node);
}

int Kernel::inval_inode(fuse_ino_t id, off_t offset, off_t) {
  world.trace("  n{} told: inval_inode {} {}", number, id, offset);
  const auto found = id == FUSE_ROOT_ID ? nodes_.end() : nodes_.find(id);
  const KNodePtr node = id == FUSE_ROOT_ID      ? root_
                        : found == nodes_.end() ? nullptr
                                                : found->second;
  if (node == nullptr) return -ENOENT;
  node->attributes_version = ++attribute_version_;
  invalid(*node);
  if (offset >= 0) {
    write_dirty(*node);
    drop_pages(*node, 0, UINT64_MAX);
  }
  return 0;
}

int Kernel::inval_entry(fuse_ino_t id, const std::string& name) {
  const auto found = id == FUSE_ROOT_ID ? nodes_.end() : nodes_.find(id);
  const KNodePtr node = id == FUSE_ROOT_ID      ? root_
                        : found == nodes_.end() ? nullptr
                                                : found->second;
  if (node == nullptr) return -ENOENT;
  world.trace("  n{} told: inval_entry {}", number, path_of(*node, name));
  const FiberGuard guard(node->lock);
  if (!node->children.contains(name)) return -ENOENT;
  invalid(*node);
  drop_dentry(*node, name);
  return 0;
}

void Kernel::interrupt(Process& process) {
  process.being_stopped = true;
  fuse_req* request = process.waiting;
  if (request == nullptr || request->answered || request->interrupted) return;
  request->interrupted = true;
  request->being_stopped = true;
  fuse_.post([request] {
    if (!request->answered && request->on_interrupt != nullptr)
      request->on_interrupt(request, request->interrupt_data);
  });
}

}  // namespace penstock::sim
