#pragma once

#include <filesystem>

#include "base/result.h"
#include "replay/database.h"

namespace yardmaster::replay {

/// Reads a whole store and checks what must hold whatever has crashed:
/// - sequences of decisions and of rows have no gaps and end where the counters say;
/// - each decision is found by its id, its session and its response id, and no id leads nowhere;
/// - no decision has a text that is told to be gone;
/// - outcomes and feedback belong to kept decisions, in arrivals without gaps, one outcome each;
/// - a decision either waits in `due` or has its mark, never both;
/// - a decision has at most one first row, each correction replaces the values of the row before
///   it, and the mark holds the last;
/// - where nothing was removed yet, the counters of outcomes and feedback are what is there.
/// Fails with corrupt and says what does not hold; with find_record's errors where it cannot
/// read. Takes time and memory in proportion to the store.
Status verify(const Database::View& snapshot);

/// The same for a store on disk, which another process may have open for writing.
Status verify(const std::filesystem::path& directory);

}  // namespace yardmaster::replay
