#include "env/token_estimator.h"

#include <algorithm>
#include <cmath>

namespace yardmaster::env {
namespace {

constexpr float kInitialMean = 4.0f;
constexpr float kInitialVariance = 0.5f;
constexpr float kSmallest = 1.0f;  // byte-level tokenizers make no more tokens than bytes
constexpr float kLargest = 16.0f;
constexpr double kDeviations = 3;
constexpr double kRate = 0.02;
// Shorter prompts count less: a chat template's own tokens drown what they say.
constexpr double kFullWeightBytes = 512;
// What chat templates add: some for the answer's start, some for each message.
constexpr double kTokensPerRequest = 3;
constexpr double kTokensPerMessage = 4;

double template_tokens(const Query& query) {
  return kTokensPerRequest + kTokensPerMessage * query.turns;
}

}  // namespace

TokenEstimator::TokenEstimator(const ModelPool& pool) {
  static_assert(std::atomic<BytesPerToken>::is_always_lock_free);
  for (const ModelSpec& model : pool.models()) {
    models_[model.name].store({kInitialMean, kInitialVariance}, std::memory_order_relaxed);
  }
}

void TokenEstimator::observe(std::string_view model, std::uint64_t prompt_bytes,
                             std::uint64_t input_tokens) {
  const auto found = models_.find(model);
  if (found == models_.end() || prompt_bytes == 0 || input_tokens == 0) return;
  const auto bytes = static_cast<double>(prompt_bytes);
  const double ratio =
      std::clamp<double>(bytes / static_cast<double>(input_tokens), kSmallest, kLargest);
  const double rate = kRate * std::min(1.0, bytes / kFullWeightBytes);
  std::atomic<BytesPerToken>& state = found->second;
  BytesPerToken old = state.load(std::memory_order_relaxed);
  BytesPerToken next{};
  do {
    // West, "Updating mean and variance estimates", CACM 1979, with a fixed rate.
    const double difference = ratio - old.mean;
    next.mean = static_cast<float>(old.mean + rate * difference);
    next.variance =
        static_cast<float>((1 - rate) * (old.variance + rate * difference * difference));
  } while (!state.compare_exchange_weak(old, next, std::memory_order_relaxed));
}

double TokenEstimator::estimate(std::string_view model, const Query& query) const {
  const auto found = models_.find(model);
  if (found == models_.end()) return estimate(query);
  const BytesPerToken state = found->second.load(std::memory_order_relaxed);
  return static_cast<double>(query.prompt_bytes) / state.mean + template_tokens(query);
}

double TokenEstimator::estimate(const Query& query) const {
  double tokens_per_byte = 0;
  for (const auto& [name, state] : models_) {
    tokens_per_byte += 1 / state.load(std::memory_order_relaxed).mean;
  }
  tokens_per_byte /= static_cast<double>(models_.size());
  return static_cast<double>(query.prompt_bytes) * tokens_per_byte + template_tokens(query);
}

double TokenEstimator::upper_bound(const Query& query) const {
  double least = kLargest;
  for (const auto& [name, state] : models_) {
    const BytesPerToken now = state.load(std::memory_order_relaxed);
    least = std::min(least, now.mean - kDeviations * std::sqrt(static_cast<double>(now.variance)));
  }
  return static_cast<double>(query.prompt_bytes) / std::max<double>(kSmallest, least) +
         template_tokens(query);
}

}  // namespace yardmaster::env
