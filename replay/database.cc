#include "replay/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <system_error>

#include "base/descriptors.h"
#include "replay/listener.h"
#include "replay/log_check.h"

namespace yardmaster::replay {
namespace {

constexpr std::size_t kBlockCacheBytes = 32u << 20;

rocksdb::DBOptions database_options(const Database::Options& options, rocksdb::Env* env) {
  rocksdb::DBOptions out;
  out.env = env;
  out.create_if_missing = true;
  out.create_missing_column_families = true;
  out.db_write_buffer_size = 2 * options.write_buffer_bytes;
  out.max_total_wal_size = 4 * options.write_buffer_bytes;
  out.max_bgerror_resume_count = 0;
  out.max_open_files = static_cast<int>(share_descriptors(descriptor_limit()).tables);
  out.allow_concurrent_memtable_write = false;  // one writer thread
  out.info_log_level = rocksdb::WARN_LEVEL;
  out.keep_log_file_num = 4;
  out.max_log_file_size = 8u << 20;
  out.stats_dump_period_sec = 0;
  out.stats_persist_period_sec = 0;
  out.bytes_per_sync = 1u << 20;  // so that a table's last sync does not keep the disk for long
  return out;
}

rocksdb::ColumnFamilyOptions family_options(const Database::Options& options, Family family,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions out;
  out.write_buffer_size = options.write_buffer_bytes;
  out.compression = rocksdb::kLZ4Compression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  if (family == Family::ids) {
    // Most look-ups here are for names that are new.
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    out.memtable_prefix_bloom_size_ratio = 0.02;
    out.memtable_whole_key_filtering = true;
  }
  if (family == Family::due || family == Family::ids) {
    // Keys come and go one by one; without this, scans would pass ever more tombstones.
    out.table_properties_collector_factories.push_back(
        rocksdb::NewCompactOnDeletionCollectorFactory(4096, 2048));
  }
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return out;
}

std::vector<rocksdb::ColumnFamilyDescriptor> families(const Database::Options& options) {
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> out;
  out.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options(options, Family::meta, cache));
  for (std::size_t i = 0; i < kFamilies; ++i) {
    out.emplace_back(std::string(kFamilyNames[i]),
                     family_options(options, static_cast<Family>(i), cache));
  }
  return out;
}

/// RocksDB appends "/NAME" to a directory; WalFiles knows logs by that.
std::filesystem::path without_slash(const std::filesystem::path& directory) {
  return directory.has_filename() ? directory : directory.parent_path();
}

/// Whether there surely is no database, and not only none that can be seen.
bool is_absent(const std::filesystem::path& directory) {
  std::error_code unseen;
  return !std::filesystem::exists(directory / "CURRENT", unseen) && !unseen;
}

rocksdb::Env* base_env(const Database::Options& options) {
  return options.env != nullptr ? options.env : rocksdb::Env::Default();
}

/// A directory that cannot be read has none; RocksDB will say so.
bool holds_tables(const std::filesystem::path& directory) {
  std::error_code unseen;
  std::filesystem::directory_iterator file(directory, unseen);
  for (; !unseen && file != std::filesystem::directory_iterator(); file.increment(unseen)) {
    if (file->path().extension() == ".sst") return true;
  }
  return false;
}

/// Whether anything was ever stored: nothing is before the store is made.
bool holds_records(const std::filesystem::path& directory) {
  for (const auto& [number, log] : logs_of(directory)) {
    std::error_code unseen;
    const auto bytes = std::filesystem::file_size(log, unseen);
    if (!unseen && bytes > 0) return true;
  }
  return holds_tables(directory);
}

/// Reads only the manifest: a store of a newer version is left as it is. Fewer families than
/// ours are what a crash in the middle of creating the store leaves behind; where there are records
/// the manifest is gone or has lost its end, and RocksDB would remove what it does not name.
Status check_format(const Database::Options& options, bool must_exist) {
  std::vector<std::string> names;
  const std::string directory = options.directory.string();
  const auto listed = rocksdb::DB::ListColumnFamilies(database_options(options, base_env(options)),
                                                      directory, &names);
  if (!listed.ok()) {
    const bool absent = listed.IsPathNotFound() || is_absent(options.directory);
    if (absent && holds_records(options.directory)) {
      return fail(ErrorCode::corrupt, "the replay store in '" + directory +
                                          "' has records, but its file CURRENT is gone; restore a "
                                          "backup");
    }
    if (absent && !must_exist) return {};
    if (absent) {
      return fail(ErrorCode::not_found, "no replay store in '" + directory +
                                            "'; check data_dir, or let serve create one");
    }
    return fail(to_error(listed, "reading the replay store in '" + directory + "'"));
  }
  for (const std::string& name : names) {
    if (name == rocksdb::kDefaultColumnFamilyName ||
        std::find(kFamilyNames.begin(), kFamilyNames.end(), name) != kFamilyNames.end()) {
      continue;
    }
    int version = 0;
    if (name.starts_with(kMetaFamilyPrefix)) {
      std::from_chars(name.data() + kMetaFamilyPrefix.size(), name.data() + name.size(), version);
    }
    return fail(ErrorCode::unsupported,
                version > kFormatVersion
                    ? "the replay store in '" + directory + "' has format version " +
                          std::to_string(version) + ", this program reads up to " +
                          std::to_string(kFormatVersion) +
                          "; run the newer version, or use another data_dir"
                    : "the RocksDB in '" + directory + "' has the column family '" + name +
                          "', which is not of a replay store; use another data_dir");
  }
  if (names.size() <= kFamilies && holds_records(options.directory)) {
    return fail(ErrorCode::corrupt, "the manifest of the replay store in '" + directory +
                                        "' has lost its end, and records are not named any more; "
                                        "restore a backup");
  }
  return {};
}

Error open_error(const rocksdb::Status& status, const std::filesystem::path& directory) {
  const std::string text = status.ToString();
  if (status.IsIOError() && text.find("lock") != std::string::npos &&
      text.find("LOCK") != std::string::npos && text.find("denied") == std::string::npos) {
    return {ErrorCode::unavailable, "the replay store in '" + directory.string() +
                                        "' is in use by another process; stop it, or use "
                                        "another data_dir"};
  }
  return to_error(status, "opening the replay store in '" + directory.string() + "'");
}

/// Where another process has the store open its logs are not looked at: opening says so.
Status check_closed_logs(const Database::Options& options) {
  rocksdb::Env* env = base_env(options);
  rocksdb::FileLock* lock = nullptr;
  if (!env->LockFile((options.directory / "LOCK").string(), &lock).ok()) return {};
  Status whole = check_logs(options.directory);
  env->UnlockFile(lock).PermitUncheckedError();
  return whole;
}

}  // namespace

Error to_error(const rocksdb::Status& status, std::string_view doing) {
  const std::string message = "replay store: " + status.ToString() + " while " + std::string(doing);
  if (status.IsNoSpace()) {
    return {ErrorCode::unavailable, message + "; free disk space, it goes on by itself then"};
  }
  if (status.IsCorruption()) return {ErrorCode::corrupt, message + "; restore a backup"};
  if (status.IsIOError()) return {ErrorCode::io, message + "; check the disk and permissions"};
  if (status.IsNotSupported()) return {ErrorCode::unsupported, message};
  return {ErrorCode::unavailable, message + "; try again"};
}

Database::Database(Options options, bool read_only)
    : options_(std::move(options)),
      read_only_(read_only),
      wal_files_(std::make_shared<WalFiles>(base_env(options_)->GetFileSystem(),
                                            options_.directory.string())),
      env_(rocksdb::NewCompositeEnv(wal_files_)) {}

// Opening and closing ----------------------------------------------------------------------

Result<std::unique_ptr<Database>> Database::open(Options options) {
  options.directory = without_slash(options.directory);
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) {
    return fail(ErrorCode::io, "cannot make the data directory '" + options.directory.string() +
                                   "': " + error.message() + "; create it or use another");
  }
  if (Status format = check_format(options, false); !format) return fail(format.error());
  if (Status whole = check_closed_logs(options); !whole) return fail(whole.error());
  std::unique_ptr<Database> database(new Database(std::move(options), false));
  database->had_tables_ = holds_tables(database->directory());
  database->wal_files_->hold_removals();
  if (Status opened = database->open_now(); !opened) return fail(opened.error());
  return database;
}

Result<std::unique_ptr<Database>> Database::open_read_only(std::filesystem::path directory) {
  Options options;
  options.directory = std::move(directory);
  if (Status format = check_format(options, true); !format) return fail(format.error());
  std::unique_ptr<Database> database(new Database(std::move(options), true));
  if (Status opened = database->open_secondary(); !opened) return fail(opened.error());
  return database;
}

Status Database::open_now() {
  rocksdb::DBOptions options = database_options(options_, env_.get());
  options.listeners.push_back(make_listener(background_work_));
  const auto all = families(options_);
  // A new database gets its families by one call, which writes the file of options once. Where
  // opening makes those that are missing, it writes and syncs that for each.
  const bool is_new = is_absent(options_.directory);
  const auto first = is_new ? std::vector(all.begin(), all.begin() + 1) : all;
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(options, options_.directory.string(), first, &handles_, &db);
  if (!status.ok()) {
    handles_.clear();
    return fail(open_error(status, options_.directory));
  }
  db_.reset(db);
  if (!is_new) return {};
  std::vector<rocksdb::ColumnFamilyHandle*> made;
  status = db_->CreateColumnFamilies({all.begin() + 1, all.end()}, &made);
  handles_.insert(handles_.end(), made.begin(), made.end());
  if (status.ok()) return {};
  close();
  return fail(open_error(status, options_.directory));
}

Status Database::open_secondary() {
  std::string scratch =
      (std::filesystem::temp_directory_path() / "yardmaster-read-XXXXXX").string();
  if (::mkdtemp(scratch.data()) == nullptr) {
    return fail(ErrorCode::io, "cannot make a temporary directory like '" + scratch +
                                   "': " + std::generic_category().message(errno) +
                                   "; point TMPDIR to a directory that can be written");
  }
  scratch_ = scratch;
  rocksdb::DBOptions options = database_options(options_, base_env(options_));
  options.create_if_missing = false;
  options.create_missing_column_families = false;
  options.max_open_files = -1;  // so that files stay readable after the primary removes them

  // The primary may remove a file between our reading of its manifest and our opening of the
  // file. A table that is gone fails the opening, but a log that is gone is passed over in silence
  // with all its records, so the logs are looked at before and after. Logs go oldest first: if
  // those of before are still there, none was missed.
  constexpr int kAttempts = 50;
  rocksdb::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto logs_before = logs_of(options_.directory);
    rocksdb::DB* db = nullptr;
    status = rocksdb::DB::OpenAsSecondary(options, options_.directory.string(), scratch,
                                          families(options_), &handles_, &db);
    if (!status.ok()) {
      handles_.clear();
      continue;
    }
    db_.reset(db);
    const auto logs_after = logs_of(options_.directory);
    if (std::includes(logs_after.begin(), logs_after.end(), logs_before.begin(),
                      logs_before.end())) {
      return {};
    }
    close();
  }
  if (!status.ok()) return fail(open_error(status, options_.directory));
  return fail(ErrorCode::unavailable, "the replay store in " + options_.directory.string() +
                                          " changes too fast to be read beside its writer; try "
                                          "again, or read a backup");
}

void Database::close() {
  if (db_ == nullptr) return;
  if (!read_only_) wal_files_->sync().PermitUncheckedError();
  rocksdb::CancelAllBackgroundWork(db_.get(), true);
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  handles_.clear();
  db_->Close().PermitUncheckedError();
  db_.reset();
}

Database::~Database() {
  close();
  if (!scratch_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(scratch_, ignored);
  }
}

Status Database::revive() {
  // While the disk still fails, the open database goes on being read.
  const std::string probe = (options_.directory / "probe.tmp").string();
  constexpr std::size_t kProbeBytes = 1u << 20;
  const auto written =
      rocksdb::WriteStringToFile(env_.get(), std::string(kProbeBytes, '\0'), probe, true);
  env_->DeleteFile(probe).PermitUncheckedError();
  if (!written.ok()) return fail(to_error(written, "trying to write again"));
  // Opening anew starts a new log behind the last whole record of the old one. RocksDB's own
  // Resume() is not enough: 7.8 goes on in the torn log where all memtables are empty.
  const std::unique_lock lock(open_);
  close();
  return open_now();
}

Status Database::sync() const {
  const auto status = wal_files_->sync();
  if (!status.ok()) return fail(to_error(status, "syncing the write-ahead log"));
  return {};
}

// Reading ----------------------------------------------------------------------------------

Result<Database::View> Database::view() const {
  std::shared_lock lock(open_);
  if (db_ == nullptr) {
    return fail(ErrorCode::unavailable, "the replay store in '" + options_.directory.string() +
                                            "' is closed after an error of the disk; it is "
                                            "reopened by itself as soon as that works");
  }
  return View(*this, std::move(lock));
}

Result<Database::View> Database::snapshot() const {
  Result<View> out = view();
  // A secondary instance stands still between catch-ups, and knows no snapshots.
  if (out && !read_only_) {
    out->snapshot_ = {db_->GetSnapshot(), View::Release{db_.get()}};
  }
  return out;
}

Database::View::~View() = default;

Result<std::optional<std::string>> Database::View::get(Family family, std::string_view key) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_.get();
  std::string value;
  const auto status = db().Get(options, handle(family), {key.data(), key.size()}, &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return fail(to_error(status, "reading"));
  return std::optional<std::string>(std::move(value));
}

Status Database::View::visit(
    Family family, std::string_view begin, std::string_view end,
    const std::function<bool(std::string_view, std::string_view)>& visit) const {
  const rocksdb::Slice bound(end.data(), end.size());
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_.get();
  options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> at(db().NewIterator(options, handle(family)));
  for (at->Seek({begin.data(), begin.size()}); at->Valid(); at->Next()) {
    if (!visit(at->key().ToStringView(), at->value().ToStringView())) break;
  }
  if (!at->status().ok()) return fail(to_error(at->status(), "reading"));
  return {};
}

std::unique_ptr<rocksdb::Iterator> Database::View::iterate(Family family) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_.get();
  return std::unique_ptr<rocksdb::Iterator>(db().NewIterator(options, handle(family)));
}

rocksdb::Status Batch::write() {
  if (!failed_.ok()) return failed_;
  return view_.db().Write(rocksdb::WriteOptions(), &batch_);
}

}  // namespace yardmaster::replay
