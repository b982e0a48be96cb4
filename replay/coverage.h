#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "replay/database.h"

namespace yardmaster::replay {

/// Checks that the tables of a family whose keys are dense sequence numbers hold all of [first,
/// last], and nothing beyond, by the tables' own bounds: the manifest, where its end is missing,
/// names fewer tables than there were, and RocksDB takes it as it is. Call just after opening, when
/// all is in tables. Fails with corrupt.
Status check_coverage(const Database::View& view, Family family, std::uint64_t first,
                      std::uint64_t last);

/// Checks in the same way that the tables of a family whose keys are written once hold so many.
Status check_entries(const Database::View& view, Family family, std::uint64_t entries);

}  // namespace yardmaster::replay
