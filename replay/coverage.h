#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "replay/database.h"

namespace yardmaster::replay {

/// Checks that a family whose keys are dense sequence numbers lacks no table of [first, last], and
/// has none beyond: the manifest, where its end is missing, names fewer than there were, and
/// RocksDB takes it as it is. Where tables are missing, so is the key that follows on the last key
/// of one that is there, or the first or the last of all. Call just after opening, when all is in
/// tables and nothing was put together without what is missing. Fails with corrupt.
Status check_coverage(const Database::View& view, Family family, std::uint64_t first,
                      std::uint64_t last);

/// Checks in the same way that the tables of a family whose keys are written once hold so many.
Status check_entries(const Database::View& view, Family family, std::uint64_t entries);

}  // namespace yardmaster::replay
