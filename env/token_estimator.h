#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "env/model_pool.h"
#include "env/query.h"

namespace yardmaster::env {

/// Estimates a query's input tokens from its bytes. Learns each model's bytes per token and their
/// spread, as exponentially weighted means, from the usage that upstreams report. Starts at what
/// is common to tokenizers on English text. Thread-safe: each model's state is one atomic word.
class TokenEstimator {
 public:
  /// Learns for the models of `pool`; usage of others is ignored.
  explicit TokenEstimator(const ModelPool& pool);

  /// A report of usage: so many prompt bytes were so many input tokens to this model.
  void observe(std::string_view model, std::uint64_t prompt_bytes, std::uint64_t input_tokens);

  /// Expected input tokens: of one model, or on average over the pool.
  double estimate(std::string_view model, const Query& query) const;
  double estimate(const Query& query) const;

  /// Tokens that the query will hardly exceed, for checks against a context window: the mean of
  /// bytes per token less three deviations, of the model of the pool that needs most tokens.
  double upper_bound(const Query& query) const;

 private:
  /// Eight bytes, so that a compare and swap replaces both at once.
  struct BytesPerToken {
    float mean;
    float variance;
  };

  std::map<std::string, std::atomic<BytesPerToken>, std::less<>> models_;
};

}  // namespace yardmaster::env
