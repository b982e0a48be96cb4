#include "agent/drive/report.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cmath>
#include <functional>
#include <ostream>

#include "agent/print_format.h"

namespace yardmaster::agent {

namespace json = boost::json;

namespace {

constexpr std::size_t kLast = 1000;

double mean(const std::vector<double>& values, std::size_t from, std::size_t to) {
  double sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += values[i];
  return to > from ? sum / static_cast<double>(to - from) : 0;
}

RewardSummary summarise_rewards(const std::vector<double>& rewards) {
  const std::size_t count = rewards.size();
  RewardSummary summary;
  summary.mean = mean(rewards, 0, count);
  summary.last_1000 = mean(rewards, count - std::min(count, kLast), count);
  for (std::size_t from = 0; from < count; from += kCurveBlock) {
    summary.block_means.push_back(mean(rewards, from, std::min(from + kCurveBlock, count)));
  }
  return summary;
}

/// The rewards of choosing by `choose` on each of the queries.
std::vector<double> rewards_of(const std::vector<const DriveQuery*>& queries,
                               const std::function<double(const DriveQuery&)>& choose) {
  std::vector<double> rewards;
  rewards.reserve(queries.size());
  for (const DriveQuery* query : queries) rewards.push_back(choose(*query));
  return rewards;
}

double fixed_reward(const DriveQuery& query, std::size_t model, const ObjectiveWeights& weights) {
  if (query.outcomes[model]) return query.outcomes[model]->reward(weights);
  for (const auto& outcome : query.outcomes) {
    if (outcome) return outcome->reward(weights);
  }
  return 0;
}

double best_reward(const DriveQuery& query, const ObjectiveWeights& weights) {
  double best = -HUGE_VAL;
  for (const auto& outcome : query.outcomes) {
    if (outcome) best = std::max(best, outcome->reward(weights));
  }
  return best;
}

double random_reward(const DriveQuery& query, const ObjectiveWeights& weights) {
  double sum = 0;
  double known = 0;
  for (const auto& outcome : query.outcomes) {
    if (!outcome) continue;
    sum += outcome->reward(weights);
    known += 1;
  }
  return sum / known;
}

double percentile_ms(std::vector<double> seconds, double part) {
  if (seconds.empty()) return 0;
  const auto rank = static_cast<std::size_t>(part * static_cast<double>(seconds.size() - 1));
  const auto at = seconds.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(seconds.begin(), at, seconds.end());
  return *at * 1000;
}

bool nothing_lost(const DriveTally& tally) {
  const auto all = [](const RequestCount& count) { return count.sent == count.acknowledged; };
  return tally.complete && tally.errors == 0 && all(tally.decisions) && all(tally.outcomes) &&
         all(tally.feedback);
}

json::object curve_json(const RewardSummary& summary) {
  json::array blocks;
  for (const double block : summary.block_means) blocks.push_back(json::value(block));
  return {{"mean_reward", summary.mean},
          {"last_1000_reward", summary.last_1000},
          {"curve", std::move(blocks)}};
}

json::object count_json(const RequestCount& count) {
  return {{"sent", count.sent}, {"acknowledged", count.acknowledged}};
}

void print_line(std::ostream& out, const char* name, const RewardSummary& summary,
                const std::string& note) {
  out << format("%-20s %10.4f %10.4f  ", name, summary.mean, summary.last_1000) << note << '\n';
}

}  // namespace

DriveReport summarise(const Workload& workload, const DriveTally& tally,
                      const ObjectiveWeights& weights) {
  DriveReport report;
  std::vector<const DriveQuery*> answered;
  std::vector<double> served;
  for (std::size_t round = 0; round < tally.chosen.size(); ++round) {
    if (!tally.chosen[round]) continue;
    const DriveQuery& query = workload.query(round);
    const KnownOutcome& outcome = *query.outcomes[*tally.chosen[round]];
    answered.push_back(&query);
    served.push_back(outcome.reward(weights));
    report.mean_quality += outcome.quality;
    report.mean_cost_usd += outcome.cost_usd;
  }
  report.answered = answered.size();
  report.lossless = nothing_lost(tally) && report.answered == workload.order.size();
  report.served = summarise_rewards(served);
  report.latency_p50_ms = percentile_ms(tally.decision_latencies_s, 0.50);
  report.latency_p99_ms = percentile_ms(tally.decision_latencies_s, 0.99);
  if (answered.empty()) return report;

  const auto count = static_cast<double>(answered.size());
  report.mean_quality /= count;
  report.mean_cost_usd /= count;
  report.requests_per_s =
      static_cast<double>(tally.decisions.sent + tally.outcomes.sent + tally.feedback.sent) /
      tally.wall_s;
  report.random = summarise_rewards(
      rewards_of(answered, [&](const DriveQuery& query) { return random_reward(query, weights); }));
  report.oracle = summarise_rewards(
      rewards_of(answered, [&](const DriveQuery& query) { return best_reward(query, weights); }));
  for (std::size_t model = 0; model < workload.models.size(); ++model) {
    RewardSummary fixed = summarise_rewards(rewards_of(
        answered, [&](const DriveQuery& query) { return fixed_reward(query, model, weights); }));
    if (!report.best_fixed_model.empty() && fixed.mean <= report.best_fixed.mean) continue;
    report.best_fixed = std::move(fixed);
    report.best_fixed_model = workload.models[model];
  }
  return report;
}

void print_report(std::ostream& out, const DriveReport& report, const DriveTally& tally,
                  const ObjectiveWeights& weights) {
  out << format("reward at cost weight %g, latency weight %g\n", weights.cost, weights.latency);
  out << format("%-20s %10s %10s\n", "", "all", "last 1000");
  print_line(out, "this daemon", report.served, "");
  print_line(out, "best single model", report.best_fixed, report.best_fixed_model);
  print_line(out, "random", report.random, "");
  print_line(out, "best for each query", report.oracle, "");
  out << format(
      "%llu queries: quality %.4f, %.6f USD each; %.0f requests/s; a decision took "
      "%.2f ms (p50), %.2f ms (p99)\n",
      static_cast<unsigned long long>(report.answered), report.mean_quality, report.mean_cost_usd,
      report.requests_per_s, report.latency_p50_ms, report.latency_p99_ms);
  out << format(
      "acknowledged: %llu of %llu decisions, %llu of %llu outcomes, %llu of %llu "
      "feedback; %llu retries, %llu errors\n",
      static_cast<unsigned long long>(tally.decisions.acknowledged),
      static_cast<unsigned long long>(tally.decisions.sent),
      static_cast<unsigned long long>(tally.outcomes.acknowledged),
      static_cast<unsigned long long>(tally.outcomes.sent),
      static_cast<unsigned long long>(tally.feedback.acknowledged),
      static_cast<unsigned long long>(tally.feedback.sent),
      static_cast<unsigned long long>(tally.retries),
      static_cast<unsigned long long>(tally.errors));
  for (const std::string& example : tally.error_examples) out << "error: " << example << '\n';
  if (!tally.complete) out << "stopped early: the daemon could not be reached any more\n";
}

json::object report_json(const DriveReport& report, const DriveTally& tally,
                         const ObjectiveWeights& weights) {
  json::object best_fixed = curve_json(report.best_fixed);
  best_fixed["model"] = report.best_fixed_model;
  json::array errors;
  for (const std::string& example : tally.error_examples) errors.push_back(json::value(example));
  return {{"queries", report.answered},
          {"cost_weight", weights.cost},
          {"latency_weight", weights.latency},
          {"served", curve_json(report.served)},
          {"best_fixed", std::move(best_fixed)},
          {"random", curve_json(report.random)},
          {"oracle", curve_json(report.oracle)},
          {"curve_block", kCurveBlock},
          {"mean_quality", report.mean_quality},
          {"mean_cost_usd", report.mean_cost_usd},
          {"requests_per_s", report.requests_per_s},
          {"wall_s", tally.wall_s},
          {"decision_latency_ms", {{"p50", report.latency_p50_ms}, {"p99", report.latency_p99_ms}}},
          {"decisions", count_json(tally.decisions)},
          {"outcomes", count_json(tally.outcomes)},
          {"feedback", count_json(tally.feedback)},
          {"retries", tally.retries},
          {"errors", tally.errors},
          {"error_examples", std::move(errors)},
          {"complete", tally.complete},
          {"lossless", report.lossless}};
}

}  // namespace yardmaster::agent
