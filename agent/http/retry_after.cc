#include "agent/http/retry_after.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>

namespace yardmaster::agent {
namespace {

/// Beyond this a number of seconds is no time that anybody means, and sums of it could overflow.
constexpr std::int64_t kMostSeconds = 10LL * 366 * 86'400;

std::optional<std::chrono::sys_seconds> parse_date(const std::string& text, const char* form) {
  std::tm parts{};
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  in >> std::get_time(&parts, form);
  // get_time takes texts that end early, and leaves what follows.
  std::ostringstream whole;
  whole.imbue(std::locale::classic());
  whole << std::put_time(&parts, form);
  if (in.fail() || whole.str() != text) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year(parts.tm_year + 1900),
                                        std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                                        std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days(day) + std::chrono::hours(parts.tm_hour) +
         std::chrono::minutes(parts.tm_min) + std::chrono::seconds(parts.tm_sec);
}

}  // namespace

std::optional<std::chrono::seconds> parse_retry_after(std::string_view header, Timestamp now) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), seconds);
  if (error == std::errc() && end == header.data() + header.size()) {
    if (seconds < 0) return std::nullopt;
    return std::chrono::seconds(std::min(seconds, kMostSeconds));
  }
  const std::string text(header);
  for (const char* form :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    if (const auto date = parse_date(text, form)) {
      const auto wait = std::chrono::ceil<std::chrono::seconds>(*date - now);
      return std::clamp(wait, std::chrono::seconds(0), std::chrono::seconds(kMostSeconds));
    }
  }
  return std::nullopt;
}

}  // namespace yardmaster::agent
