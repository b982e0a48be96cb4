#pragma once

#include <filesystem>

#include "base/result.h"

namespace yardmaster::replay {

/// Walks the write-ahead logs of a database that nobody has open, and checks that each record is
/// followed by the next one by RocksDB's sequence numbers. A log may end in the middle of a record
/// or in zeros, as a crash leaves it, if the next log goes on from there. RocksDB itself passes in
/// silence over a piece that is missing before that; what is wrong inside a record its checksums
/// tell. Fails with corrupt, and names the file and the place.
Status check_logs(const std::filesystem::path& directory);

}  // namespace yardmaster::replay
