#include "env/sse.h"

#include <algorithm>

namespace yardmaster::env {

namespace {

/// Where the line ends that `begin` is in: its LF or CR, or the text's end. By searches for one
/// character, which the C library does a register at a time, where for either of two it looks at
/// each; in windows, so that many lines that end in one of them cost no more than their length.
std::size_t line_end(std::string_view text, std::size_t begin) {
  constexpr std::size_t kWindow = 256;
  for (; begin < text.size(); begin += kWindow) {
    const std::string_view window = text.substr(begin, kWindow);
    const std::size_t lf = std::min(window.find('\n'), window.size());
    const std::size_t end = std::min(window.substr(0, lf).find('\r'), lf);
    if (end < window.size()) return begin + end;
  }
  return text.size();
}

}  // namespace

bool SseSplitter::append(std::string_view bytes) {
  bytes_.erase(0, begin_);
  position_ -= begin_;
  begin_ = 0;
  bytes_ += bytes;
  // What is held back is at most what was not a whole event, and one read.
  return position_ <= max_event_bytes_;
}

std::optional<std::string_view> SseSplitter::next() {
  while (position_ < bytes_.size()) {
    const char c = bytes_[position_];
    const bool starts_with_rest = c == '\n' && after_cr_;
    ++position_;
    if (starts_with_rest) {
      after_cr_ = false;
      if (position_ - begin_ > 1) continue;
      begin_ = position_;
      return std::string_view(bytes_).substr(begin_ - 1, 1);
    }
    after_cr_ = c == '\r';
    if (c != '\n' && c != '\r') {
      line_is_empty_ = false;
      // Nothing happens until the line's end.
      position_ = line_end(bytes_, position_);
      continue;
    }
    if (!line_is_empty_) {
      line_is_empty_ = true;
      continue;
    }
    if (after_cr_ && position_ < bytes_.size() && bytes_[position_] == '\n') {
      ++position_;
      after_cr_ = false;
    }
    const std::string_view event = std::string_view(bytes_).substr(begin_, position_ - begin_);
    begin_ = position_;
    return event;
  }
  return std::nullopt;
}

std::optional<std::string_view> sse_data(std::string_view event, std::string& joined) {
  constexpr std::string_view kField = "data";
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (event.starts_with(kByteOrderMark)) event.remove_prefix(kByteOrderMark.size());
  std::optional<std::string_view> data;
  while (!event.empty()) {
    const std::size_t end = line_end(event, 0);
    std::string_view line = event.substr(0, end);
    event.remove_prefix(std::min(end + 1, event.size()));
    if (!line.starts_with(kField)) continue;
    line.remove_prefix(kField.size());
    if (!line.empty() && line.front() != ':') continue;
    if (!line.empty()) line.remove_prefix(1);
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (!data) {
      data = line;
      continue;
    }
    if (data->data() != joined.data()) joined.assign(*data);
    joined += '\n';
    joined += line;
    data = joined;
  }
  return data;
}

}  // namespace yardmaster::env
