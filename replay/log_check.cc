#include "replay/log_check.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <charconv>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "replay/bytes.h"

namespace yardmaster::replay {
namespace {

// https://github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format
constexpr std::size_t kBlockBytes = 32u << 10;
constexpr std::size_t kHeaderBytes = 7;  // checksum, length, type
constexpr std::size_t kBatchHeaderBytes = 12;
constexpr std::size_t kSectorBytes = 512;
enum Type : std::uint8_t { kNone, kFull, kFirst, kMiddle, kLast };

/// Goes through the records of one log after the other.
class Walk {
 public:
  Status take_log(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string block(kBlockBytes, '\0');
    record_.clear();
    in_record_ = false;
    for (std::uint64_t at = 0; file; at += kBlockBytes) {
      file.read(block.data(), static_cast<std::streamsize>(block.size()));
      const auto size = static_cast<std::size_t>(file.gcount());
      const auto bad = take_block(std::string_view(block).substr(0, size));
      if (!bad) continue;
      if (zeros_follow(file, std::string_view(block).substr(bad_from_, size - bad_from_)))
        return {};
      return fail(ErrorCode::corrupt, "the replay store's log " + path.string() +
                                          " lacks something at byte " + std::to_string(at + *bad) +
                                          " that others follow; restore a backup");
    }
    if (file.bad()) {
      return fail(ErrorCode::io, path.string() + " cannot be read; check the disk and permissions");
    }
    return {};
  }

 private:
  /// Where in the block is something that cannot be; nothing: all of it is in order, or cut short
  /// by the end of the file.
  std::optional<std::size_t> take_block(std::string_view block) {
    std::size_t at = 0;
    while (block.size() - at >= kHeaderBytes) {
      ByteReader header(block.substr(at + sizeof(std::uint32_t), kHeaderBytes));
      std::size_t length = header.take_byte();
      length += std::size_t{header.take_byte()} << 8;
      const std::uint8_t type = header.take_byte();
      const std::size_t end = at + kHeaderBytes + length;
      const bool begins = type == kFull || type == kFirst;
      bad_from_ = at;
      if (type == kNone || type > kLast || end > kBlockBytes || begins == in_record_) return at;
      if (end > block.size()) return std::nullopt;
      if (!matches_checksum(block.substr(at, kHeaderBytes + length))) {
        // Torn if what was to be its end was never written: whole sectors of zeros, to the log's
        // end.
        const std::size_t sectors = block.substr(at, kHeaderBytes + length).find_last_not_of('\0');
        bad_from_ = (at + sectors) / kSectorBytes * kSectorBytes + kSectorBytes;
        if (bad_from_ >= end) bad_from_ = at;
        return at;
      }
      if (begins) record_.clear();
      if (record_.size() < kBatchHeaderBytes) {
        record_ += block.substr(at + kHeaderBytes, std::min(length, kBatchHeaderBytes));
      }
      in_record_ = type == kFirst || type == kMiddle;
      if (!in_record_ && !take_record()) return at;
      at = end;
    }
    return std::nullopt;
  }

  /// A whole record: a batch of writes, which begins with its first sequence number and their
  /// count.
  bool take_record() {
    ByteReader batch(record_);
    const std::uint64_t sequence = batch.take_fixed64();
    const std::uint32_t count = batch.take_fixed32();
    const bool follows = batch.good() && (!next_ || sequence == *next_);
    next_ = sequence + count;
    return follows;
  }

  static bool matches_checksum(std::string_view fragment) {
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc32c;
    const std::size_t type = kHeaderBytes - 1;
    crc32c.process_bytes(fragment.data() + type, fragment.size() - type);
    const std::uint32_t crc = crc32c.checksum();
    const std::uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
    return ByteReader(fragment).take_fixed32() == masked;
  }

  static bool zeros_follow(std::ifstream& file, std::string_view rest) {
    if (rest.find_first_not_of('\0') != std::string_view::npos) return false;
    for (int byte = file.get(); file; byte = file.get()) {
      if (byte != 0) return false;
    }
    return true;
  }

  std::optional<std::uint64_t> next_;  ///< the sequence number of the next record
  std::string record_;                 ///< the beginning of the one under way
  bool in_record_ = false;
  std::size_t bad_from_ = 0;  ///< in the block: from here on a crash leaves zeros alone
};

}  // namespace

std::map<std::uint64_t, std::filesystem::path> logs_of(const std::filesystem::path& directory) {
  std::map<std::uint64_t, std::filesystem::path> logs;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    std::uint64_t number = 0;
    const auto end = std::from_chars(name.data(), name.data() + name.size(), number).ptr;
    if (std::string_view(end) == ".log") logs[number] = entry.path();
  }
  return logs;
}

Status check_logs(const std::filesystem::path& directory) {
  Walk walk;
  for (const auto& [number, path] : logs_of(directory)) {
    if (Status whole = walk.take_log(path); !whole) return whole;
  }
  return {};
}

}  // namespace yardmaster::replay
