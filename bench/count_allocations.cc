// A library to preload: counts each thread's allocations in the file that COUNT_ALLOCATIONS names,
// which is mapped, so that another process may read it at any time: kSlots pairs of native 64-bit
// numbers, a thread's id (0: no thread yet) and its allocations so far. Threads beyond the slots
// share the last one.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

constexpr std::size_t kSlots = 256;

struct Slot {
  std::atomic<std::uint64_t> thread{0};
  std::atomic<std::uint64_t> count{0};
};

Slot* map_slots() {
  constexpr std::size_t kBytes = kSlots * sizeof(Slot);
  const char* name = std::getenv("COUNT_ALLOCATIONS");
  const int file = name == nullptr ? -1 : ::open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || ::ftruncate(file, kBytes) != 0) return nullptr;
  void* mapped = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return mapped == MAP_FAILED ? nullptr : static_cast<Slot*>(mapped);
}

void count() {
  static Slot* const slots = map_slots();
  static std::atomic<std::size_t> next{0};
  thread_local Slot* mine = nullptr;
  if (slots == nullptr) return;
  if (mine == nullptr) {
    const std::size_t index = next.fetch_add(1);
    mine = &slots[index < kSlots ? index : kSlots - 1];
    mine->thread = static_cast<std::uint64_t>(::syscall(SYS_gettid));
  }
  mine->count.fetch_add(1, std::memory_order_relaxed);
}

template <class Function>
Function* next_of(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

void* allocate(std::size_t size) {
  static auto* const real = next_of<void*(std::size_t)>("malloc");
  count();
  return real(size);
}

void* allocate_aligned(std::size_t alignment, std::size_t size) {
  static auto* const real = next_of<void*(std::size_t, std::size_t)>("aligned_alloc");
  count();
  return real(alignment, size);
}

void* checked(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// calloc is left alone: dlsym calls it, and what serves a request does not.
extern "C" {
void* malloc(std::size_t size) { return allocate(size); }
void* realloc(void* memory, std::size_t size) {
  static auto* const real = next_of<void*(void*, std::size_t)>("realloc");
  count();
  return real(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return allocate_aligned(alignment, size);
}
}

void* operator new(std::size_t size) { return checked(allocate(size)); }
void* operator new[](std::size_t size) { return checked(allocate(size)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return checked(allocate_aligned(static_cast<std::size_t>(alignment), size));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return checked(allocate_aligned(static_cast<std::size_t>(alignment), size));
}
