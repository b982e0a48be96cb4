#include "replay/coverage.h"

#include <rocksdb/metadata.h>
#include <rocksdb/table_properties.h>

#include <string>
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
  // Not from the smallest keys: a table that removed a range begins where that does.
  std::vector<std::uint64_t> expected{first, last};
  for (const rocksdb::LevelMetaData& level : tables.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      const std::uint64_t largest = read_sequence(file.largestkey);
      // The counters are written with what they count; a range that was removed ends behind it.
      if (largest > last + 1) return lacks_part(Family::meta, "which counts fewer than there are");
      expected.push_back(largest + 1);
    }
  }
  for (const std::uint64_t sequence : expected) {
    if (sequence < first || sequence > last) continue;
    const auto found = view.get(family, sequence_key(sequence));
    if (!found || *found) continue;  // a table that is damaged says so when it is read
    return lacks_part(family, "number " + std::to_string(sequence) + " of " + std::to_string(last));
  }
  return {};
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
