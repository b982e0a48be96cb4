#include "agent/logs/line_reader.h"

#include <filesystem>
#include <system_error>

namespace yardmaster::agent {

Result<LineReader> LineReader::open(const std::string& path) {
  LineReader reader;
  std::error_code error;
  reader.file_bytes_ = std::filesystem::file_size(path, error);
  if (!error) reader.file_.open(path, std::ios::binary);
  if (error || !reader.file_) {
    return fail(ErrorCode::io, "the log '" + path + "' cannot be read" +
                                   (error ? ": " + error.message() : "") + "; check the path");
  }
  return reader;
}

std::optional<std::string_view> LineReader::next() {
  while (std::getline(file_, buffer_)) {
    ++line_;
    bytes_read_ += buffer_.size() + 1;
    if (buffer_.ends_with('\r')) buffer_.pop_back();
    if (buffer_.find_first_not_of(" \t") != std::string::npos) return buffer_;
  }
  return std::nullopt;
}

}  // namespace yardmaster::agent
