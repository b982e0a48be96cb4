#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace yardmaster::agent {

/// Reads a text file a line at a time, blank lines passed over. Not thread-safe.
class LineReader {
 public:
  /// Fails with io if the file cannot be read.
  static Result<LineReader> open(const std::string& path);

  /// The next line without its end, valid until the next call; nothing at the end of the file.
  std::optional<std::string_view> next();

  std::uint64_t line() const { return line_; }  ///< of the line returned last, from 1
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  LineReader() = default;

  std::ifstream file_;
  std::string buffer_;
  std::uint64_t line_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace yardmaster::agent
