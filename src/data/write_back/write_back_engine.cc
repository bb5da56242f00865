// SPDX-License-Identifier: Apache-2.0
#include "data/write_back/write_back_engine.h"

#include <future>
#include <map>
#include <utility>

#include "data/write_back/pending_file.h"
#include "data/write_back/pending_metadata.h"

namespace penstock {
namespace {

/// What the file system holds of a pending file.
class PendingWriter final : public FileWriter {
 public:
  explicit PendingWriter(std::shared_ptr<PendingFile> file) : file_(std::move(file)) {}
  ~PendingWriter() override { file_->close(); }

  void change(const Change& change, Done<uint64_t> done) override {
    file_->change(change, std::move(done));
  }
  // NOLINTNEXTLINE(performance-unnecessary-value-param): as in FileBytes.
  void copy_parts(uint64_t, CopySource, Done<uint64_t> done) override { done(0); }
  uint64_t until_part(uint64_t) const override { return UINT64_MAX; }
  void expect_reads() override {}  // the journal has all that is not in the store
  std::optional<uint64_t> seek(uint64_t offset, bool hole) override {
    return file_->seek(offset, hole);
  }
  void read(ByteRange range, std::stop_token cancel, Done<Slices> done) override {
    file_->read(range, std::move(cancel), std::move(done));
  }
  void commit(Done<ObjectInfo> done) override { file_->commit(std::move(done)); }
  bool rename(const NewName& name, FileDurability* replaced, Deferred&) override {
    if (!file_->rename(name.key)) return false;
    if (replaced != nullptr) file_->inherit(replaced->bequeath());
    return true;
  }
  Inheritance bequeath() override { return file_->bequeath(); }
  void abandon(Callback<void()> done) override {
    file_->close();
    done();
  }
  uint64_t size() const override { return file_->size(); }
  bool dirty() const override { return file_->dirty(); }
  std::optional<ObjectInfo> base() const override { return file_->base(); }
  void base_moved(const std::string& key, const ETag& etag) override {
    file_->base_moved(key, etag);
  }

  void persist(NextObject request, Done<bool> done) override {
    file_->persist(std::move(request), [done = std::move(done)](const Result<void>& kept) mutable {
      done(kept ? Result<bool>(true) : Result<bool>(kept.error()));
    });
  }
  void persist_name(NextObject request, Done<void> done) override {
    file_->persist_name(std::move(request), std::move(done));
  }
  uint64_t owed() const override { return file_->owed(); }
  void hold(Done<Held> done) override {
    file_->hold([done = std::move(done)](const Result<bool>& sent) mutable {
      done(sent && !*sent ? Held::unsent : Held::maybe_sent);
    });
  }
  void release() override { file_->release(); }
  void doom(Done<void> done) override { file_->doom(std::move(done)); }
  void disclaim(Done<void> done) override { file_->disclaim(std::move(done)); }

 private:
  const std::shared_ptr<PendingFile> file_;
};

class WriteBackEngineImpl final : public WriteBackEngine {
 public:
  WriteBackEngineImpl(WriteBackParts parts, bool journal_new)
      : core_(std::move(parts)), journal_new_(journal_new) {}
  ~WriteBackEngineImpl() override { core_.gate.wait(); }

  std::shared_ptr<FileWriter> open(NewName name, std::optional<WriteBase> base,
                                   Metadata initial) override {
    if (!journal_new_)
      return core_.parts.direct.open(std::move(name), std::move(base), std::move(initial));
    return std::make_shared<PendingWriter>(std::make_shared<PendingFile>(
        core_, std::move(name.key), std::move(base), std::move(initial)));
  }

  std::vector<RestoredFile> restore(Journal::Left left) override {
    std::map<uint64_t, JournalUpload> uploads = sort(left.uploads);
    drop_replaced(left.files);
    std::erase_if(left.files,
                  [this](JournalState& state) { return doomed(state) && remove(state); });
    std::vector<RestoredFile> restored;
    for (JournalState& state : left.files) {
      std::optional<JournalUpload> upload;
      const auto found = uploads.find(state.file);
      if (found != uploads.end() && found->second.key == state.key) {
        upload = std::move(found->second);
        uploads.erase(found);
      }
      RestoredFile file{.key = state.key,
                        .metadata = state.metadata,
                        .in_store = state.base.has_value() || !state.replaces.empty(),
                        .etag = state.base ? state.base->etag : state.replaces,
                        .since_ns = state.since_ns,
                        .writer = nullptr};
      file.writer = std::make_shared<PendingWriter>(
          std::make_shared<PendingFile>(core_, std::move(state), std::move(upload)));
      restored.push_back(std::move(file));
    }
    for (const auto& [number, upload] : uploads) abort(upload);
    for (const JournalDamage& damage : left.damaged) {
      core_.parts.log->error(
          "'{}' was written and not uploaded before the last mount ended, and its bytes in the "
          "journal are damaged ({}): it is not restored. What is left of it stays in the journal.",
          damage.key, damage.reason);
    }
    return restored;
  }

 private:
  /// Finishes the deletion during which a mount ended. False: it cannot be done now; the file is
  /// there again.
  bool remove(const JournalState& state) {
    std::promise<bool> removed;
    const auto end = [&](bool gone) {
      if (gone) core_.parts.journal.forget(state.file, [](const Result<void>&) {});
      removed.set_value(gone);
    };
    core_.parts.store.head({.key = state.key, .cancel = {}}, [&](const Result<ObjectInfo>& found) {
      if (!found) return end(found.code() == Code::not_found);
      const ETag& known = state.base ? state.base->etag : state.replaces;
      const bool ours = found->metadata && mark_of(*found->metadata) == mark_of(state.metadata);
      // What somebody else has put there since is theirs.
      if (found->etag != known && !ours) return end(true);
      core_.parts.store.remove(state.key, [&](const Result<void>& done) { end(done.has_value()); });
    });
    return removed.get_future().get();
  }

  /// Of several with one key the last counts: it was renamed over the others, and the mount ended
  /// before those were let go.
  void drop_replaced(std::vector<JournalState>& files) {
    std::map<std::string, uint64_t> last;
    for (const JournalState& state : files) last[state.key] = state.file;
    std::erase_if(files, [&](const JournalState& state) {
      if (last.at(state.key) == state.file) return false;
      core_.parts.journal.forget(state.file, [](const Result<void>&) {});
      return true;
    });
  }

  /// The last upload of each file, after the others were aborted.
  std::map<uint64_t, JournalUpload> sort(const std::vector<JournalUpload>& all) {
    std::map<std::string, JournalUpload> last;  // what was said last of an upload counts
    for (const JournalUpload& upload : all) last[upload.upload_id] = upload;
    std::map<uint64_t, JournalUpload> by_file;
    for (const JournalUpload& upload : all) {
      const auto found = last.find(upload.upload_id);
      if (found == last.end()) continue;
      JournalUpload known = std::move(found->second);
      last.erase(found);
      if (known.file == 0) {
        abort(known);
      } else if (const auto before = by_file.find(known.file); before != by_file.end()) {
        abort(std::exchange(before->second, std::move(known)));
      } else {
        const uint64_t number = known.file;
        by_file.emplace(number, std::move(known));
      }
    }
    return by_file;
  }

  /// Nobody goes on with it, whatever becomes of the request.
  void abort(const JournalUpload& upload) {
    core_.parts.journal.upload_began(
        {.file = 0, .key = upload.key, .upload_id = upload.upload_id, .metadata = {}});
    core_.parts.store.abort_upload(
        upload.key, upload.upload_id,
        [this, pass = core_.gate.pass(), id = upload.upload_id](const Result<void>& aborted) {
          if (aborted || aborted.code() == Code::not_found) core_.parts.journal.upload_ended(id);
        });
  }

  WriteBackCore core_;
  const bool journal_new_;
};

}  // namespace

std::unique_ptr<WriteBackEngine> make_write_back_engine(WriteBackParts parts, bool journal_new) {
  return std::make_unique<WriteBackEngineImpl>(std::move(parts), journal_new);
}

}  // namespace penstock
