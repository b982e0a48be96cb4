#include "agent/api/prometheus.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <sstream>

#include "agent/api/gen_ai_prometheus.h"
#include "agent/api/key_prometheus.h"
#include "agent/api/model_prometheus.h"
#include "agent/api/prometheus_families.h"

namespace yardmaster::agent {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

void add_requests(const Services& services, std::vector<MetricFamily>& families) {
  std::vector<ClientMetric> metrics;
  for (std::size_t endpoint = 0; endpoint < ServingMetrics::kEndpointNames.size(); ++endpoint) {
    for (std::size_t status = 2; status < 6; ++status) {
      const double count = total(services, [&](const ServingMetrics& thread) -> const Counter& {
        return thread.by_endpoint[endpoint][status];
      });
      if (count == 0) continue;
      metrics.push_back(
          counter(count, {{"endpoint", std::string(ServingMetrics::kEndpointNames[endpoint])},
                          {"status", std::to_string(status) + "xx"}}));
    }
  }
  families.push_back(
      family("requests_total", "HTTP requests answered.", MetricType::Counter, std::move(metrics)));
  families.push_back(family(
      "overhead_seconds", "Our own time of routed calls, upstream excluded.", MetricType::Histogram,
      {histogram(
          services, {},
          [](const ServingMetrics& thread) -> const auto& { return thread.overhead; })}));
}

void add_feedback(const Services& services, std::vector<MetricFamily>& families) {
  const auto of = [&](Counter ServingMetrics::*member) {
    return total(services, [&](const ServingMetrics& t) -> const Counter& { return t.*member; });
  };
  families.push_back(
      family("feedback_total", "Feedback items by what became of them.", MetricType::Counter,
             {counter(of(&ServingMetrics::feedback_stored), {{"result", "stored"}}),
              counter(of(&ServingMetrics::feedback_duplicate), {{"result", "duplicate"}}),
              counter(of(&ServingMetrics::feedback_error), {{"result", "error"}})}));
  families.push_back(family("unknown_fields_total", "Fields in our own bodies that were ignored.",
                            MetricType::Counter, {counter(of(&ServingMetrics::unknown_fields))}));
  families.push_back(family("degraded_total", "Calls served by the baseline, unlogged.",
                            MetricType::Counter, {counter(of(&ServingMetrics::degraded))}));
  if (services.access_log) {
    families.push_back(family(
        "access_log_dropped_total", "Lines of the access log that its disk did not take in time.",
        MetricType::Counter, {counter(static_cast<double>(services.access_log->dropped()))}));
  }
  families.push_back(family("policy_failures_total",
                            "Decisions that fell back to the baseline: no valid distribution.",
                            MetricType::Counter, {counter(of(&ServingMetrics::policy_failures))}));
}

void add_store(const Services& services, std::vector<MetricFamily>& families) {
  const replay::StoreStats stats = services.store.stats();
  const auto one = [&](const char* name, const char* help, double value) {
    families.push_back(family(name, help, MetricType::Gauge, {gauge(value)}));
  };
  one("store_decisions", "Sequence number of the newest decision.",
      static_cast<double>(stats.decisions));
  one("store_rows", "Sequence number of the newest training row.", static_cast<double>(stats.rows));
  one("store_outcomes", "Outcomes stored since the store was made.",
      static_cast<double>(stats.outcomes));
  one("store_feedback", "Feedback stored since the store was made.",
      static_cast<double>(stats.feedback));
  one("store_waiting", "Decisions that wait for their training row.",
      static_cast<double>(stats.waiting));
  one("store_queued", "Records in the writer's queue.", static_cast<double>(stats.queued));
  one("store_bytes", "Bytes on disk.", static_cast<double>(stats.bytes_on_disk));
  one("store_writable", "1 while the store takes writes.", stats.writable ? 1 : 0);
  one("learner_version", "Newest training row that every learner has looked at.",
      static_cast<double>(services.learner.version()));
  one("learner_lag_rows", "Training rows that are not learned yet.",
      static_cast<double>(stats.rows - std::min(stats.rows, services.learner.version())));
}

void add_learners(const Services& services, std::vector<MetricFamily>& families) {
  MetricFamily healthy = family("learner_healthy",
                                "0 once a router's learner stopped, and while its newest state is "
                                "not valid; the last good policy serves.",
                                MetricType::Gauge, {});
  MetricFamily sum = family("reward_sum", "Sum of the rewards of the rows learned since the start.",
                            MetricType::Gauge, {});
  MetricFamily count =
      family("rewards_total", "Rewards in yardmaster_reward_sum.", MetricType::Counter, {});
  MetricFamily changed =
      family("policy_changes_detected_total",
             "Silent changes of a model that a router's policy noticed since the start.",
             MetricType::Counter, {});
  for (const RouterLearner* learner : services.learner.learners()) {
    for (const env::ModelSpec& model : services.pool.models()) {
      double changes = 0;
      for (const ModelChanges& each : learner->changes()) {
        if (each.model == model.name) changes = static_cast<double>(each.count);
      }
      changed.metric.push_back(
          counter(changes, {{"router", learner->router()}, {"model", model.name}}));
    }
    const Labels labels{{"router", learner->router()}};
    healthy.metric.push_back(gauge(learner->healthy() ? 1 : 0, labels));
    sum.metric.push_back(gauge(learner->reward_sum(), labels));
    count.metric.push_back(counter(static_cast<double>(learner->reward_count()), labels));
  }
  families.push_back(std::move(healthy));
  families.push_back(family("learner_paused", "1 while learning is paused.", MetricType::Gauge,
                            {gauge(services.learner.paused() ? 1 : 0)}));
  families.push_back(std::move(sum));
  families.push_back(std::move(count));
  families.push_back(std::move(changed));
}

void add_successions(const Services& services, std::vector<MetricFamily>& families) {
  MetricFamily pending = family("encoder_succession",
                                "1 while a router's new encoder learns beside the one that serves, "
                                "0 since it took over.",
                                MetricType::Gauge, {});
  MetricFamily rows =
      family("encoder_trial_rows", "Decisions that its trial has compared.", MetricType::Gauge, {});
  MetricFamily difference =
      family("encoder_trial_difference",
             "Mean reward of the new encoder's policy minus the serving one's in the trial.",
             MetricType::Gauge, {});
  MetricFamily bound =
      family("encoder_trial_lower_bound", "Lower bound of that difference with 95% confidence.",
             MetricType::Gauge, {});
  for (const Succession* each : services.learner.successions()) {
    const Labels labels{{"router", each->router()}};
    const EncoderTrial::Figures figures = each->figures();
    pending.metric.push_back(gauge(each->took_over() ? 0 : 1, labels));
    rows.metric.push_back(gauge(static_cast<double>(figures.rows), labels));
    difference.metric.push_back(gauge(figures.difference, labels));
    bound.metric.push_back(gauge(figures.lower_bound, labels));
  }
  if (pending.metric.empty()) return;
  for (MetricFamily* each : {&pending, &rows, &difference, &bound}) {
    families.push_back(std::move(*each));
  }
}

void add_budgets(const Services& services, std::vector<MetricFamily>& families) {
  struct Figure {
    const char* name;
    const char* help;
    MetricType type;
    double (*value)(const BudgetSettings& settings, const BudgetStatus& status);
  };
  static constexpr std::array<Figure, 7> kFigures{{
      {"budget_usd_per_query", "The router's budget a query, 0: none.", MetricType::Gauge,
       [](const auto& settings, const auto&) { return settings.usd_per_query; }},
      {"budget_usd_per_day", "The router's budget a UTC day, 0: none.", MetricType::Gauge,
       [](const auto& settings, const auto&) { return settings.usd_per_day; }},
      {"budget_queries_total", "Decisions counted.", MetricType::Counter,
       [](const auto&, const auto& status) { return static_cast<double>(status.queries); }},
      {"budget_spent_usd", "What they cost, or are expected to.", MetricType::Gauge,
       [](const auto&, const auto& status) { return status.spent_usd; }},
      {"budget_spent_today_usd", "The same, of this UTC day.", MetricType::Gauge,
       [](const auto&, const auto& status) { return status.spent_today_usd; }},
      {"budget_cost_weight", "Quality per USD that the last decision's cost weight was raised by.",
       MetricType::Gauge, [](const auto&, const auto& status) { return status.cost_weight; }},
      {"budget_left_usd", "What the next decision may cost at most.", MetricType::Gauge,
       [](const auto&, const auto& status) { return status.left_usd; }},
  }};
  for (const Figure& figure : kFigures) {
    MetricFamily out = family(figure.name, figure.help, figure.type, {});
    for (const RouterService& service : services.routers) {
      BudgetPacer* pacer = service.router->pacer();
      if (pacer == nullptr) continue;
      const double value = figure.value(pacer->settings(), pacer->status(services.clock()));
      const Labels labels{{"router", service.router->settings().name}};
      out.metric.push_back(figure.type == MetricType::Counter ? counter(value, labels)
                                                              : gauge(value, labels));
    }
    if (!out.metric.empty()) families.push_back(std::move(out));
  }
}

}  // namespace

std::string prometheus_text(const Services& services) {
  std::vector<MetricFamily> families;
  add_requests(services, families);
  add_model_families(services, families);
  add_gen_ai_families(services, families);
  add_feedback(services, families);
  add_key_families(services.keys.ring, families);
  add_store(services, families);
  add_budgets(services, families);
  add_learners(services, families);
  add_successions(services, families);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace yardmaster::agent
