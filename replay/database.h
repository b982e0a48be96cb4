#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/background_work.h"
#include "base/result.h"
#include "replay/keys.h"
#include "replay/wal_files.h"

namespace yardmaster::replay {

/// Our Error for a failed RocksDB call. `doing` completes "while ...".
Error to_error(const rocksdb::Status& status, std::string_view doing);

/// An open RocksDB with the column families of keys.h. Any thread may call the const methods.
class Database {
 public:
  struct Options {
    std::filesystem::path directory;
    std::size_t write_buffer_bytes = 64u << 20;
    rocksdb::Env* env = nullptr;  ///< nullptr: the operating system's
  };

  /// Opens or creates. Fails with unavailable when another process has it open, unsupported when
  /// it is not ours or of a newer format (and then it is not touched), corrupt or io. Files that
  /// RocksDB removes stay until remove_obsolete().
  static Result<std::unique_ptr<Database>> open(Options options);

  /// Opens what another process may have open for writing, as it stands now (a RocksDB secondary
  /// instance). Writes fail.
  static Result<std::unique_ptr<Database>> open_read_only(std::filesystem::path directory);

  /// Syncs the write-ahead log, stops RocksDB's own work, closes. No View may be left.
  ~Database();

  /// Reads at one point in time. While it lives the database stays open, so keep it short. Made
  /// by view() and snapshot(). One thread at a time.
  class View {
   public:
    View(View&&) = default;
    ~View();

    Result<std::optional<std::string>> get(Family family, std::string_view key) const;

    /// Calls `visit` for each key in [begin, end), in order, until it returns false.
    Status visit(
        Family family, std::string_view begin, std::string_view end,
        const std::function<bool(std::string_view key, std::string_view value)>& visit) const;

    /// An iterator over the whole family; it must not outlive the view.
    std::unique_ptr<rocksdb::Iterator> iterate(Family family) const;

    rocksdb::DB& db() const { return *database_->db_; }
    rocksdb::ColumnFamilyHandle* handle(Family family) const {
      return database_->handles_[1 + static_cast<std::size_t>(family)];
    }

   private:
    friend class Database;
    struct Release {
      rocksdb::DB* db;
      void operator()(const rocksdb::Snapshot* snapshot) const { db->ReleaseSnapshot(snapshot); }
    };

    View(const Database& database, std::shared_lock<std::shared_mutex> lock)
        : database_(&database), lock_(std::move(lock)), snapshot_(nullptr, Release{nullptr}) {}

    const Database* database_;
    std::shared_lock<std::shared_mutex> lock_;
    std::unique_ptr<const rocksdb::Snapshot, Release> snapshot_;
  };

  /// The newest state at each call. Fails with unavailable while a reopen has failed.
  Result<View> view() const;

  /// One state for all calls.
  Result<View> snapshot() const;

  /// After a failed write or sync: reopens the database if the disk takes and syncs a file again;
  /// until then it stays open for reading. Waits until no View is left before it reopens.
  Status revive();

  /// Puts on the disk all that was written before the call. Writes go on meanwhile.
  Status sync() const;

  const std::filesystem::path& directory() const { return options_.directory; }

  /// Whether there were tables before it was opened.
  bool had_tables() const { return had_tables_; }

  /// Lets go what opening found to be obsolete, which stays until then: call it when the store has
  /// proved to be whole.
  void remove_obsolete() { wal_files_->remove_held(); }

  /// There is some while RocksDB flushes or compacts.
  BackgroundWork& background_work() { return background_work_; }

 private:
  Database(Options options, bool read_only);

  Status open_now();
  Status open_secondary();
  void close();

  Options options_;
  bool read_only_;
  bool had_tables_ = false;
  std::filesystem::path scratch_;  ///< of the secondary instance: its info log
  BackgroundWork background_work_;

  std::shared_ptr<WalFiles> wal_files_;
  std::unique_ptr<rocksdb::Env> env_;  ///< over wal_files_

  mutable std::shared_mutex open_;  ///< held exclusively while db_ changes
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;  ///< default, then as in Family
};

/// One atomic write in the making.
class Batch {
 public:
  explicit Batch(const Database::View& view) : view_(view) {}

  void put(Family family, std::string_view key, std::string_view value) {
    note(batch_.Put(view_.handle(family), slice(key), slice(value)));
  }
  void remove(Family family, std::string_view key) {
    note(batch_.Delete(view_.handle(family), slice(key)));
  }
  /// Removes the keys in [begin, end).
  void remove_range(Family family, std::string_view begin, std::string_view end) {
    note(batch_.DeleteRange(view_.handle(family), slice(begin), slice(end)));
  }

  bool empty() const { return batch_.Count() == 0; }
  std::size_t bytes() const { return batch_.GetDataSize(); }

  /// Writes everything at once, to the write-ahead log first, unsynced.
  rocksdb::Status write();

 private:
  /// Of one decision, with its names.
  static constexpr std::size_t kUsualBytes = 2048;

  static rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
  void note(rocksdb::Status status) {
    if (!status.ok() && failed_.ok()) failed_ = std::move(status);
  }

  const Database::View& view_;
  rocksdb::WriteBatch batch_{kUsualBytes};
  rocksdb::Status failed_;
};

}  // namespace yardmaster::replay
