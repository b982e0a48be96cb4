#pragma once

/// YARDMASTER_MULTIVERSION before a function makes the compiler build it for AVX-512, AVX2 and
/// neither; the machine's best is picked when the program loads. The sanitizers cannot instrument
/// the resolvers that this makes, so under them, and elsewhere, it is nothing.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define YARDMASTER_MULTIVERSION \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define YARDMASTER_MULTIVERSION
#endif
