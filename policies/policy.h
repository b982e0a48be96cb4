#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/training_row.h"
#include "env/model_traits.h"
#include "env/observation.h"

namespace yardmaster::policies {

/// What a policy expects of one candidate, before weights are applied and after.
struct Score {
  double quality = 0;
  double quality_sd = 0;  ///< posterior standard deviation of the expected quality
  double cost_usd = 0;
  double latency_s = 0;
  double reward = 0;     ///< env::reward of the three
  double reward_sd = 0;  ///< posterior standard deviation of the expected reward
  /// The part of reward_sd that is worth exploring: the model's own, not what is common to all
  /// models, such as how hard the query is, for that cannot change the choice between them.
  double choice_sd = 0;
  /// Decisions since the model was new, changed its price, or was noticed to have changed; 0: not
  /// known.
  double age_decisions = 0;
};

/// The serving side: an immutable state that turns observations into distributions.
/// Thread-safe: any number of threads may call the const methods at once.
class Policy {
 public:
  virtual ~Policy() = default;

  /// Writes the probability of each candidate, in their order: they sum to 1 and each is at
  /// least the exploration floor over the number of candidates (`fixed` is exempt). With
  /// `scores` not empty also what is expected of each, quality_sd and reward_sd left open. Both
  /// spans have one entry a candidate.
  /// Fails with invalid_argument on non-finite or wrongly sized input, and then writes nothing.
  virtual Status distribution(const env::Observation& observation, std::span<double> probabilities,
                              std::span<Score> scores) const = 0;

  /// The same with all of the scores, which may cost several times as much.
  virtual Status explain(const env::Observation& observation, std::span<double> probabilities,
                         std::span<Score> scores) const {
    return distribution(observation, probabilities, scores);
  }

  /// Whether it expects anything of a model; otherwise the scores that it writes mean nothing.
  virtual bool has_expectations() const { return true; }
};

/// A change of a model that nobody announced and that a learner noticed in its outcomes.
struct NoticedChange {
  std::string model;
  std::string_view value;  ///< of what: "quality", "cost_usd" or "latency_s"
  double shift = 0;        ///< by how much its mean has moved, in that value's unit
};

/// The learning side: rows in, policies out. One thread. Its state is a function of its options
/// and of the rows in their order, so learning the same rows again gives the same state.
class Learner {
 public:
  virtual ~Learner() = default;

  /// Learns one row; rows come in the order of their sequence. A model not seen before becomes
  /// an arm. Fails with invalid_argument, and learns nothing of the row, if a value is not
  /// finite or the features have another dimension.
  virtual Status learn(const TrainingRow& row) = 0;

  /// The policy of the present state, without a copy: valid until the next call of a non-const
  /// method. For simulation, where deciding and learning alternate on one thread.
  virtual const Policy& live() const = 0;

  /// An immutable copy of the present state, for serving from other threads.
  virtual std::shared_ptr<const Policy> snapshot() const = 0;

  virtual void add_arm(std::string_view model) = 0;     ///< no effect if it is there
  virtual void remove_arm(std::string_view model) = 0;  ///< forgets it; no effect if unknown
  virtual std::vector<std::string> arms() const = 0;

  /// The silent changes of models noticed since the last call. Not part of the state.
  virtual std::vector<NoticedChange> take_changes() { return {}; }

  /// Writes the whole state, so that load() into a learner of the same options continues bit
  /// for bit. load() fails with corrupt or unsupported and leaves the state as it was.
  virtual Status save(std::ostream& out) const = 0;
  virtual Status load(std::istream& in) = 0;
};

/// What every policy is made from. A policy ignores the options that do not concern it.
struct PolicyOptions {
  std::size_t dimension = 0;  ///< of the features
  std::uint64_t seed = 0;
  std::vector<std::string> models;  ///< arms that exist from the start, in the pool's order

  /// What is known of the models ahead of any row: a model that is new to a linear policy starts
  /// from what models with similar traits have shown. Not part of a state.
  env::ModelTraits traits;

  /// Probability shared evenly by all candidates whatever the policy thinks, so that no logged
  /// propensity is 0. Each candidate gets at least exploration_floor / candidates.
  double exploration_floor = 0.001;

  /// Decisions after which an observation counts half; 0: never forget.
  double half_life_decisions = 0;

  /// Where the learner's tensors live: cpu, cuda or auto. Linear policies stay on the CPU
  /// whatever it says: their rank-one updates are faster there.
  std::string device = "cpu";
};

/// The name that "default" stands for.
inline constexpr std::string_view kDefaultPolicy = "lints";

/// Names that make_learner knows, sorted, without "default" and without arguments.
std::vector<std::string> policy_names();

/// Makes a learner by the config's name for it: one of policy_names(), "default", or
/// "fixed:MODEL". Fails with invalid_argument for an unknown name, and for a MODEL that is not
/// among the options' models if they have any, and lists the known ones.
Result<std::unique_ptr<Learner>> make_learner(std::string_view name, const PolicyOptions& options);

}  // namespace yardmaster::policies
