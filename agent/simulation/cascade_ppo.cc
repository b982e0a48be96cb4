#include <algorithm>
#include <array>
#include <cmath>

#include "agent/simulation/cascade_player.h"
#include "policies/arm_averages.h"
#include "policies/ppo/trainer.h"

namespace yardmaster::agent {
namespace {

namespace ppo = policies::ppo;

// docs/policies.md has the measurements behind these.
constexpr double kPriorRows = 20;   // that draw a model's mean score to that of all
constexpr double kPriorSlope = 20;  // logits per unit of mean reward
constexpr std::size_t kScoreBins = 4;

// Steps between updates: a share of all steps so far.
constexpr std::uint64_t kShortestRollout = 256;
constexpr std::uint64_t kLongestRollout = 1024;
constexpr std::uint64_t kRolloutShare = 8;

ppo::Options trainer_options(const env::CascadeTable& table, std::uint64_t seed) {
  ppo::Options out;
  out.inputs = table.dimension + 2 * table.models + 2;
  out.actions = table.models + 1;
  out.weight_decay = 0.01;
  out.epochs = 8;
  out.target_kl = 0.05;
  out.seed = seed;
  return out;
}

/// As `ppo` does for single decisions: the networks start from running means, here of the scores
/// and costs of each model's drafts.
class PpoPlayer final : public CascadePlayer {
 public:
  PpoPlayer(const env::CascadeTable& table, const CascadeOptions& options, std::uint64_t seed,
            std::unique_ptr<ppo::Trainer> trainer, std::uint64_t& steps)
      : table_(table),
        cost_weight_(options.cost_weight),
        trainer_(std::move(trainer)),
        actor_(trainer_->actor()),
        draws_(seed, 1),
        steps_(steps),
        observation_(table.dimension + 2 * table.models + 2),
        allowed_(table.models + 1),
        mean_score_(table.models),
        weighed_cost_(table.models),
        priors_(table.models + 1),
        logits_(table.models + 1) {
    for (std::size_t model = 0; model < table.models; ++model) averages_.add_arm();
    double squares = 0;
    for (const float value : table.features) squares += double(value) * double(value);
    const double mean = squares / std::max<double>(1, static_cast<double>(table.features.size()));
    feature_scale_ = mean > 0 ? static_cast<float>(1 / std::sqrt(mean)) : 1;
    refresh_means();
  }

  void play(env::CascadeEnvironment& environment) override {
    for (;;) {
      observe(environment);
      const std::size_t action = draw();
      ++steps_;
      const double cost_before = environment.cost_usd();
      const auto step = environment.step(action);
      add_entry(action, log_probability_, step.reward,
                step.terminated  ? ppo::StepEnd::terminated
                : step.truncated ? ppo::StepEnd::truncated
                                 : ppo::StepEnd::continues);
      if (action < table_.models) {
        environment.observe(observation_);
        ArmOutcome draft;
        draft.quality = static_cast<double>(observation_[table_.dimension + action]);
        draft.cost_usd = environment.cost_usd() - cost_before;
        averages_.add(action, draft, 1);
      }
      if (step.terminated) break;
      if (step.truncated) {
        observe(environment);
        add_entry(0, 0, 0, ppo::StepEnd::terminated);
        break;
      }
    }
    learn_delivered(environment);
    if (batch_.size() >= std::clamp(steps_ / kRolloutShare, kShortestRollout, kLongestRollout)) {
      update();
    }
  }

 private:
  void observe(const env::CascadeEnvironment& environment) {
    environment.observe(observation_);
    for (std::size_t i = 0; i < table_.dimension; ++i) observation_[i] *= feature_scale_;
    environment.allowed(allowed_);
    write_priors();
  }

  static std::size_t score_bin(double score) {
    return std::min(kScoreBins - 1, static_cast<std::size_t>(score * kScoreBins));
  }

  double highest_score() const {
    return static_cast<double>(observation_[observation_.size() - 2]);
  }

  /// What running means make of each action here: one more draft and stop, or stop now. The mean
  /// quality that was delivered at a like highest score stands for stopping, the score itself
  /// before there was any.
  void write_priors() {
    for (std::size_t model = 0; model < table_.models; ++model) {
      priors_[model] = static_cast<float>(mean_score_[model] - weighed_cost_[model]);
    }
    const Mean& seen = delivered_[score_bin(highest_score())];
    priors_.back() =
        static_cast<float>((seen.sum + kPriorRows * highest_score()) / (seen.count + kPriorRows));
  }

  void learn_delivered(const env::CascadeEnvironment& environment) {
    environment.observe(observation_);
    Mean& seen = delivered_[score_bin(highest_score())];
    seen.sum += environment.delivered_quality();
    ++seen.count;
  }

  std::size_t draw() {
    actor_.forward(observation_, logits_);
    double highest = -INFINITY;
    for (std::size_t a = 0; a < logits_.size(); ++a) {
      logits_[a] += static_cast<float>(kPriorSlope) * priors_[a];
      if (allowed_[a] != 0) highest = std::max(highest, static_cast<double>(logits_[a]));
    }
    double sum = 0;
    for (std::size_t a = 0; a < logits_.size(); ++a) {
      if (allowed_[a] != 0) sum += std::exp(static_cast<double>(logits_[a]) - highest);
    }
    double left = draws_.uniform() * sum;
    std::size_t chosen = logits_.size();
    for (std::size_t a = 0; a < logits_.size(); ++a) {
      if (allowed_[a] == 0) continue;
      chosen = a;
      left -= std::exp(static_cast<double>(logits_[a]) - highest);
      if (left < 0) break;
    }
    log_probability_ = static_cast<double>(logits_[chosen]) - highest - std::log(sum);
    return chosen;
  }

  void add_entry(std::size_t action, double log_probability, double reward, ppo::StepEnd end) {
    batch_.inputs.insert(batch_.inputs.end(), observation_.begin(), observation_.end());
    batch_.mask.insert(batch_.mask.end(), allowed_.begin(), allowed_.end());
    for (const float prior : priors_) {
      batch_.logit_offsets.push_back(static_cast<float>(kPriorSlope) * prior);
      batch_.value_offsets.push_back(prior);
    }
    batch_.action.push_back(static_cast<std::int64_t>(action));
    batch_.behaviour_log_probability.push_back(log_probability);
    batch_.reward.push_back(reward);
    batch_.weight.push_back(1);
    batch_.ends.push_back(end);
  }

  void update() {
    (void)trainer_->update(batch_, updates_++);
    batch_ = {};
    actor_ = trainer_->actor();
    refresh_means();
  }

  void refresh_means() {
    const auto common = averages_.common();
    for (std::size_t model = 0; model < table_.models; ++model) {
      const auto expected = averages_.expected(model, {}, kPriorRows, common);
      mean_score_[model] = expected.quality;
      weighed_cost_[model] = cost_weight_ * expected.cost_usd;
    }
  }

  const env::CascadeTable& table_;
  double cost_weight_;
  std::unique_ptr<ppo::Trainer> trainer_;
  policies::FlatMlp actor_;
  Rng draws_;
  std::uint64_t& steps_;
  std::uint64_t updates_ = 0;
  policies::ArmAverages averages_;
  float feature_scale_ = 1;
  std::vector<float> observation_;
  std::vector<std::uint8_t> allowed_;
  std::vector<double> mean_score_, weighed_cost_;  ///< a model each
  std::vector<float> priors_, logits_;
  double log_probability_ = 0;

  struct Mean {
    double sum = 0, count = 0;
  };
  std::array<Mean, kScoreBins> delivered_;  ///< quality by the highest score
  ppo::Batch batch_;
};

}  // namespace

Result<std::unique_ptr<CascadePlayer>> make_ppo_player(const env::CascadeTable& table,
                                                       const CascadeOptions& options,
                                                       std::uint64_t seed, std::uint64_t& steps) {
  auto trainer = ppo::Trainer::make(trainer_options(table, seed));
  if (!trainer) return fail(trainer.error());
  return std::make_unique<PpoPlayer>(table, options, seed, std::move(*trainer), steps);
}

}  // namespace yardmaster::agent
