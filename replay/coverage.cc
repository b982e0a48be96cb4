#include "replay/coverage.h"

#include <rocksdb/metadata.h>
#include <rocksdb/table_properties.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace yardmaster::replay {
namespace {

tl::unexpected<Error> lacks_part(Family family, const std::string& which) {
  return fail(ErrorCode::corrupt,
              "the replay store lacks part of its " +
                  std::string(kFamilyNames[static_cast<std::size_t>(family)]) + ", " + which +
                  ", as if tables or the end of the manifest were gone; restore a backup");
}

}  // namespace

Status check_coverage(const Database::View& view, Family family, std::uint64_t first,
                      std::uint64_t last) {
  rocksdb::ColumnFamilyMetaData tables;
  view.db().GetColumnFamilyMetaData(view.handle(family), &tables);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const rocksdb::LevelMetaData& level : tables.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      ranges.emplace_back(read_sequence(file.smallestkey), read_sequence(file.largestkey));
    }
  }
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t next = first;  // the first that no table looked at so far may hold
  for (const auto& [smallest, largest] : ranges) {
    if (smallest > next) break;
    next = std::max(next, largest + 1);
  }
  // The counters are written with what they count; a range that was removed ends behind it.
  const bool beyond = std::any_of(ranges.begin(), ranges.end(),
                                  [&](const auto& range) { return range.second > last + 1; });
  if (beyond) return lacks_part(Family::meta, "which counts fewer than there are");
  if (next > last) return {};
  return lacks_part(family, "from number " + std::to_string(next) + " of " + std::to_string(last));
}

Status check_entries(const Database::View& view, Family family, std::uint64_t entries) {
  rocksdb::TablePropertiesCollection tables;
  const auto read = view.db().GetPropertiesOfAllTables(view.handle(family), &tables);
  if (!read.ok()) return fail(to_error(read, "reading what the tables hold"));
  std::uint64_t held = 0;
  for (const auto& [name, properties] : tables) {
    held += properties->num_entries - properties->num_deletions;
  }
  if (held >= entries) return {};
  return lacks_part(family, std::to_string(held) + " of " + std::to_string(entries) + " are there");
}

}  // namespace yardmaster::replay
