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

  void write(uint64_t offset, std::span<const std::byte> data, Done<void> done) override {
    file_->change({.kind = Change::Kind::write, .offset = offset, .data = data},
                  without_offset(std::move(done)));
  }
  void append(std::span<const std::byte> data, Done<uint64_t> done) override {
    file_->change({.kind = Change::Kind::append, .offset = 0, .data = data}, std::move(done));
  }
  void truncate(uint64_t size, Done<void> done) override {
    file_->change({.kind = Change::Kind::truncate, .offset = size, .data = {}},
                  without_offset(std::move(done)));
  }
  void extend(uint64_t size, Done<void> done) override {
    file_->change({.kind = Change::Kind::extend, .offset = size, .data = {}},
                  without_offset(std::move(done)));
  }
  void zero(ByteRange range, bool grows, Done<void> done) override {
    file_->change({.kind = grows ? Change::Kind::zero : Change::Kind::punch,
                   .offset = range.offset,
                   .data = {},
                   .length = range.length},
                  without_offset(std::move(done)));
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
  void commit(CommitRequest request, Done<ObjectInfo> done) override {
    file_->commit(std::move(request), std::move(done));
  }
  bool rename(const std::string& key, Deferred& after) override {
    return file_->rename(key, after);
  }
  void set_exclusive(bool exclusive) override { file_->set_exclusive(exclusive); }
  void expect_reads() override { file_->expect_reads(); }
  void abandon(Callback<void()> done) override { file_->abandon(std::move(done)); }
  void try_again() override { file_->try_again(); }
  void write_block(uint64_t offset, std::shared_ptr<Buffer> block, Done<void> done) override {
    const std::span<const std::byte> data(block->data(), block->size());
    file_->change(
        {.kind = Change::Kind::write, .offset = offset, .data = data, .block = std::move(block)},
        without_offset(std::move(done)));
  }
  uint64_t size() const override { return file_->size(); }
  bool dirty() const override { return file_->dirty(); }
  std::optional<ObjectInfo> base() const override { return file_->base(); }
  void base_moved(const std::string& key, const ETag& etag) override {
    file_->base_moved(key, etag);
  }

 private:
  static Done<uint64_t> without_offset(Done<void> done) {
    return [done = std::move(done)](const Result<uint64_t>& result) mutable {
      done(result ? Result<void>() : Result<void>(result.error()));
    };
  }

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

  std::shared_ptr<FileWriter> open(std::string key, std::optional<WriteBase> base,
                                   Metadata initial) override {
    return make(std::move(key), std::move(base), std::move(initial), nullptr);
  }

  std::shared_ptr<DirectFileWriter> begin(std::string key, std::optional<WriteBase> base,
                                          Metadata initial,
                                          std::shared_ptr<UploadRegistry> uploads) override {
    return make(std::move(key), std::move(base), std::move(initial), std::move(uploads));
  }

  std::shared_ptr<DirectFileWriter> resume(std::string key, LeftUpload upload,
                                           std::shared_ptr<UploadRegistry> uploads,
                                           std::vector<ByteRange>& kept) override {
    auto file = std::make_shared<FileWriterImpl>(core_, std::move(key), std::nullopt,
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
  std::shared_ptr<DirectFileWriter> make(std::string key, std::optional<WriteBase> base,
                                         Metadata initial,
                                         std::shared_ptr<UploadRegistry> uploads) {
    auto file = std::make_shared<FileWriterImpl>(core_, std::move(key), std::move(base),
                                                 std::move(initial), std::move(uploads));
    core_.memory->join(file);
    return std::make_shared<FileWriterHandle>(std::move(file));
  }

  WriteCore core_;
};

}  // namespace

// NOLINTNEXTLINE(performance-unnecessary-value-param): who overrides it keeps the source.
void FileWriter::copy_parts(uint64_t, CopySource, Done<uint64_t> done) { done(0); }

uint64_t FileWriter::until_part(uint64_t) const { return UINT64_MAX; }

// NOLINTNEXTLINE(performance-unnecessary-value-param): who overrides it keeps the request.
void FileWriter::persist(CommitRequest, Done<void> done) {
  done(Error(Code::not_supported, "this writer has no journal"));
}

void FileWriter::persist_name(CommitRequest request, Done<void> done) {
  persist(std::move(request), std::move(done));
}

void FileWriter::hold(Done<bool> done) {
  done(Error(Code::not_supported, "this writer has no journal"));
}

ETag FileWriter::succeed(FileWriter&) { return {}; }

void FileWriter::doom(Done<void> done) { done({}); }

void FileWriter::disclaim(Done<void> done) {
  done(Error(Code::not_supported, "this writer has no journal"));
}

std::unique_ptr<DirectWriteEngine> make_write_engine(WriteEngineParts parts, WriteOptions options) {
  return std::make_unique<WriteEngineImpl>(std::move(parts), std::move(options));
}

}  // namespace penstock
