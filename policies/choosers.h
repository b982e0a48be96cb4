#pragma once

#include <memory>
#include <string>

#include "policies/stages.h"

namespace yardmaster::policies {

/// Always the named model; without a name, or where it is not a candidate, the first candidate.
std::shared_ptr<const Chooser> make_fixed_chooser(std::string model);

/// Every candidate alike.
std::shared_ptr<const Chooser> make_uniform_chooser();

/// The highest expected reward, but with probability min(1, scale * (t + 1)^(-1/3)) any
/// candidate, t the decisions so far (the rate of Langford and Zhang 2007).
std::shared_ptr<const Chooser> make_epsilon_greedy_chooser(double scale);

/// The highest upper confidence bound, expected reward + alpha * choice_sd (Li et al. 2010).
std::shared_ptr<const Chooser> make_ucb_chooser(double alpha);

/// Each candidate with the probability that it is the best, scores taken for independent normals
/// with deviation choice_sd (Thompson 1933; Agrawal and Goyal 2013 for linear scores).
/// With more than 12 candidates, in full from 16 on, draws are optimistic: higher by a deviation,
/// and narrower by .3 of it (May et al. 2012 have optimism in Thompson sampling). Of that it keeps
/// 1 / sqrt(1 + age / 300), age the candidate's Score::age_decisions; the rest goes to the highest
/// expected reward.
std::shared_ptr<const Chooser> make_thompson_chooser();

/// Probabilities inverse to the gap to the best expected reward: 1 / (K + gamma * gap), the rest
/// to the best; gamma = scale * sqrt(t), t the decisions so far (Foster and Rakhlin 2020).
std::shared_ptr<const Chooser> make_squarecb_chooser(double scale);

/// out[i] = P(candidate i has the highest of independent normals), summing to 1. Each is a
/// one-dimensional integral of a density times a product of distribution functions, by the
/// trapezoid rule on 32 nodes: within .001 of the closed form for two candidates of like
/// deviations. Deviations of 0 are raised to a hundredth of the largest.
void best_of_normals(std::span<const double> means, std::span<const double> deviations,
                     std::span<double> out);

}  // namespace yardmaster::policies
