#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "base/result.h"
#include "replay/database.h"
#include "replay/health.h"

namespace yardmaster::replay {

/// Gets texts that were taken out of decisions off the disk: what was overwritten stays in the
/// write-ahead log and in tables until RocksDB happens to write them anew, which for old records of
/// a quiet store may be never. Flushes all memtables, which ends the log, and compacts the tables.
/// It works on a thread of its own, since that takes a while. One thread calls it, but for
/// erased().
class TextEraser {
 public:
  /// Both outlive it.
  TextEraser(const Database& database, Health& health) : database_(database), health_(health) {}
  ~TextEraser() { stop(); }

  /// Begins with the decisions of sequences in [from, to), whose texts were removed by what is
  /// written so far. Does nothing while it is still at the last ones.
  void start(std::uint64_t from, std::uint64_t to);

  /// The `to` of the latest that was done; 0: none was. Any thread. One that fails is noted as the
  /// store's last error.
  std::uint64_t erased() const { return erased_.load(std::memory_order_acquire); }

  /// Breaks off what is under way.
  void stop();

 private:
  void run(std::uint64_t from, std::uint64_t to, std::uint64_t removed_at);
  Status erase(std::uint64_t from, std::uint64_t to, std::uint64_t removed_at);

  const Database& database_;
  Health& health_;
  std::atomic<bool> busy_{false};
  std::atomic<bool> cancelled_{false};
  std::atomic<std::uint64_t> erased_{0};
  std::thread thread_;
};

}  // namespace yardmaster::replay
