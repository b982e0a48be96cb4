#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/counter.h"
#include "agent/gen_ai_metrics.h"

namespace yardmaster::agent {

/// Counts of durations in buckets that double from 1 us to about 17 minutes. One thread records,
/// any reads.
class DurationHistogram {
 public:
  static constexpr std::size_t kBuckets = 31;

  void record_us(double microseconds);

  /// Upper bound of a bucket in seconds.
  static double upper_bound_s(std::size_t bucket);

  std::uint64_t count(std::size_t bucket) const { return buckets_[bucket].value(); }
  double sum_s() const { return static_cast<double>(sum_us_.value()) * 1e-6; }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_us_;
};

/// What one io thread has served. The thread writes without contention; /metrics adds up all
/// threads' when it is scraped.
struct ServingMetrics {
  /// What is counted of one model.
  struct Model {
    Counter chosen;
    Counter upstream_errors;
    Counter fallbacks;   ///< calls because another model had failed
    Counter retries;     ///< calls because the one before, of the same model, surely did nothing
    Counter hedges;      ///< calls because another model was slow to answer
    Counter hedges_won;  ///< of them, those that were answered first
    Counter probes;      ///< that found it well
    Counter probes_failed;
    DurationHistogram upstream_latency;
    DurationHistogram first_token;  ///< of streams
    Counter truncations;            ///< answers cut for their length
    Counter refusals;               ///< answers that were none
    Counter regenerations;          ///< answers to a query that was asked before, a short while ago
    std::array<GenAiMetrics, GenAiMetrics::kOperations.size()> gen_ai;
  };

  /// Labels of the requests counter, in the order of Endpoint.
  enum class Endpoint {
    route,
    chat,
    messages,
    embeddings,
    responses,
    completions,
    outcomes,
    feedback,
    models,
    decisions,
    admin,
    other
  };
  static constexpr std::array<std::string_view, 12> kEndpointNames{
      "route",    "chat_completions", "messages", "embeddings", "responses", "completions",
      "outcomes", "feedback",         "models",   "decisions",  "admin",     "other"};

  explicit ServingMetrics(std::size_t model_count) : models(model_count) {}

  Counter& requests(Endpoint endpoint, unsigned status) {
    return by_endpoint[static_cast<std::size_t>(endpoint)][status / 100 < 6 ? status / 100 : 0];
  }

  std::array<std::array<Counter, 6>, kEndpointNames.size()>
      by_endpoint;             ///< [endpoint][status / 100]
  std::vector<Model> models;   ///< in the pool's order
  DurationHistogram overhead;  ///< our own time of routed calls
  Counter feedback_stored;
  Counter feedback_duplicate;
  Counter feedback_error;
  Counter unknown_fields;
  Counter degraded;         ///< routed calls answered by the baseline, unlogged
  Counter policy_failures;  ///< decisions that fell back to the baseline: no valid distribution
};

}  // namespace yardmaster::agent
