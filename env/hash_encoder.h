#pragma once

#include <cstdint>

#include "env/encoder.h"

namespace yardmaster::env {

/// Words and pairs of neighbouring words, each added to or taken from one of a fixed number of
/// values as its hash says (Weinberger et al., "Feature hashing for large scale multitask
/// learning", ICML 2009), scaled to one length, then the surface features. Needs no file and knows
/// no language; queries are alike only where they share words.
class HashEncoder final : public Encoder {
 public:
  std::string_view name() const override { return "hash"; }
  std::uint32_t version() const override;
  std::size_t dimension() const override;
  void encode(const Query& query, std::span<float> out) const override;
};

}  // namespace yardmaster::env
