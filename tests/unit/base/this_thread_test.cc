#include "base/this_thread.h"

#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <thread>

namespace yardmaster {
namespace {

/// The calling thread's slice in nanoseconds; 0 where the kernel tells none.
std::uint64_t slice() {
  std::array<std::uint64_t, 6> attributes{};  // the fourth is the slice: struct sched_attr
  static_cast<void>(::syscall(SYS_sched_getattr, 0, attributes.data(), sizeof attributes, 0));
  return attributes[3];
}

int policy() { return ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK; }

int niceness() { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); }

TEST(ThisThread, ShortSlicesAreThisThreadsOwn) {
  if (slice() == 0 || policy() != SCHED_OTHER)
    GTEST_SKIP() << "the kernel has no slices to ask for";
  std::thread([] {
    const std::uint64_t usual = slice();
    ask_for_short_slices();
    EXPECT_EQ(slice(), 100'000u);
    std::thread([usual] { EXPECT_EQ(slice(), usual); }).join();
  }).join();
}

TEST(ThisThread, ShortSlicesLeavePriorityAndPolicyAsTheyAre) {
  std::thread([] {
    static_cast<void>(be_nice(niceness() + 1));
    const int policy_before = policy(), niceness_before = niceness();
    ask_for_short_slices();
    EXPECT_EQ(policy(), policy_before);
    EXPECT_EQ(niceness(), niceness_before);
  }).join();
}

TEST(ThisThread, ShortSlicesAreNotForThreadsOfAnotherPolicy) {
  std::thread([] {
    const sched_param none{};
    if (::sched_setscheduler(0, SCHED_BATCH, &none) != 0) GTEST_SKIP() << "no other policy here";
    const std::uint64_t before = slice();
    ask_for_short_slices();
    EXPECT_EQ(policy(), SCHED_BATCH);
    EXPECT_EQ(slice(), before);
  }).join();
}

}  // namespace
}  // namespace yardmaster
