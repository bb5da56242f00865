// SPDX-License-Identifier: Apache-2.0
#include "app/warm/warmer.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

namespace penstock {
namespace {

using std::chrono::milliseconds;

/// A file is read in pieces of this size by several readers at once.
constexpr uint64_t piece_size = 64ULL << 20;
constexpr size_t scratch_size = 4ULL << 20;
/// What may wait for the disk at a time, of all files: half of what a cache lets wait.
constexpr uint64_t most_waiting = 128ULL << 20;
/// Files up to this are waited for as a whole: their readers might read a thousand in the meantime.
constexpr uint64_t small_file = 8ULL << 20;
/// What O_DIRECT wants of a buffer.
constexpr size_t scratch_alignment = 4096;
/// How often what the cache did not keep is read again.
constexpr int most_passes = 8;
constexpr milliseconds tick_every{100};

// A file that waits for the disk is waited for as long as its bytes get fewer.
constexpr milliseconds look_every{50};
constexpr int stalled_looks = 600;
/// Looks at a file that is not on its way to the disk: it may be about to be.
constexpr int idle_looks = 4;

struct FreeMemory {
  void operator()(std::byte* memory) const { std::free(memory); }
};

std::unique_ptr<std::byte, FreeMemory> make_scratch() {
  return std::unique_ptr<std::byte, FreeMemory>(
      static_cast<std::byte*>(std::aligned_alloc(scratch_alignment, scratch_size)));
}

}  // namespace

void Warmer::run() {
  auto read = std::make_unique<FileSpool>();
  run_pass({.read = *read}, [this](const WarmVisitor& visit) {
    place_.list(
        [&](WarmFile file) {
          report_.found(file.size);
          return visit(std::move(file));
        },
        [this](const std::string& name, const std::string& why) { report_.failed(name, why); });
    report_.found_all();
  });
  uint64_t missing_before = UINT64_MAX;
  for (int pass = 1; pass < most_passes && read->size() != 0; ++pass) {
    const WarmReport::Counts counts = report_.counts();
    // More than the cache keeps would push out what is there, over and over.
    const bool too_much = counts.limit != 0 && counts.bytes > counts.limit;
    auto again = std::make_unique<FileSpool>();
    const bool last = too_much || pass + 1 == most_passes;
    run_pass({.first = false, .last = last, .read = *again}, [&](const WarmVisitor& visit) {
      if (const Result<void> listed = read->for_each(visit); !listed)
        report_.failed("what was read", std::string(listed.error().message()));
    });
    // Where nothing more was kept than the time before, reading once more does not help.
    const uint64_t missing = missing_.exchange(0);
    if (missing >= missing_before) pass = std::max(pass, most_passes - 2);
    missing_before = missing;
    read = std::move(again);
  }
}

void Warmer::run_pass(const Pass& pass, const Source& source) {
  WarmQueue queue;
  std::latch ended(static_cast<std::ptrdiff_t>(readers_) + 1);
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    source([&](WarmFile file) { return queue.put(std::move(file)); });
    queue.close();
    ended.count_down();
  });
  for (uint32_t i = 0; i < readers_; ++i) {
    threads.emplace_back([&] {
      work(pass, queue);
      ended.count_down();
    });
  }
  while (!ended.try_wait()) {
    tick_();
    std::this_thread::sleep_for(tick_every);
  }
}

void Warmer::work(const Pass& pass, WarmQueue& queue) {
  const auto memory = make_scratch();
  const std::span<std::byte> scratch(memory.get(), scratch_size);
  while (const std::optional<WarmPiece> piece = queue.take()) {
    if (piece->range) {
      read_piece(pass, *piece, scratch);
    } else {
      begin(pass, queue, piece->job, scratch);
    }
    queue.finished();
  }
}

void Warmer::begin(const Pass& pass, WarmQueue& queue, const std::shared_ptr<WarmJob>& job,
                   std::span<std::byte> scratch) {
  const WarmFile& file = job->file;
  if (kept_already(pass, queue, file)) return;
  if (file.size > small_file) ++large_files_;
  job->pieces_left = (file.size + piece_size - 1) / piece_size;
  const auto piece_at = [&](uint64_t at) {
    return WarmPiece{job, ByteRange{at, std::min(piece_size, file.size - at)}};
  };
  for (uint64_t at = piece_size; at < file.size; at += piece_size) queue.put_piece(piece_at(at));
  read_piece(pass, piece_at(0), scratch);
}

void Warmer::read_piece(const Pass& pass, const WarmPiece& piece, std::span<std::byte> scratch) {
  WarmJob& job = *piece.job;
  // One failure is enough to know that the file will not be whole.
  if (!job.failed) {
    const Result<void> read = place_.read(job.file, *piece.range, scratch, [&](uint64_t bytes) {
      if (pass.first) report_.read(bytes);
      return job.file.size <= small_file ? 0 : most_waiting / std::max<uint64_t>(large_files_, 1);
    });
    if (!read && !job.failed.exchange(true))
      report_.failed(job.file.name, std::string(read.error().message()));
  }
  if (--job.pieces_left != 0) return;
  if (job.file.size > small_file) --large_files_;
  if (job.failed) return;
  if (pass.first) report_.read_file();
  if (const Result<void> noted = pass.read.add(job.file); !noted)
    report_.failed(job.file.name, std::string(noted.error().message()));
}

bool Warmer::kept_already(const Pass& pass, WarmQueue& queue, const WarmFile& file) {
  if (file.size == 0) {
    report_.already(0);
    return true;
  }
  const Result<CacheShare> share = pass.first ? place_.share(file) : settled_share(file);
  if (!share && share.code() == Code::not_supported) {
    report_.no_cache();
    queue.stop();
    return true;
  }
  if (!share) {
    report_.failed(file.name, std::string(share.error().message()));
    return true;
  }
  const bool room = report_.learn_room(*share);
  if (share->present >= file.size) {
    if (pass.first) report_.already(file.size);
    return true;
  }
  if (share->archived != 0) {
    report_.archived(file.name);
    return true;
  }
  if (!room && pass.first) {
    queue.stop();
    return true;
  }
  if (share->limit == 0) {
    report_.failed(file.name,
                   "the cache takes nothing of it: it is being written to, or the "
                   "cache's disk is away");
    return true;
  }
  if (!pass.first) missing_ += file.size - share->present;
  if (pass.last) report_.not_kept(file.name);
  return pass.last;
}

Result<CacheShare> Warmer::settled_share(const WarmFile& file) {
  Result<CacheShare> share = place_.share(file);
  for (int looks = 0; share && share->present < file.size; ++looks) {
    if (looks >= (share->coming != 0 ? stalled_looks : idle_looks)) break;
    std::this_thread::sleep_for(look_every);
    Result<CacheShare> next = place_.share(file);
    if (next && (next->present != share->present || next->coming != share->coming)) looks = 0;
    share = std::move(next);
  }
  return share;
}

}  // namespace penstock
