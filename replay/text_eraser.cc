#include "replay/text_eraser.h"

#include <string>
#include <vector>

#include "base/this_thread.h"

namespace yardmaster::replay {

void TextEraser::start(std::uint64_t from, std::uint64_t to) {
  if (busy_.load()) return;
  stop();
  const auto view = database_.view();
  if (!view) return;
  busy_ = true;
  cancelled_ = false;
  const std::uint64_t removed_at = view->db().GetLatestSequenceNumber();
  thread_ = std::thread([this, from, to, removed_at] { run(from, to, removed_at); });
}

void TextEraser::stop() {
  cancelled_ = true;
  if (thread_.joinable()) thread_.join();
}

void TextEraser::run(std::uint64_t from, std::uint64_t to, std::uint64_t removed_at) {
  name_this_thread("store-eraser");
  const Status done = erase(from, to, removed_at);
  if (done) {
    erased_.store(to, std::memory_order_release);
  } else if (!cancelled_) {
    health_.note(done.error().message);
  }
  busy_ = false;
}

Status TextEraser::erase(std::uint64_t from, std::uint64_t to, std::uint64_t removed_at) {
  const auto view = database_.view();
  if (!view) return fail(view.error());
  rocksdb::DB& db = view->db();
  std::vector<rocksdb::ColumnFamilyHandle*> all;
  for (std::size_t i = 0; i < kFamilies; ++i) all.push_back(view->handle(static_cast<Family>(i)));
  if (const auto flushed = db.Flush({}, all); !flushed.ok()) {
    return fail(to_error(flushed, "writing out what held removed texts"));
  }
  // Whoever still reads a state from before keeps it in the files.
  std::uint64_t oldest_reader = 0;
  db.GetIntProperty(rocksdb::DB::Properties::kOldestSnapshotSequence, &oldest_reader);
  if (oldest_reader != 0 && oldest_reader < removed_at) {
    return fail(ErrorCode::unavailable,
                "removed texts stay in the files for now: a reading of the store goes on since "
                "before; it is tried again in an hour");
  }
  const std::string first = sequence_key(from);
  const std::string last = sequence_key(to - 1);
  const rocksdb::Slice begin(first);
  const rocksdb::Slice end(last);
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.canceled = &cancelled_;
  const auto compacted = db.CompactRange(options, view->handle(Family::decisions), &begin, &end);
  if (!compacted.ok()) return fail(to_error(compacted, "compacting what held removed texts"));
  return {};
}

}  // namespace yardmaster::replay
