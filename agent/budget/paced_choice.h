#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "agent/budget/pacer.h"
#include "base/decision.h"
#include "base/result.h"
#include "env/observation.h"
#include "policies/policy.h"

namespace yardmaster::agent {

/// A policy's distribution for one query, at the price that a budget's pacer sets.
struct PacedChoice {
  struct Over {
    std::size_t candidate = 0;
    double expected_usd = 0;
  };

  double added_cost_weight = 0;         ///< on top of the observation's, when the policy was asked
  double left_usd = 0;                  ///< what the decision might cost
  std::vector<std::size_t> kept;        ///< candidates within the ceiling, in their order
  std::vector<Over> over;               ///< the others
  std::vector<double> expected_usd;     ///< of the kept
  std::vector<double> probabilities;    ///< of the kept; empty where the policy gave no valid ones
  std::vector<policies::Score> scores;  ///< of the kept; empty as they are
};

/// Asks for the distribution, with `explain` for all deviations of the scores too. False: the
/// policy gave no valid one.
bool ask_policy(const policies::Policy& policy, const env::Observation& observation, bool explain,
                std::span<double> probabilities, std::span<policies::Score> scores);

/// Asks the policy (nullptr: there is none) with the pacer's price on top of the observation's cost
/// weight, takes out the candidates that would break the ceiling, and asks again among the rest.
/// Where none is left the one with the lowest expected cost is kept, or, if the settings say so, it
/// fails with unavailable, as it does for a hedge. After sampling, tell the pacer by decided().
/// `explain`: the scores come with all deviations.
Result<PacedChoice> choose_within_budget(BudgetPacer& pacer, const policies::Policy* policy,
                                         const env::Observation& observation, Timestamp now,
                                         Rng& rng, bool explain = false,
                                         Spender spender = Spender::query);

}  // namespace yardmaster::agent
