#include "agent/progress.h"

#include <unistd.h>

#include <algorithm>
#include <ostream>

namespace yardmaster::agent {
namespace {

constexpr std::chrono::seconds kQuietTime{2};
constexpr std::chrono::milliseconds kBetweenDraws{100};
constexpr std::uint64_t kWidth = 30;

}  // namespace

ProgressBar::ProgressBar(std::ostream& out, bool terminal, std::string label, Now start)
    : out_(out), terminal_(terminal), label_(std::move(label)), start_(start), last_drawn_(start) {}

void ProgressBar::update(std::uint64_t done, std::uint64_t total, Now now) {
  if (!terminal_ || now - start_ < kQuietTime || now - last_drawn_ < kBetweenDraws) return;
  last_drawn_ = now;
  drawn_ = true;
  const std::uint64_t filled = total == 0 ? 0 : std::min(kWidth, done * kWidth / total);
  out_ << '\r' << label_ << " [" << std::string(filled, '#') << std::string(kWidth - filled, ' ')
       << "] " << done << " of " << total << std::flush;
}

void ProgressBar::finish() {
  if (drawn_) out_ << "\r\033[K" << std::flush;
  drawn_ = false;
}

bool stderr_is_terminal() { return isatty(STDERR_FILENO) != 0; }

}  // namespace yardmaster::agent
