#include "agent/logging.h"

#include <spdlog/formatter.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unicode/utf8.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace yardmaster::agent {
namespace {

std::string_view level_name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::info:
      return "info";
    case spdlog::level::warn:
      return "warn";
    default:
      return "error";
  }
}

void append_escaped_code(UChar32 code, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u00";
  out += kDigits[static_cast<std::size_t>(code >> 4)];
  out += kDigits[static_cast<std::size_t>(code & 15)];
}

/// Control characters as JSON writes them, and U+FFFD for what is no UTF-8; with `quotes` also
/// what would end a JSON string.
std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  out.reserve(text.size());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = at;
    UChar32 code = 0;
    U8_NEXT(bytes, at, text.size(), code);
    if (code < 0) {
      out += "\xef\xbf\xbd";
    } else if (code == '\n') {
      out += "\\n";
    } else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
      append_escaped_code(code, out);
    } else {
      if (quotes && (code == '"' || code == '\\')) out += '\\';
      out.append(text, begin, at - begin);
    }
  }
  return out;
}

class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string time =
        format_rfc3339(std::chrono::time_point_cast<Timestamp::duration>(message.time));
    const std::string_view level = level_name(message.level);
    const std::string text = escaped({message.payload.data(), message.payload.size()}, json_);
    std::string line;
    if (json_) {
      line.append(R"({"time":")").append(time).append(R"(","level":")").append(level);
      line.append(R"(","message":")").append(text).append("\"}\n");
    } else {
      line.append(time).append(" ").append(level).append(level.size() == 4 ? "  " : " ");
      line.append(text).append("\n");
    }
    out.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(json_);
  }

 private:
  bool json_;
};

spdlog::level::level_enum spdlog_level(LoggingConfig::Level level) {
  switch (level) {
    case LoggingConfig::Level::debug:
      return spdlog::level::debug;
    case LoggingConfig::Level::info:
      return spdlog::level::info;
    case LoggingConfig::Level::warn:
      return spdlog::level::warn;
    case LoggingConfig::Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

std::shared_ptr<spdlog::logger> make_logger(const LoggingConfig& config, spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("yardmaster", std::move(sink));
  logger->set_formatter(std::make_unique<LineFormatter>(config.json));
  logger->set_level(spdlog_level(config.level));
  logger->flush_on(spdlog::level::debug);
  return logger;
}

void set_up_logging(const LoggingConfig& config) {
  spdlog::set_default_logger(
      make_logger(config, std::make_shared<spdlog::sinks::stderr_sink_mt>()));
}

}  // namespace yardmaster::agent
