#pragma once

#include <cstdint>
#include <filesystem>
#include <map>

#include "base/result.h"

namespace yardmaster::replay {

/// The write-ahead logs in a database's directory, by their number, which is the order in which
/// they were written. Empty where the directory cannot be read.
std::map<std::uint64_t, std::filesystem::path> logs_of(const std::filesystem::path& directory);

/// Walks the write-ahead logs of a database that nobody has open, and checks that each record has
/// its checksum and is followed by the next one by RocksDB's sequence numbers. A log may end in the
/// middle of a record, or in whole sectors of zeros, as a crash or a power cut leaves it, if the
/// next log goes on from there. RocksDB itself drops in silence what follows a damaged record.
/// Fails with corrupt, and names the file and the place.
Status check_logs(const std::filesystem::path& directory);

}  // namespace yardmaster::replay
