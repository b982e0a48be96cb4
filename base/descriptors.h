#pragma once

#include <cstddef>

namespace yardmaster {

/// How many files and sockets this process may have open.
std::size_t descriptor_limit();

/// Raises that as far as the system lets the process, and returns it. Call at the start.
std::size_t raise_descriptor_limit();

/// Has the kernel make its table of descriptors as large as the limit, or as 65,536. Otherwise it
/// grows the table when a descriptor needs that, and the call hangs for tens of milliseconds, as
/// this one does. Any thread; the others go on.
void reserve_descriptors();

/// What may be open at once, so that a flood of clients does not take the store's files.
struct DescriptorShares {
  std::size_t tables = 0;   ///< of the store
  std::size_t clients = 0;  ///< connections, each of which may need one to an upstream
};

DescriptorShares share_descriptors(std::size_t limit);

}  // namespace yardmaster
