// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "journal/journal.h"
#include "journal/journal_core.h"

namespace penstock {

/// The journal whose core this is; it closes the core when it goes.
std::unique_ptr<Journal> make_journal(std::shared_ptr<JournalCore> core);

}  // namespace penstock
