#pragma once

#include <chrono>
#include <cstdint>

#include "base/result.h"
#include "base/time.h"
#include "replay/ledger.h"

namespace yardmaster::replay {

/// What may be kept; 0: no limit.
struct RetentionLimits {
  std::chrono::microseconds max_age{0};
  std::uint64_t max_bytes = 0;
  std::chrono::microseconds max_text_age{0};  ///< of a query's text
};

/// Removes the oldest records beyond the limits, in small steps so that appends need not wait.
/// Stays away from rows after `keep_rows_after`, and from decisions whose window has not ended.
/// True: there is more to remove.
Result<bool> remove_expired(Turn& turn, Ledger& ledger, const RetentionLimits& limits,
                            Timestamp now, std::uint64_t keep_rows_after);

/// Takes the texts beyond their age out of the oldest decisions that have any, in small steps.
/// True: there is more to remove.
Result<bool> remove_expired_texts(Turn& turn, Ledger& ledger, const RetentionLimits& limits,
                                  Timestamp now);

/// Whether a decision of that time comes without its text.
bool is_text_expired(const RetentionLimits& limits, Timestamp decided, Timestamp now);

/// What the kept records take in RocksDB's tables, by its estimate: what was removed does not
/// count, even where compaction has not yet freed its space, nor does what is still in write
/// buffers and the log.
std::uint64_t estimate_kept_bytes(const Database::View& view, const Counters& counters);

/// Gives whole files of removed records back to the file system at once.
Status drop_removed_files(const Database::View& view, const Counters& counters);

}  // namespace yardmaster::replay
