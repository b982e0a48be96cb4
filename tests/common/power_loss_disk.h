#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace yardmaster::test {

/// The operating system's files with a power switch. After cut() nothing is written any more; once
/// those who wrote are gone, lose() leaves of the files what a power cut may leave: all that was
/// synced, and of what was not a random part. New files and renames count as synced when their
/// directory is. Any thread.
class PowerLossDisk final : public rocksdb::FileSystemWrapper {
 public:
  explicit PowerLossDisk(std::uint64_t seed)
      : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()),
        state_(std::make_shared<State>(seed)) {}

  const char* Name() const override { return "PowerLossDisk"; }

  void cut() {
    const std::lock_guard lock(state_->mutex);
    state_->off = true;
  }

  /// Written and not synced, of all files.
  std::uint64_t unsynced_bytes() const {
    const std::lock_guard lock(state_->mutex);
    std::uint64_t bytes = 0;
    for (const auto& [path, file] : state_->files) bytes += file.size - file.synced;
    return bytes;
  }

  void lose() {
    const std::lock_guard lock(state_->mutex);
    for (auto rename = state_->renames.rbegin(); rename != state_->renames.rend(); ++rename) {
      if (state_->rng.below(2) == 0) state_->undo(*rename);
    }
    for (const auto& [path, file] : state_->files) {
      std::error_code ignored;
      if (!file.entry_synced && state_->rng.below(2) == 0) {
        std::filesystem::remove(path, ignored);
        continue;
      }
      // A part of what was not synced, most often nothing or all of it.
      const std::uint64_t unsynced = file.size - file.synced;
      const std::uint64_t choice = state_->rng.below(4);
      const std::uint64_t part = choice == 0   ? 0
                                 : choice == 1 ? unsynced
                                               : state_->rng.below(unsynced + 1);
      std::filesystem::resize_file(path, file.synced + part, ignored);
    }
  }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    const std::lock_guard lock(state_->mutex);
    if (state_->off) return no_power();
    const auto status = target()->NewWritableFile(name, options, file, context);
    if (!status.ok()) return status;
    state_->files[name] = {};
    *file = std::make_unique<File>(std::move(*file), name, state_);
    return status;
  }

  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* context) override {
    const auto status = target()->NewDirectory(name, options, directory, context);
    if (status.ok()) *directory = std::make_unique<Directory>(name, state_);
    return status;
  }

  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override {
    const std::lock_guard lock(state_->mutex);
    if (state_->off) return no_power();
    std::optional<std::string> replaced;
    if (std::ifstream old(to, std::ios::binary); old) {
      replaced.emplace(std::istreambuf_iterator<char>(old), std::istreambuf_iterator<char>());
    }
    const auto status = target()->RenameFile(from, to, options, context);
    if (!status.ok()) return status;
    state_->renames.push_back({to, std::move(replaced)});
    if (const auto moved = state_->files.find(from); moved != state_->files.end()) {
      state_->files[to] = moved->second;
      state_->files[to].entry_synced = true;  // whether it is there is the rename's matter
      state_->files.erase(from);
    }
    return status;
  }

  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override {
    const std::lock_guard lock(state_->mutex);
    if (state_->off) return no_power();
    state_->files.erase(name);
    return target()->DeleteFile(name, options, context);
  }

 private:
  struct FileState {
    std::uint64_t size = 0;
    std::uint64_t synced = 0;
    bool entry_synced = false;
  };
  struct Rename {
    std::string to;
    std::optional<std::string> replaced;  ///< nothing: there was no such file
  };
  struct State {
    explicit State(std::uint64_t seed) : rng(seed) {}

    void undo(const Rename& rename) {
      files.erase(rename.to);
      std::error_code ignored;
      std::filesystem::remove(rename.to, ignored);
      if (rename.replaced) std::ofstream(rename.to, std::ios::binary) << *rename.replaced;
    }

    std::mutex mutex;
    bool off = false;
    std::map<std::string, FileState> files;  ///< written since the start
    std::vector<Rename> renames;             ///< whose directory was not synced since
    Rng rng;
  };

  static rocksdb::IOStatus no_power() {
    return rocksdb::IOStatus::IOError("injected: the power is cut");
  }

  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> file, std::string name,
         std::shared_ptr<State> state)
        : FSWritableFileOwnerWrapper(std::move(file)),
          name_(std::move(name)),
          state_(std::move(state)) {}

    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override {
      const std::lock_guard lock(state_->mutex);
      if (state_->off) return no_power();
      const auto status = target()->Append(data, options, context);
      const auto file = state_->files.find(name_);
      if (file != state_->files.end()) file->second.size += data.size();
      return status;
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&,
                             rocksdb::IODebugContext* context) override {
      return Append(data, options, context);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
      const std::lock_guard lock(state_->mutex);
      if (state_->off) return no_power();
      const auto file = state_->files.find(name_);
      if (file != state_->files.end()) file->second.synced = file->second.size;
      return rocksdb::IOStatus::OK();
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* context) override {
      return Sync(options, context);
    }
    rocksdb::IOStatus Truncate(std::uint64_t size, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override {
      const std::lock_guard lock(state_->mutex);
      if (state_->off) return no_power();
      const auto file = state_->files.find(name_);
      if (file != state_->files.end()) {
        file->second.size = size;
        file->second.synced = std::min(file->second.synced, size);
      }
      return target()->Truncate(size, options, context);
    }

   private:
    std::string name_;
    std::shared_ptr<State> state_;
  };

  class Directory final : public rocksdb::FSDirectory {
   public:
    Directory(std::string name, std::shared_ptr<State> state)
        : name_(std::move(name)), state_(std::move(state)) {}

    rocksdb::IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
      const std::lock_guard lock(state_->mutex);
      if (state_->off) return no_power();
      const auto is_here = [this](const std::string& path) {
        return std::filesystem::path(path).parent_path() == std::filesystem::path(name_);
      };
      for (auto& [path, file] : state_->files) {
        if (is_here(path)) file.entry_synced = true;
      }
      std::erase_if(state_->renames, [&](const Rename& rename) { return is_here(rename.to); });
      return rocksdb::IOStatus::OK();
    }

   private:
    std::string name_;
    std::shared_ptr<State> state_;
  };

  std::shared_ptr<State> state_;
};

}  // namespace yardmaster::test
