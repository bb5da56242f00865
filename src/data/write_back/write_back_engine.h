// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/write/write_engine.h"
#include "data/write_back/journal_uploads.h"
#include "data/write_back/write_back_core.h"
#include "journal/journal.h"

namespace penstock {

/// What a dead mount promised, ready to be committed.
struct RestoredFile {
  std::string key;
  Metadata metadata;
  bool in_store = false;  ///< An object is there, which it edits or takes the place of.
  ETag etag;              ///< That object's.
  int64_t since_ns = 0;   ///< When it was promised, since the epoch.
  std::shared_ptr<FileWriter> writer;
};

/// All writing of a mount that keeps promises in a journal: see FileDurability::persist.
class WriteBackEngine : public WriteEngine {
 public:
  /// Takes over what a dead mount left. Once, before anything else.
  virtual std::vector<RestoredFile> restore(Journal::Left left) = 0;
};

/// Where `journal_new` is false, only what was left goes through the journal; other files are
/// written by the direct engine. The parts must outlive the engine, the engine its writers.
std::unique_ptr<WriteBackEngine> make_write_back_engine(WriteBackParts parts, bool journal_new);

}  // namespace penstock
