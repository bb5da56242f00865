// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "journal/journal_state.h"
#include "penstock/object_store.h"

namespace penstock {

/// The metadata entry that says which pending file made an object: after a reply that was lost, or
/// the end of the mount, it tells what was stored here from what somebody else has put there.
/// File systems neither show it nor carry it on.
inline constexpr std::string_view writer_mark = "penstock-writer";

/// One that no other file has.
std::string new_mark();
/// A new one where there is none.
std::string mark_of(const Metadata& metadata);

/// In the journal, and never in the bucket: the file is being deleted. `doomed` takes it away.
void mark_doomed(Metadata& metadata);
bool doomed(JournalState& state);

}  // namespace penstock
