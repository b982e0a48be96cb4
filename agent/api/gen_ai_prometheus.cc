#include "agent/api/gen_ai_prometheus.h"

#include <limits>
#include <string>

namespace yardmaster::agent {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using Labels = std::vector<ClientMetric::Label>;

/// One histogram of a model, added up over all io threads, unless it is empty.
template <const auto& kBounds, class Pick>
void add_histogram(const Services& services, const Labels& labels, const Pick& pick,
                   MetricFamily& family) {
  using Histogram = ValueHistogram<kBounds>;
  ClientMetric metric;
  std::uint64_t cumulative = 0;
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    for (const ServingMetrics* thread : services.metrics) cumulative += pick(*thread).count(bucket);
    const double bound =
        bucket < kBounds.size() ? kBounds[bucket] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({cumulative, bound});
  }
  if (cumulative == 0) return;
  metric.label = labels;
  metric.histogram.sample_count = cumulative;
  for (const ServingMetrics* thread : services.metrics) {
    metric.histogram.sample_sum += pick(*thread).sum();
  }
  family.metric.push_back(std::move(metric));
}

Labels with(Labels labels, std::string name, std::string_view value) {
  labels.push_back({std::move(name), std::string(value)});
  return labels;
}

struct Families {
  MetricFamily tokens{"gen_ai_client_token_usage",
                      "Tokens used by calls of models.",
                      prometheus::MetricType::Histogram,
                      {}};
  MetricFamily durations{"gen_ai_client_operation_duration_seconds",
                         "Duration of calls of models.",
                         prometheus::MetricType::Histogram,
                         {}};
  MetricFamily first_tokens{"gen_ai_server_time_to_first_token_seconds",
                            "Of streams, until their first chunk.",
                            prometheus::MetricType::Histogram,
                            {}};
};

void add_calls(const Services& services, std::size_t model, std::size_t operation,
               const Labels& labels, Families& families) {
  const auto calls = [model, operation](const ServingMetrics& thread) -> const GenAiMetrics& {
    return thread.models[model].gen_ai[operation];
  };
  const std::string token_type = "gen_ai_token_type";
  add_histogram<kTokenBounds>(
      services, with(labels, token_type, "input"),
      [&](const auto& thread) -> const auto& { return calls(thread).input_tokens; },
      families.tokens);
  add_histogram<kTokenBounds>(
      services, with(labels, token_type, "output"),
      [&](const auto& thread) -> const auto& { return calls(thread).output_tokens; },
      families.tokens);
  add_histogram<kDurationBounds_s>(
      services, labels, [&](const auto& thread) -> const auto& { return calls(thread).succeeded; },
      families.durations);
  for (std::size_t error = 0; error < GenAiCall::kErrorNames.size(); ++error) {
    add_histogram<kDurationBounds_s>(
        services, with(labels, "error_type", GenAiCall::kErrorNames[error]),
        [&](const auto& thread) -> const auto& { return calls(thread).failed[error]; },
        families.durations);
  }
  add_histogram<kFirstTokenBounds_s>(
      services,
      labels, [&](const auto& thread) -> const auto& { return calls(thread).first_token; },
      families.first_tokens);
}

}  // namespace

void add_gen_ai_families(const Services& services, std::vector<MetricFamily>& families) {
  Families made;
  const std::vector<env::ModelSpec>& models = services.pool.models();
  for (std::size_t model = 0; model < models.size(); ++model) {
    for (std::size_t i = 0; i < GenAiMetrics::kOperations.size(); ++i) {
      const std::string& asked =
          models[model].upstream_model.empty() ? models[model].name : models[model].upstream_model;
      const Labels labels{{"gen_ai_operation_name", std::string(GenAiMetrics::kOperations[i])},
                          {"gen_ai_provider_name", services.providers[model]},
                          {"gen_ai_request_model", asked},
                          {"model", models[model].name}};
      add_calls(services, model, i, labels, made);
    }
  }
  for (MetricFamily* each : {&made.tokens, &made.durations, &made.first_tokens}) {
    if (!each->metric.empty()) families.push_back(std::move(*each));
  }
}

}  // namespace yardmaster::agent
