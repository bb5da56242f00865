// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "journal/journal_state.h"
#include "penstock/object_store.h"

namespace penstock {

/// The writer's mark (base/writer_mark.h) that a pending file has; a new one where there is none.
std::string mark_of(const Metadata& metadata);

/// In the journal, and never in the bucket: the file is being deleted. `doomed` takes it away.
void mark_doomed(Metadata& metadata);
bool doomed(JournalState& state);

}  // namespace penstock
