#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "env/minilm_folder.h"

namespace yardmaster::env {

/// The forward pass of a BERT encoder (Devlin et al., "BERT", 2019) with the mean over a text's
/// tokens as its vector, scaled to length 1, as sentence-transformers does. In single precision on
/// one core; the vectors of a text differ in the seventh digit with what else is in the batch.
/// Immutable after construction: any thread, also several at once.
class MiniLmNetwork {
 public:
  /// Copies the weights. Fails with corrupt where a tensor is missing or of another shape.
  static Result<MiniLmNetwork> make(const BertConfig& config, const Safetensors& weights);

  MiniLmNetwork(MiniLmNetwork&&) noexcept;
  MiniLmNetwork& operator=(MiniLmNetwork&&) noexcept;
  ~MiniLmNetwork();

  std::size_t dimension() const;

  /// Writes one vector a text. Each text has at least one id and at most as many as there are
  /// positions, each below the vocabulary's size; `out` has texts times dimension() values. Memory
  /// grows with the tokens of a batch: some 20 KB a token of all-MiniLM-L6-v2.
  void embed(std::span<const std::vector<WordPiece::TokenId>> texts, std::span<float> out) const;

 private:
  class State;
  explicit MiniLmNetwork(std::unique_ptr<const State> state);

  std::unique_ptr<const State> state_;
};

}  // namespace yardmaster::env
