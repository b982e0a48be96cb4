#include "agent/api/model_prometheus.h"

#include <array>
#include <chrono>

#include "agent/api/prometheus_families.h"

namespace yardmaster::agent {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

double total_of(const Services& services, std::size_t model,
                Counter ServingMetrics::Model::*counted) {
  return total(services, [&](const auto& t) -> const Counter& { return t.models[model].*counted; });
}

/// What is counted of each model in one number.
void add_counters(const Services& services, std::vector<MetricFamily>& families) {
  struct Counted {
    const char* name;
    const char* help;
    Counter ServingMetrics::Model::*counter;
  };
  using Model = ServingMetrics::Model;
  static constexpr std::array<Counted, 6> kCounted{{
      {"decisions_total", "Decisions by the model chosen.", &Model::chosen},
      {"upstream_errors_total", "Upstream calls that failed.", &Model::upstream_errors},
      {"fallbacks_total", "Calls because another model had failed.", &Model::fallbacks},
      {"retries_total", "Calls made again to the same model, which had surely done nothing.",
       &Model::retries},
      {"hedges_total", "Calls because another model was slow to answer.", &Model::hedges},
      {"hedges_won_total", "Of those, the ones that answered first.", &Model::hedges_won},
  }};
  for (const Counted& counted : kCounted) {
    MetricFamily out = family(counted.name, counted.help, MetricType::Counter, {});
    for (std::size_t i = 0; i < services.pool.models().size(); ++i) {
      out.metric.push_back(counter(total_of(services, i, counted.counter),
                                   {{"model", services.pool.models()[i].name}}));
    }
    families.push_back(std::move(out));
  }
}

void add_probes(const Services& services, std::vector<MetricFamily>& families) {
  MetricFamily out =
      family("probes_total", "Probes of models by what they found.", MetricType::Counter, {});
  for (const ProbePlan& plan : services.probes) {
    for (const std::size_t model : plan.models) {
      const std::string& name = services.pool.models()[model].name;
      const auto add = [&](const char* result, Counter ServingMetrics::Model::*counted) {
        out.metric.push_back(
            counter(total_of(services, model, counted), {{"model", name}, {"result", result}}));
      };
      add("ok", &ServingMetrics::Model::probes);
      add("failed", &ServingMetrics::Model::probes_failed);
    }
  }
  if (!out.metric.empty()) families.push_back(std::move(out));
}

void add_states(const Services& services, std::vector<MetricFamily>& families) {
  MetricFamily signals =
      family("answer_signals_total",
             "Answers that were cut for length, refused, or given to a query asked again.",
             MetricType::Counter, {});
  MetricFamily open =
      family("circuit_open", "1 while the model is not called: it failed too often.",
             MetricType::Gauge, {});
  const auto now = std::chrono::steady_clock::now();
  MetricFamily latency =
      family("upstream_seconds", "Latency of upstream calls.", MetricType::Histogram, {});
  MetricFamily first_token = family("first_token_seconds", "Of streams, until their first chunk.",
                                    MetricType::Histogram, {});
  for (std::size_t i = 0; i < services.pool.models().size(); ++i) {
    const Labels labels{{"model", services.pool.models()[i].name}};
    const auto signal = [&](const char* kind, Counter ServingMetrics::Model::*counted) {
      Labels with_kind = labels;
      with_kind.push_back({"signal", kind});
      signals.metric.push_back(counter(total_of(services, i, counted), std::move(with_kind)));
    };
    signal("truncation", &ServingMetrics::Model::truncations);
    signal("refusal", &ServingMetrics::Model::refusals);
    signal("regeneration", &ServingMetrics::Model::regenerations);
    const bool is_open = services.health.status(i, now).state == ModelHealth::State::open;
    open.metric.push_back(gauge(is_open ? 1 : 0, labels));
    latency.metric.push_back(histogram(
        services,
        labels, [&](const auto& t) -> const auto& { return t.models[i].upstream_latency; }));
    first_token.metric.push_back(histogram(
        services, labels, [&](const auto& t) -> const auto& { return t.models[i].first_token; }));
  }
  families.push_back(std::move(signals));
  families.push_back(std::move(open));
  families.push_back(std::move(latency));
  families.push_back(std::move(first_token));
}

}  // namespace

void add_model_families(const Services& services, std::vector<MetricFamily>& families) {
  add_counters(services, families);
  add_states(services, families);
  add_probes(services, families);
}

}  // namespace yardmaster::agent
