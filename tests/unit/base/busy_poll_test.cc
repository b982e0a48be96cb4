#include "base/busy_poll.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <thread>

namespace yardmaster {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

rusage usage_of_this_thread() {
  rusage usage{};
  EXPECT_EQ(getrusage(RUSAGE_THREAD, &usage), 0);
  return usage;
}

std::chrono::microseconds processor_time(const rusage& usage) {
  return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/// Runs a context whose work comes `count` times, with this pause between.
void run_with_pauses(std::chrono::microseconds longest, std::chrono::milliseconds pause, int count,
                     const BackgroundWork& background = {}) {
  asio::io_context io(1);
  asio::steady_timer timer(io);
  std::function<void()> wait = [&] {
    timer.expires_after(pause);
    timer.async_wait([&](const boost::system::error_code&) {
      if (--count > 0) wait();
    });
  };
  wait();
  run_with_busy_poll(io, longest, background);
  EXPECT_EQ(count, 0);
}

class BusyPollTest : public testing::TestWithParam<std::chrono::microseconds> {};

TEST_P(BusyPollTest, RunsWhatOtherThreadsPostUntilItIsStopped) {
  asio::io_context io(1);
  const auto work = asio::make_work_guard(io);
  std::thread runner([&] { run_with_busy_poll(io, GetParam(), {}); });
  std::atomic<int> ran{0};
  for (int i = 1; i <= 2'000; ++i) {
    asio::post(io, [&] { ++ran; });
    while (ran < i) std::this_thread::yield();
  }
  io.stop();
  runner.join();
  EXPECT_EQ(ran, 2'000);
}

TEST_P(BusyPollTest, ReturnsWhenThereIsNoMoreWork) { run_with_pauses(GetParam(), 1ms, 1); }

TEST_P(BusyPollTest, SleepsWhereWorkComesSeldom) {
  const auto before = processor_time(usage_of_this_thread());
  run_with_pauses(GetParam(), 10ms, 20);
  // Of 200 ms. Polling before each sleep would be 100 for the longest of the windows.
  EXPECT_LT(processor_time(usage_of_this_thread()) - before, 50ms);
}

INSTANTIATE_TEST_SUITE_P(BusyPoll, BusyPollTest, testing::Values(0us, 100us, 5'000us));

TEST(BusyPoll, DoesNotSleepWhereWorkComesOftenUnlessThereIsBackgroundWork) {
  BackgroundWork background;
  const auto sleeps = [&](std::chrono::microseconds longest) {
    const auto before = usage_of_this_thread().ru_nvcsw;
    run_with_pauses(longest, 1ms, 200, background);
    return usage_of_this_thread().ru_nvcsw - before;
  };
  EXPECT_GE(sleeps(0us), 150);
  EXPECT_LT(sleeps(50'000us), 50);
  const BackgroundWork::Hold hold(background);
  EXPECT_GE(sleeps(50'000us), 150);
}

}  // namespace
}  // namespace yardmaster
