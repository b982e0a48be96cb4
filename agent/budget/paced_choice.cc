#include "agent/budget/paced_choice.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace yardmaster::agent {
namespace {

/// Whether the values are probabilities that sum to 1.
bool is_distribution(std::span<const double> values) {
  double sum = 0;
  for (const double p : values) {
    if (!(p >= 0)) return false;
    sum += p;
  }
  return std::abs(sum - 1) < 1e-6;
}

/// Fills probabilities and scores; leaves them empty where the policy gives no valid distribution.
void ask(const policies::Policy* policy, const env::Observation& observation, bool explain,
         std::vector<double>& probabilities, std::vector<policies::Score>& scores) {
  probabilities.assign(observation.candidates.size(), 0);
  scores.assign(observation.candidates.size(), {});
  if (policy != nullptr && ask_policy(*policy, observation, explain, probabilities, scores)) return;
  probabilities.clear();
  scores.clear();
}

/// Values are without the price that was added, so that they are the same at every price.
std::vector<CandidateForecast> forecast(const env::Observation& observation, double added_weight,
                                        const std::vector<policies::Score>& scores,
                                        BudgetPacer& pacer) {
  std::vector<CandidateForecast> forecasts(observation.candidates.size());
  for (std::size_t i = 0; i < forecasts.size(); ++i) {
    const env::Candidate& candidate = observation.candidates[i];
    forecasts[i].cost_usd = candidate.estimated_cost_usd;
    if (scores.empty()) continue;
    if (scores[i].cost_usd > 0) forecasts[i].cost_usd = scores[i].cost_usd;
    forecasts[i].value = scores[i].reward + added_weight * scores[i].cost_usd;
  }
  pacer.complete(observation.candidates, forecasts);
  return forecasts;
}

}  // namespace

bool ask_policy(const policies::Policy& policy, const env::Observation& observation, bool explain,
                std::span<double> probabilities, std::span<policies::Score> scores) {
  const Status asked = explain ? policy.explain(observation, probabilities, scores)
                               : policy.distribution(observation, probabilities, scores);
  return asked && is_distribution(probabilities);
}

Result<PacedChoice> choose_within_budget(BudgetPacer& pacer, const policies::Policy* policy,
                                         const env::Observation& observation, Timestamp now,
                                         Rng& rng, bool explain, Spender spender) {
  PacedChoice out;
  out.added_cost_weight = pacer.cost_weight(now, rng);
  env::Observation paced = observation;
  paced.weights.cost += out.added_cost_weight;
  ask(policy, paced, explain, out.probabilities, out.scores);
  const auto forecasts = forecast(paced, out.added_cost_weight, out.scores, pacer);
  if (!out.probabilities.empty() && spender == Spender::query) {
    pacer.observe(forecasts, out.probabilities, out.added_cost_weight);
  }

  const std::vector<std::size_t> over =
      pacer.over_ceiling(observation.candidates, forecasts, now, spender);
  out.left_usd = pacer.left_usd(now, spender);
  const auto cheaper = [](const auto& a, const auto& b) { return a.cost_usd < b.cost_usd; };
  const auto cheapest = static_cast<std::size_t>(
      std::min_element(forecasts.begin(), forecasts.end(), cheaper) - forecasts.begin());
  const bool none_left = over.size() == forecasts.size();
  if (none_left && (pacer.settings().refuse || spender == Spender::hedge)) {
    return fail(ErrorCode::unavailable,
                "the budget is used up: every model could break it; try again later, or raise it");
  }
  for (std::size_t i = 0; i < forecasts.size(); ++i) {
    const bool keep = none_left ? i == cheapest : !std::binary_search(over.begin(), over.end(), i);
    if (keep) {
      out.kept.push_back(i);
      out.expected_usd.push_back(forecasts[i].cost_usd);
    } else {
      out.over.push_back({i, forecasts[i].cost_usd});
    }
  }
  if (out.over.empty()) return out;

  std::vector<env::Candidate> kept;
  for (const std::size_t i : out.kept) kept.push_back(observation.candidates[i]);
  paced.candidates = kept;
  ask(policy, paced, explain, out.probabilities, out.scores);
  return out;
}

}  // namespace yardmaster::agent
