#include "replay/task_queue.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace yardmaster::replay {
namespace {

void push_tick(TaskQueue& queue) {
  Task task = Tick{[](const Status&) {}};
  ASSERT_TRUE(queue.push(task));
}

TEST(TaskQueue, AReleaseWakesTheTakerWhoeverElseHolds) {
  TaskQueue queue(8, 1 << 20);
  std::size_t taken = 0;
  std::thread taker([&] {
    std::vector<Task> tasks;
    queue.take(tasks, std::chrono::steady_clock::now() + std::chrono::hours(1));
    taken = tasks.size();
  });
  queue.hold();
  queue.hold();
  push_tick(queue);
  queue.release();
  taker.join();
  EXPECT_EQ(taken, 1u);
  queue.release();
}

TEST(TaskQueue, WhatIsHeldIsTakenByOneWhoLooks) {
  TaskQueue queue(8, 1 << 20);
  queue.hold();
  push_tick(queue);
  std::vector<Task> tasks;
  EXPECT_TRUE(queue.take(tasks, std::chrono::steady_clock::time_point()));
  EXPECT_EQ(tasks.size(), 1u);
  queue.release();
}

}  // namespace
}  // namespace yardmaster::replay
