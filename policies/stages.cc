#include "policies/stages.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cmath>
#include <numeric>
#include <string>

namespace yardmaster::policies {

Status check_observation(const env::Observation& observation, std::span<const double> probabilities,
                         std::span<const Score> scores) {
  const std::size_t candidates = observation.candidates.size();
  if (candidates == 0) {
    return fail(ErrorCode::invalid_argument, "no candidates: a policy needs at least one");
  }
  if (probabilities.size() != candidates || (!scores.empty() && scores.size() != candidates)) {
    return fail(ErrorCode::invalid_argument,
                "probabilities and scores must have one entry for each of the " +
                    std::to_string(candidates) + " candidates");
  }
  for (const env::Candidate& candidate : observation.candidates) {
    if (!std::isfinite(candidate.price_reference) || candidate.price_reference < 0 ||
        !std::isfinite(candidate.estimated_cost_usd) || candidate.estimated_cost_usd < 0) {
      return fail(ErrorCode::invalid_argument, "candidate " + std::string(candidate.model) +
                                                   ": price or estimated cost is not a finite "
                                                   "number of at least 0");
    }
  }
  for (const float value : observation.features) {
    if (!std::isfinite(value)) {
      return fail(ErrorCode::invalid_argument, "a feature is not finite: check the encoder");
    }
  }
  if (!std::isfinite(observation.weights.cost) || !std::isfinite(observation.weights.latency)) {
    return fail(ErrorCode::invalid_argument, "a weight of the objective is not finite");
  }
  return {};
}

StagedPolicy::StagedPolicy(std::shared_ptr<const Scorer> scorer,
                           std::shared_ptr<const Chooser> chooser, double exploration_floor)
    : scorer_(std::move(scorer)),
      chooser_(std::move(chooser)),
      exploration_floor_(exploration_floor) {}

Status StagedPolicy::distribution(const env::Observation& observation,
                                  std::span<double> probabilities, std::span<Score> scores) const {
  return decide(observation, false, probabilities, scores);
}

Status StagedPolicy::explain(const env::Observation& observation, std::span<double> probabilities,
                             std::span<Score> scores) const {
  return decide(observation, true, probabilities, scores);
}

Status StagedPolicy::decide(const env::Observation& observation, bool full_deviation,
                            std::span<double> probabilities, std::span<Score> scores) const {
  if (auto checked = check_observation(observation, probabilities, scores); !checked) {
    return checked;
  }
  boost::container::small_vector<Score, 64> own(observation.candidates.size());
  if (scorer_) {
    const std::span<Score> out(own.data(), own.size());
    if (auto scored = scorer_->score(observation, full_deviation, out); !scored) return scored;
  }
  chooser_->choose(observation, std::span<const Score>(own.data(), own.size()), probabilities);
  mix_floor(exploration_floor_, probabilities);
  if (!scores.empty()) std::copy(own.begin(), own.end(), scores.begin());
  return {};
}

void mix_floor(double floor, std::span<double> probabilities) {
  const double share = floor / static_cast<double>(probabilities.size());
  double sum = 0;
  for (const double p : probabilities) sum += p;
  for (double& p : probabilities) p = share + (1 - floor) * (p / sum);
}

void choose_highest(std::span<const double> values, std::span<double> probabilities) {
  const double highest = *std::max_element(values.begin(), values.end());
  const auto ties = std::count(values.begin(), values.end(), highest);
  for (std::size_t i = 0; i < values.size(); ++i) {
    probabilities[i] = values[i] == highest ? 1.0 / static_cast<double>(ties) : 0.0;
  }
}

}  // namespace yardmaster::policies
