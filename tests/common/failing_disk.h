#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <utility>

namespace yardmaster::test {

/// The operating system's files, until a test breaks the disk: from then on writes, or syncs, to
/// any file fail, or wait. Any thread.
class FailingDisk final : public rocksdb::FileSystemWrapper {
 public:
  enum class Fault {
    none,
    full,         ///< writes fail with ENOSPC after half of their bytes went through
    broken,       ///< writes fail with EIO after half of their bytes went through
    read_only,    ///< nothing is written, as where a kernel gave a file system up: EROFS
    cannot_sync,  ///< writes pass, syncs fail with EIO
    hangs         ///< writes to open files, and their syncs, wait for the next fault
  };

  FailingDisk() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "FailingDisk"; }

  void set_fault(Fault fault) {
    *fault_ = fault;
    fault_->notify_all();
  }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    if (takes_nothing(*fault_)) return error(*fault_);
    const auto status = target()->NewWritableFile(name, options, file, context);
    if (status.ok()) *file = std::make_unique<File>(std::move(*file), fault_);
    return status;
  }

  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 std::uint64_t* free, rocksdb::IODebugContext* context) override {
    const auto status = target()->GetFreeSpace(path, options, free, context);
    if (*fault_ == Fault::full) *free = 0;
    return status;
  }

 private:
  static bool takes_nothing(Fault fault) {
    return fault == Fault::full || fault == Fault::broken || fault == Fault::read_only;
  }

  static rocksdb::IOStatus error(Fault fault) {
    if (fault == Fault::read_only) {
      return rocksdb::IOStatus::IOError("injected: read-only file system");
    }
    return fault == Fault::full ? rocksdb::IOStatus::NoSpace("injected: no space left on device")
                                : rocksdb::IOStatus::IOError("injected: input/output error");
  }

  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<std::atomic<Fault>> fault)
        : FSWritableFileOwnerWrapper(std::move(file)), fault_(std::move(fault)) {}

    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override {
      fault_->wait(Fault::hangs);
      const Fault fault = *fault_;
      if (!takes_nothing(fault)) return target()->Append(data, options, context);
      if (fault == Fault::read_only) return error(fault);
      target()->Append({data.data(), data.size() / 2}, options, context).PermitUncheckedError();
      return error(fault);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&,
                             rocksdb::IODebugContext* context) override {
      return Append(data, options, context);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) override {
      fault_->wait(Fault::hangs);
      if (*fault_ != Fault::none) return error(*fault_);
      return target()->Sync(options, context);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* context) override {
      fault_->wait(Fault::hangs);
      if (*fault_ != Fault::none) return error(*fault_);
      return target()->Fsync(options, context);
    }

   private:
    std::shared_ptr<std::atomic<Fault>> fault_;
  };

  std::shared_ptr<std::atomic<Fault>> fault_ = std::make_shared<std::atomic<Fault>>(Fault::none);
};

}  // namespace yardmaster::test
