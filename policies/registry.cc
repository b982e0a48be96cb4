#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "policies/choosers.h"
#include "policies/ensemble_learner.h"
#include "policies/linear_learner.h"
#include "policies/neural_linear_learner.h"
#include "policies/policy.h"
#include "policies/ppo_learner.h"
#include "policies/static_learner.h"

namespace yardmaster::policies {

namespace {

// docs/policies.md has the measurements behind these.
constexpr double kEpsilonScale = 0.5;
constexpr double kUcbAlpha = 2.5;
constexpr double kSquareCbScale = 30;

std::unique_ptr<Learner> make_linear(const PolicyOptions& options,
                                     std::shared_ptr<const Chooser> chooser) {
  return make_linear_learner(linear_options(options), options, std::move(chooser));
}

Result<std::unique_ptr<Learner>> make_epsilon_greedy(const PolicyOptions& options) {
  return make_linear(options, make_epsilon_greedy_chooser(kEpsilonScale));
}

Result<std::unique_ptr<Learner>> make_fixed(const PolicyOptions& options) {
  return make_static_learner(
      options, make_fixed_chooser(options.models.empty() ? "" : options.models.front()), 0);
}

Result<std::unique_ptr<Learner>> make_linucb(const PolicyOptions& options) {
  return make_linear(options, make_ucb_chooser(kUcbAlpha));
}

Result<std::unique_ptr<Learner>> make_lints(const PolicyOptions& options) {
  return make_linear_learner(sampled_linear_options(options), options, make_thompson_chooser());
}

Result<std::unique_ptr<Learner>> make_neural_linear(const PolicyOptions& options) {
  return make_neural_linear_learner(options, make_thompson_chooser());
}

Result<std::unique_ptr<Learner>> make_random(const PolicyOptions& options) {
  return make_static_learner(options, make_uniform_chooser(), options.exploration_floor);
}

Result<std::unique_ptr<Learner>> make_squarecb(const PolicyOptions& options) {
  return make_linear(options, make_squarecb_chooser(kSquareCbScale));
}

struct Entry {
  std::string_view name;
  Result<std::unique_ptr<Learner>> (*make)(const PolicyOptions&);
};

constexpr std::array kPolicies = {
    Entry{"ensemble", make_ensemble_learner},
    Entry{"epsilon_greedy", make_epsilon_greedy},
    Entry{"fixed", make_fixed},
    Entry{"lints", make_lints},
    Entry{"linucb", make_linucb},
    Entry{"neural_linear", make_neural_linear},
    Entry{"ppo", make_ppo_learner},
    Entry{"random", make_random},
    Entry{"squarecb", make_squarecb},
};

constexpr std::string_view kFixedPrefix = "fixed:";

/// A model that is never a candidate would be passed over in every decision.
Status check_known(const std::string& model, const std::vector<std::string>& models) {
  if (models.empty() || std::find(models.begin(), models.end(), model) != models.end()) return {};
  std::string known;
  for (const std::string& each : models) known += (known.empty() ? "" : ", ") + each;
  return fail(ErrorCode::invalid_argument,
              "there is no model '" + model + "'; there are: " + known);
}

}  // namespace

std::vector<std::string> policy_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kPolicies) names.emplace_back(entry.name);
  return names;
}

Result<std::unique_ptr<Learner>> make_learner(std::string_view name, const PolicyOptions& options) {
  const double floor = options.exploration_floor;
  if (!(floor >= 0 && floor <= 1)) {
    return fail(ErrorCode::invalid_argument,
                "exploration_floor " + std::to_string(floor) + " must lie in [0, 1]");
  }
  const double half_life = options.half_life_decisions;
  if (!std::isfinite(half_life) || half_life < 0) {
    return fail(ErrorCode::invalid_argument,
                "half_life_decisions must be a finite number of at least 0 (0: never forget)");
  }
  if (options.device != "cpu" && options.device != "cuda" && options.device != "auto") {
    return fail(ErrorCode::invalid_argument,
                "device '" + options.device + "' is unknown: use cpu, cuda or auto");
  }
  if (name == "default") name = kDefaultPolicy;
  if (name.starts_with(kFixedPrefix) && name.size() > kFixedPrefix.size()) {
    const std::string model(name.substr(kFixedPrefix.size()));
    if (Status known = check_known(model, options.models); !known) return fail(known.error());
    return make_static_learner(options, make_fixed_chooser(model), 0);
  }
  for (const Entry& entry : kPolicies) {
    if (entry.name == name) return entry.make(options);
  }
  std::string known;
  for (const Entry& entry : kPolicies) known += std::string(entry.name) + ", ";
  return fail(ErrorCode::invalid_argument, "policy '" + std::string(name) +
                                               "' is unknown; use default, fixed:MODEL or one of " +
                                               known.substr(0, known.size() - 2));
}

}  // namespace yardmaster::policies
