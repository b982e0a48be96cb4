#include "base/busy_poll.h"

#include <thread>
#include <utility>

namespace yardmaster {
namespace {

using Clock = std::chrono::steady_clock;

/// Who has the processor for so long after a yield is another program, with a slice of its own; the
/// store's writer is done sooner. For some time then nobody polls: a thread that sleeps is woken in
/// the middle of that slice, one that yielded waits for its end.
constexpr std::chrono::microseconds kLongYield{300};
constexpr std::chrono::milliseconds kCrowded{100};

/// Whether something ran that was ready before `end`. It returns at once before `crowded_until`,
/// which a long yield sets.
bool poll_until(boost::asio::io_context& io, Clock::time_point end,
                const BackgroundWork& background, Clock::time_point& crowded_until) {
  for (auto now = Clock::now(); now < end && now >= crowded_until;) {
    if (io.stopped() || background.under_way()) break;
    std::this_thread::yield();
    const auto before = std::exchange(now, Clock::now());
    if (now - before > kLongYield) crowded_until = now + kCrowded;
    if (io.poll() > 0) return true;
  }
  return false;
}

}  // namespace

void run_with_busy_poll(boost::asio::io_context& io, std::chrono::microseconds longest,
                        const BackgroundWork& background) {
  if (longest.count() == 0) {
    io.run();
    return;
  }
  Clock::duration window{0};
  Clock::time_point crowded_until;
  while (!io.stopped()) {
    if (io.poll() > 0) continue;
    const auto idle_since = Clock::now();
    if (poll_until(io, idle_since + window, background, crowded_until)) continue;
    io.run_one();
    window = Clock::now() - idle_since < longest ? longest : Clock::duration(0);
  }
}

}  // namespace yardmaster
