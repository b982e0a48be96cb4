#include "base/this_thread.h"

#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace yardmaster {
namespace {

constexpr std::uint64_t kShortSliceNs = 100'000;

/// The kernel's struct sched_attr in its first version, which the C library does not declare.
struct SchedulingAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;  // the slice, where the policy is the usual one
  std::uint64_t deadline;
  std::uint64_t period;
};

}  // namespace

void name_this_thread(const char* name) {
  static_cast<void>(::pthread_setname_np(::pthread_self(), name));
}

bool be_nice(int niceness) {
  return ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness) == 0;
}

void ask_for_short_slices() {
  // Of another policy someone has thought.
  if ((::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) != SCHED_OTHER) return;
  errno = 0;
  const int nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
  if (errno != 0) return;
  SchedulingAttributes attributes{};
  attributes.size = sizeof attributes;
  attributes.policy = SCHED_OTHER;
  attributes.flags = SCHED_FLAG_RESET_ON_FORK;
  attributes.nice = nice;
  attributes.runtime = kShortSliceNs;
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

}  // namespace yardmaster
