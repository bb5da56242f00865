// SPDX-License-Identifier: Apache-2.0
#include "store/dir/dir_listing.h"

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

// Keys of .penstock/odd as entries of a listing: in order, each common prefix once.
class OddEntries {
 public:
  OddEntries(std::vector<std::string> keys, const ListRequest& request, const std::string& after)
      : keys_(std::move(keys)), request_(request), after_(after) {}

  std::optional<ListedEntry> next() {
    while (next_ < keys_.size()) {
      const std::string& key = keys_[next_++];
      const size_t slash =
          request_.by_directory ? key.find('/', request_.prefix.size()) : std::string::npos;
      if (slash == std::string::npos) return ListedEntry{key, false, std::nullopt, false};
      std::string rolled = key.substr(0, slash + 1);
      if (rolled <= after_ || rolled == last_) continue;
      last_ = rolled;
      return ListedEntry{std::move(rolled), true, std::nullopt, false};
    }
    return std::nullopt;
  }

 private:
  const std::vector<std::string> keys_;
  const ListRequest& request_;
  const std::string& after_;
  size_t next_ = 0;
  std::string last_;
};

// Two listings in order made one. Of two entries with the same name the plain one goes first, as
// for DirTree::find.
class MergedEntries {
 public:
  MergedEntries(DirWalk& plain, OddEntries& odd) : plain_(plain), odd_(odd) {}

  Result<std::optional<ListedEntry>> next() {
    if (std::exchange(need_plain_, false)) {
      auto entry = plain_.next();
      if (!entry) return entry;
      plain_head_ = std::move(*entry);
    }
    if (std::exchange(need_odd_, false)) odd_head_ = odd_.next();
    if (!plain_head_ && !odd_head_) return std::optional<ListedEntry>();
    need_plain_ = plain_head_ && (!odd_head_ || plain_head_->name <= odd_head_->name);
    need_odd_ = odd_head_ && (!plain_head_ || odd_head_->name <= plain_head_->name);
    const bool take_odd = !need_plain_ || (need_odd_ && plain_head_->unmarked);
    return std::optional(std::move(take_odd ? *odd_head_ : *plain_head_));
  }

 private:
  DirWalk& plain_;
  OddEntries& odd_;
  std::optional<ListedEntry> plain_head_;
  std::optional<ListedEntry> odd_head_;
  bool need_plain_ = true;
  bool need_odd_ = true;
};

}  // namespace

Result<ListPage> DirListing::list(const ListRequest& request) {
  if (request.max_keys < 1 || request.max_keys > 1000) {
    return key_error(Code::invalid_argument, request.prefix, "a page has 1 to 1,000 keys");
  }
  const std::string& after =
      request.continuation.empty() ? request.start_after : request.continuation;
  DirWalk plain(tree_, cache_, request, after);
  if (auto started = plain.start(); !started) return started.error();
  auto odd_sorted = odd_keys(request.prefix, after);
  if (!odd_sorted) return odd_sorted.error();
  OddEntries odd(std::move(*odd_sorted), request, after);
  MergedEntries entries(plain, odd);

  ListPage page;
  std::string last;
  while (true) {
    if (request.cancel.stop_requested())
      return key_error(Code::cancelled, request.prefix, "cancelled");
    auto entry = entries.next();
    if (!entry) return entry.error();
    if (!*entry) return page;
    ListedEntry& line = **entry;
    if (!line.rolled && !line.info) {
      auto found = tree_.find(line.name, false);
      if (!found && found.code() == Code::not_found) continue;
      if (!found) return found.error();
      line.info = std::move(found->info);
      line.info->metadata.reset();
    }
    if (page.objects.size() + page.common_prefixes.size() == request.max_keys) {
      page.continuation = last;
      return page;
    }
    last = line.name;
    if (line.rolled) {
      page.common_prefixes.push_back(std::move(line.name));
    } else {
      page.objects.push_back(std::move(*line.info));
    }
  }
}

Result<std::vector<std::string>> DirListing::odd_keys(const std::string& prefix,
                                                      const std::string& after) {
  std::vector<std::string> keys;
  std::vector<std::string> path = {private_folder, odd_folder};
  if (auto added = add_odd_keys(path, "", prefix, keys); !added) return added.error();
  std::erase_if(keys,
                [&](const std::string& key) { return !key.starts_with(prefix) || key <= after; });
  std::sort(keys.begin(), keys.end());
  return keys;
}

Result<void> DirListing::add_odd_keys(std::vector<std::string>& path, const std::string& bytes,
                                      const std::string& prefix, std::vector<std::string>& keys) {
  int error = 0;
  const Fd folder = tree_.open_folder(path, false, error);
  if (!folder && is_no_such_path(error)) return {};
  const auto names = folder ? cache_.read(folder.get(), false, error) : nullptr;
  if (names == nullptr) return errno_error(error, "reading the keys that are no paths", prefix);
  for (const std::string& name : *names) {
    if (!name.ends_with('/')) {
      if (const auto rest = odd_file_bytes(name)) keys.push_back(bytes + *rest);
      continue;
    }
    const std::string bare = name.substr(0, name.size() - 1);
    const auto piece = odd_folder_bytes(bare);
    if (!piece) continue;
    const std::string longer = bytes + *piece;
    const size_t common = std::min(longer.size(), prefix.size());
    if (longer.compare(0, common, prefix, 0, common) != 0) continue;
    path.push_back(bare);
    auto added = add_odd_keys(path, longer, prefix, keys);
    path.pop_back();
    if (!added) return added;
  }
  return {};
}

}  // namespace penstock
