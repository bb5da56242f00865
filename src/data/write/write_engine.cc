// SPDX-License-Identifier: Apache-2.0
#include "data/write/write_engine.h"

#include <utility>

#include "data/write/file_writer_impl.h"
#include "data/write/write_core.h"

namespace penstock {
namespace {

/// What the file system holds: lets go of the file's upload when the last holder lets go of it.
class FileWriterHandle final : public DirectFileWriter {
 public:
  explicit FileWriterHandle(std::shared_ptr<FileWriterImpl> file) : file_(std::move(file)) {}
  ~FileWriterHandle() override { file_->close(); }

  void change(const Change& change, Done<uint64_t> done) override {
    file_->change(change, std::move(done));
  }
  std::optional<uint64_t> seek(uint64_t offset, bool hole) override {
    return file_->seek(offset, hole);
  }
  void copy_parts(uint64_t offset, CopySource source, Done<uint64_t> done) override {
    file_->copy_parts(offset, std::move(source), std::move(done));
  }
  uint64_t until_part(uint64_t offset) const override { return file_->until_part(offset); }
  void read(ByteRange range, std::stop_token cancel, Done<Slices> done) override {
    file_->read(range, std::move(cancel), std::move(done));
  }
  void persist(NextObject request, Done<bool> done) override {
    file_->ask(std::move(request));
    done(false);
  }
  void persist_name(NextObject request, Done<void> done) override {
    file_->ask(std::move(request));
    done({});
  }
  void commit(Done<ObjectInfo> done) override { file_->commit(std::move(done)); }
  void commit_as(CommitRequest request, Done<ObjectInfo> done) override {
    file_->commit_as(std::move(request), std::move(done));
  }
  bool rename(const NewName& name, FileDurability* replaced, Deferred& after) override {
    // The journal lets go of what it has under the name when the name's next file is promised: of
    // this one nothing will be.
    return (replaced == nullptr || !replaced->pending()) && file_->rename(name, after);
  }
  Inheritance bequeath() override { return {}; }
  void expect_reads() override { file_->expect_reads(); }
  void abandon(Callback<void()> done) override { file_->abandon(std::move(done)); }
  void try_again() override { file_->try_again(); }
  void write_block(uint64_t offset, std::shared_ptr<Buffer> block, Done<void> done) override {
    const std::span<const std::byte> data(block->data(), block->size());
    file_->change(
        {.kind = Change::Kind::write, .offset = offset, .data = data, .block = std::move(block)},
        [done = std::move(done)](const Result<uint64_t>& at) mutable {
          done(at ? Result<void>() : Result<void>(at.error()));
        });
  }
  uint64_t size() const override { return file_->size(); }
  bool dirty() const override { return file_->dirty(); }
  uint64_t owed() const override { return 0; }
  std::optional<ObjectInfo> base() const override { return file_->base(); }
  void base_moved(const std::string& key, const ETag& etag) override {
    file_->base_moved(key, etag);
  }
  // What is in the unfinished upload is nowhere else.
  void hold(Done<Held> done) override { done(Held::no); }
  void release() override {}
  void doom(Done<void> done) override { done({}); }
  void disclaim(Done<void> done) override { done({}); }

 private:
  const std::shared_ptr<FileWriterImpl> file_;
};

class WriteEngineImpl final : public DirectWriteEngine {
 public:
  WriteEngineImpl(WriteEngineParts parts, WriteOptions options)
      : core_(std::move(parts), std::move(options)) {
    core_.memory->start();
  }
  ~WriteEngineImpl() override {
    core_.gate.wait();
    core_.memory->stop();
  }

  std::shared_ptr<FileWriter> open(NewName name, std::optional<WriteBase> base,
                                   Metadata initial) override {
    return make(std::move(name), std::move(base), std::move(initial), nullptr);
  }

  std::shared_ptr<DirectFileWriter> begin(std::string key, std::optional<WriteBase> base,
                                          Metadata initial,
                                          std::shared_ptr<UploadRegistry> uploads) override {
    return make({.key = std::move(key)}, std::move(base), std::move(initial), std::move(uploads));
  }

  std::shared_ptr<DirectFileWriter> resume(std::string key, LeftUpload upload,
                                           std::shared_ptr<UploadRegistry> uploads,
                                           std::vector<ByteRange>& kept) override {
    auto file =
        std::make_shared<FileWriterImpl>(core_, NewName{.key = std::move(key)}, std::nullopt,
                                         Metadata(upload.metadata), std::move(uploads));
    core_.memory->join(file);
    kept = file->resume(std::move(upload));
    return std::make_shared<FileWriterHandle>(std::move(file));
  }

  uint64_t first_part_size() const override { return core_.layout.first_part_size(); }
  uint64_t block_size() const override { return core_.layout.block_size(); }
  std::shared_ptr<Buffer> new_block() override {
    return core_.parts.buffers.allocate(block_size(), Reservation());
  }

 private:
  std::shared_ptr<DirectFileWriter> make(NewName name, std::optional<WriteBase> base,
                                         Metadata initial,
                                         std::shared_ptr<UploadRegistry> uploads) {
    auto file = std::make_shared<FileWriterImpl>(core_, std::move(name), std::move(base),
                                                 std::move(initial), std::move(uploads));
    core_.memory->join(file);
    return std::make_shared<FileWriterHandle>(std::move(file));
  }

  WriteCore core_;
};

}  // namespace

std::unique_ptr<DirectWriteEngine> make_write_engine(WriteEngineParts parts, WriteOptions options) {
  return std::make_unique<WriteEngineImpl>(std::move(parts), std::move(options));
}

}  // namespace penstock
