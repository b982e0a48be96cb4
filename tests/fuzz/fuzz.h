#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

/// Parsers of bytes from outside, under test: each file `NAME_fuzz.cc` has a target, FUZZ(name),
/// that takes any bytes and checks what must hold whatever they are. Built with clang it is one
/// libFuzzer program each (main_fuzz.cc, ./scripts/fuzz); built as all else, fuzz_corpus_test runs
/// every target over its corpus.
namespace yardmaster::fuzz {

struct Target {
  std::string_view name;
  void (*run)(std::string_view input);
};

/// Those that are linked into the program.
inline std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

struct Registration {
  Registration(std::string_view name, void (*run)(std::string_view)) {
    targets().push_back({name, run});
  }
};

/// Ends the program, which a fuzzer takes for a finding, where a rule does not hold.
inline void require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: broken rule: %s\n", rule);
  std::abort();
}

/// The first byte of the input, taken off it; 0 of an empty one.
inline unsigned take_byte(std::string_view& input) {
  if (input.empty()) return 0;
  const auto byte = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  return byte;
}

/// The input as pieces that a peer might send it in: cut at `every` bytes, 0: not at all.
inline std::vector<std::string_view> pieces(std::string_view input, std::size_t every) {
  std::vector<std::string_view> out;
  if (every == 0) every = input.size();
  for (; !input.empty(); input.remove_prefix(out.back().size())) {
    out.push_back(input.substr(0, every));
  }
  return out;
}

}  // namespace yardmaster::fuzz

#define FUZZ(name)                                                                      \
  static void fuzz_##name(std::string_view input);                                      \
  static const yardmaster::fuzz::Registration registration_##name(#name, &fuzz_##name); \
  static void fuzz_##name(std::string_view input)
