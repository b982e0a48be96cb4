#include "base/busy_poll.h"

#include <thread>

namespace yardmaster {
namespace {

using Clock = std::chrono::steady_clock;

/// Whether something ran that was ready before `end`.
bool poll_until(boost::asio::io_context& io, Clock::time_point end,
                const BackgroundWork& background) {
  while (!io.stopped() && !background.under_way() && Clock::now() < end) {
    std::this_thread::yield();
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
  while (!io.stopped()) {
    if (io.poll() > 0) continue;
    const auto idle_since = Clock::now();
    if (poll_until(io, idle_since + window, background)) continue;
    io.run_one();
    window = Clock::now() - idle_since < longest ? longest : Clock::duration(0);
  }
}

}  // namespace yardmaster
