#include "base/this_thread.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

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

void ask_for_short_slices() {
  if (::sched_getscheduler(0) != SCHED_OTHER) return;  // someone has thought of something better
  SchedulingAttributes attributes{};
  attributes.size = sizeof attributes;
  attributes.policy = SCHED_OTHER;
  attributes.nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
  attributes.runtime = kShortSliceNs;
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

}  // namespace yardmaster
