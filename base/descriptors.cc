#include "base/descriptors.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace yardmaster {
namespace {

constexpr std::size_t kMostTables = 512;  // of 64 MB each, and fewer stay readable one by one
constexpr std::size_t kOwn = 64;          // logs, snapshots, event loops, libraries

std::size_t without_infinity(rlim_t limit) {
  constexpr rlim_t kMost = 1u << 20;
  return static_cast<std::size_t>(std::min(limit, kMost));
}

}  // namespace

std::size_t descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return without_infinity(limit.rlim_cur);
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  return descriptor_limit();
}

void reserve_descriptors() {
  constexpr std::size_t kMost = 65'536;  // 8 bytes each
  const std::size_t last = std::min(descriptor_limit(), kMost) - 1;
  const int any = ::eventfd(0, EFD_CLOEXEC);
  const int copy = ::fcntl(any, F_DUPFD_CLOEXEC, static_cast<int>(last));
  if (copy >= 0) ::close(copy);
  if (any >= 0) ::close(any);
}

DescriptorShares share_descriptors(std::size_t limit) {
  DescriptorShares shares;
  shares.tables = std::clamp<std::size_t>(limit / 4, 16, kMostTables);
  const std::size_t taken = shares.tables + kOwn;
  shares.clients = limit > taken + 2 ? (limit - taken) / 2 : 1;
  return shares;
}

}  // namespace yardmaster
