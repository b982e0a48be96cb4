#include "base/this_thread.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

namespace yardmaster {
namespace {

TEST(ThisThread, ShortSlicesLeavePriorityAndPolicyAsTheyAre) {
  std::thread([] {
    const auto self = static_cast<id_t>(::gettid());
    ASSERT_EQ(::setpriority(PRIO_PROCESS, self, 7), 0);
    ask_for_short_slices();
    EXPECT_EQ(::getpriority(PRIO_PROCESS, self), 7);
    EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
  }).join();
}

TEST(ThisThread, ShortSlicesAreNotForThreadsOfAnotherPolicy) {
  std::thread([] {
    const sched_param none{};
    ASSERT_EQ(::sched_setscheduler(0, SCHED_BATCH, &none), 0);
    ask_for_short_slices();
    EXPECT_EQ(::sched_getscheduler(0), SCHED_BATCH);
  }).join();
}

}  // namespace
}  // namespace yardmaster
