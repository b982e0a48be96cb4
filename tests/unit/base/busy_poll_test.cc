#include "base/busy_poll.h"

#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <thread>

namespace yardmaster {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

std::chrono::nanoseconds processor_time_of_this_thread() {
  timespec time{};
  EXPECT_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

class BusyPollTest : public testing::TestWithParam<std::chrono::microseconds> {};

TEST_P(BusyPollTest, RunsWhatOtherThreadsPostUntilItIsStopped) {
  asio::io_context io(1);
  const auto work = asio::make_work_guard(io);
  std::thread runner([&] { run_with_busy_poll(io, GetParam()); });
  std::atomic<int> ran{0};
  for (int i = 1; i <= 2'000; ++i) {
    asio::post(io, [&] { ++ran; });
    // Now and then a pause that is longer than the poll: the next handler wakes a sleeper.
    if (i % 200 == 0) std::this_thread::sleep_for(2ms);
    while (ran < i) std::this_thread::yield();
  }
  io.stop();
  runner.join();
  EXPECT_EQ(ran, 2'000);
}

TEST_P(BusyPollTest, ReturnsWhenThereIsNoMoreWork) {
  asio::io_context io(1);
  asio::steady_timer timer(io, 1ms);
  bool expired = false;
  timer.async_wait([&](const boost::system::error_code&) { expired = true; });
  run_with_busy_poll(io, GetParam());
  EXPECT_TRUE(expired);
}

TEST_P(BusyPollTest, SleepsWhereWorkComesSeldom) {
  asio::io_context io(1);
  asio::steady_timer timer(io);
  int left = 20;
  std::function<void()> wait = [&] {
    timer.expires_after(10ms);
    timer.async_wait([&](const boost::system::error_code&) {
      if (--left > 0) wait();
    });
  };
  wait();
  const auto before = processor_time_of_this_thread();
  run_with_busy_poll(io, GetParam());
  // Of 200 ms; polling for all of it would be all of it.
  EXPECT_LT(processor_time_of_this_thread() - before, 50ms);
}

INSTANTIATE_TEST_SUITE_P(BusyPoll, BusyPollTest, testing::Values(0us, 100us));

}  // namespace
}  // namespace yardmaster
