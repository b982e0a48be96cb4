#pragma once

#include <cstddef>

/// YARDMASTER_MULTIVERSION before a function makes the compiler build it for AVX-512, AVX2 and
/// neither; the machine's best is picked when the program loads. The sanitizers cannot instrument
/// the resolvers that this makes, so under them, and elsewhere, it is nothing.
///
/// A loop that holds vectors must hold them as wide as the registers are: GCC splits wider ones
/// through memory, which is five to fourteen times slower. YARDMASTER_BY_WIDTH(DEFINE) is
/// DEFINE(TARGET, BYTES) for each of the versions, where DEFINE writes a function of one name and
/// signature, marked TARGET, for vectors of so many bytes. Callers outside of the file would get
/// the slowest version: call it from within.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define YARDMASTER_MULTIVERSION \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define YARDMASTER_BY_WIDTH(DEFINE)                                                  \
  DEFINE(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), 64) \
  DEFINE(__attribute__((target("avx2,fma"))), 32)                                    \
  DEFINE(__attribute__((target("default"))), 16)
#else
#define YARDMASTER_MULTIVERSION
#define YARDMASTER_BY_WIDTH(DEFINE) DEFINE(, 16)
#endif

/// For the functions that those call: inlined, they become part of each version.
#define YARDMASTER_INLINE inline __attribute__((always_inline))

namespace yardmaster::policies {

/// A vector of so many bytes, anywhere in memory. (As the argument of another template it would
/// lose its alignment: give the template the bytes.)
template <class Element, std::size_t kBytes>
struct Lanes {
  typedef Element Vector __attribute__((vector_size(kBytes), aligned(alignof(Element)), may_alias));
};

template <std::size_t kBytes, class Element>
YARDMASTER_INLINE auto& vector_at(Element* place) {
  return *reinterpret_cast<typename Lanes<Element, kBytes>::Vector*>(place);
}

template <std::size_t kBytes, class Element>
YARDMASTER_INLINE const auto& vector_at(const Element* place) {
  return *reinterpret_cast<const typename Lanes<Element, kBytes>::Vector*>(place);
}

}  // namespace yardmaster::policies
