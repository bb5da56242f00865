// SPDX-License-Identifier: Apache-2.0
#include "journal/make_journal.h"

#include <utility>

#include "base/wall_clock.h"

namespace penstock {
namespace {

class OpenJournal final : public Journal {
 public:
  explicit OpenJournal(std::shared_ptr<JournalCore> core) : core_(std::move(core)) {}
  ~OpenJournal() override { core_->close(); }

  uint64_t new_file() override { return core_->new_file(); }
  Result<std::shared_ptr<const JournalPiece>> append(std::span<const std::byte> bytes) override {
    return core_->append(bytes);
  }
  Result<void> read(const JournalPiece& piece, uint64_t skip,
                    std::span<std::byte> out) const override {
    if (out.size() > piece.length || skip > piece.length - out.size())
      return Error(Code::invalid_argument, "a read beyond its piece");
    return piece.segment->read(piece.position + skip, out);
  }
  void record(JournalState state, Done<void> done) override {
    core_->record(std::move(state), std::move(done));
  }
  void forget(uint64_t file, Done<void> done) override {
    core_->record(ForgetRecord{.file = file}, std::move(done));
  }
  void note_failure(uint64_t file, std::string message) override {
    if (message.size() > longest_message) message.resize(longest_message);
    core_->record(
        FailureRecord{.file = file, .time_ns = wall_clock_ns(), .message = std::move(message)},
        nullptr);
  }
  void upload_began(JournalUpload upload) override { core_->record(std::move(upload), nullptr); }
  void upload_ended(const std::string& upload_id) override {
    core_->record(UploadEndedRecord{.upload_id = upload_id}, nullptr);
  }
  JournalStats stats() const override { return core_->stats(); }

 private:
  static constexpr size_t longest_message = 1024;

  const std::shared_ptr<JournalCore> core_;
};

}  // namespace

std::unique_ptr<Journal> make_journal(std::shared_ptr<JournalCore> core) {
  return std::make_unique<OpenJournal>(std::move(core));
}

}  // namespace penstock
