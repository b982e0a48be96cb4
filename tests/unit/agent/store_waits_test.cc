#include "agent/store_waits.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <vector>

namespace yardmaster::agent {
namespace {

namespace asio = boost::asio;

using Done = std::function<void(int)>;

class StoreWaitsTest : public testing::Test {
 protected:
  /// Appends something: its answer is that of `done_[i]`, i counting calls.
  void append(StoreWaits& waits) {
    asio::co_spawn(io_, wait(waits, done_),
                   [this](std::exception_ptr, std::optional<int> value) { got_.push_back(value); });
  }

  /// Runs until nothing is left to wait for.
  void run() {
    io_.restart();
    io_.run();
  }

  static asio::awaitable<std::optional<int>> wait(StoreWaits& waits, std::vector<Done>& done) {
    auto start = [&](Done each) { done.push_back(std::move(each)); };
    co_return co_await waits.await<int>(start);
  }

  /// Runs what is ready and no more.
  void poll() {
    io_.restart();
    io_.poll();
  }

  asio::io_context io_{1};
  std::vector<Done> done_;
  std::vector<std::optional<int>> got_;
  StoreWaits patient_{io_.get_executor(), std::chrono::hours(1)};
  StoreWaits hasty_{io_.get_executor(), std::chrono::milliseconds(1)};
};

TEST_F(StoreWaitsTest, AnAnswerInTimeIsGiven) {
  append(patient_);
  poll();
  done_.at(0)(7);
  poll();
  EXPECT_EQ(got_, (std::vector<std::optional<int>>{7}));
}

TEST_F(StoreWaitsTest, AnswersMayComeInAnyOrder) {
  for (int i = 0; i < 3; ++i) append(patient_);
  poll();
  for (const std::size_t i : {2u, 0u, 1u}) done_.at(i)(static_cast<int>(i));
  poll();
  EXPECT_EQ(got_, (std::vector<std::optional<int>>{2, 0, 1}));
}

TEST_F(StoreWaitsTest, WithoutAnAnswerTheWaitEndsWithNothing) {
  append(hasty_);
  append(hasty_);
  run();
  EXPECT_EQ(got_, (std::vector<std::optional<int>>{std::nullopt, std::nullopt}));
}

TEST_F(StoreWaitsTest, WhileAnAnswerIsOverdueNothingIsStarted) {
  append(hasty_);
  run();
  append(hasty_);
  poll();
  EXPECT_EQ(done_.size(), 1u);
  EXPECT_EQ(got_, (std::vector<std::optional<int>>{std::nullopt, std::nullopt}));
}

TEST_F(StoreWaitsTest, ALateAnswerIsDroppedAndLetsTheNextWaitStart) {
  append(hasty_);
  run();
  done_.at(0)(1);
  poll();
  EXPECT_EQ(got_, (std::vector<std::optional<int>>{std::nullopt}));
  append(hasty_);
  poll();
  EXPECT_EQ(done_.size(), 2u);
}

TEST_F(StoreWaitsTest, AnAnswerMayComeBeforeItIsWaitedFor) {
  auto pending = patient_.begin<int>([&](Done each) { done_.push_back(std::move(each)); });
  done_.at(0)(5);
  poll();
  asio::co_spawn(io_, StoreWaits::finish(std::move(pending)),
                 [this](std::exception_ptr, std::optional<int> value) { got_.push_back(value); });
  poll();
  EXPECT_EQ(got_, (std::vector<std::optional<int>>{5}));
}

TEST_F(StoreWaitsTest, AnAnswerThatNobodyWaitsForAnyMoreIsDropped) {
  {
    StoreWaits gone(io_.get_executor(), std::chrono::hours(1));
    gone.begin<int>([&](Done each) { done_.push_back(std::move(each)); });
  }
  poll();  // the timer, which was cancelled
  done_.at(0)(5);
  io_.restart();
  EXPECT_EQ(io_.poll(), 0u);
}

}  // namespace
}  // namespace yardmaster::agent
