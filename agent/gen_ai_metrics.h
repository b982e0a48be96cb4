#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/counter.h"
#include "env/api_route.h"

namespace yardmaster::agent {

// What OpenTelemetry's conventions for generative AI measure of calls to models: the names, labels
// and bucket bounds of https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/

/// Counts of values in buckets with these upper bounds, inclusive. One thread records, any reads.
template <const auto& kBounds>
class ValueHistogram {
 public:
  static constexpr std::size_t kBuckets = kBounds.size() + 1;  ///< the last one has no bound

  void record(double value) {
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), value);
    buckets_[static_cast<std::size_t>(bound - kBounds.begin())].add();
    sum_millionths_.add(static_cast<std::uint64_t>(std::llround(std::max(0.0, value) * 1e6)));
  }

  std::uint64_t count(std::size_t bucket) const { return buckets_[bucket].value(); }
  double sum() const { return static_cast<double>(sum_millionths_.value()) * 1e-6; }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_millionths_;
};

inline constexpr std::array<double, 14> kTokenBounds{
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864};
inline constexpr std::array<double, 14> kDurationBounds_s{
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};
inline constexpr std::array<double, 16> kFirstTokenBounds_s{
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10};

/// One call of a model and what came of it.
struct GenAiCall {
  enum class Error { timeout, connection, limited, refused, failed };

  /// Of the label error_type, in the order of Error.
  static constexpr std::array<std::string_view, 5> kErrorNames{"timeout", "connection_error", "429",
                                                               "4xx", "5xx"};

  std::optional<double> duration_s;  ///< nothing: the client left before its end
  std::optional<double> first_token_s;
  std::optional<std::uint64_t> input_tokens;
  std::optional<std::uint64_t> output_tokens;
  std::optional<Error> error;  ///< nothing: it succeeded
};

/// The calls of one model by one operation. One thread records, any reads.
struct GenAiMetrics {
  /// Of the label gen_ai_operation_name.
  static constexpr std::array<std::string_view, 3> kOperations{"chat", "text_completion",
                                                               "embeddings"};
  static std::size_t operation_of(env::ApiRoute route);

  void record(const GenAiCall& call);

  ValueHistogram<kTokenBounds> input_tokens, output_tokens;
  ValueHistogram<kDurationBounds_s> succeeded;
  std::array<ValueHistogram<kDurationBounds_s>, GenAiCall::kErrorNames.size()> failed;
  ValueHistogram<kFirstTokenBounds_s> first_token;
};

}  // namespace yardmaster::agent
