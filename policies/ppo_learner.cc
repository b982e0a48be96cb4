#include "policies/ppo_learner.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "env/objective.h"
#include "policies/neural_learner.h"
#include "policies/ppo/trainer.h"
#include "policies/ppo_policy.h"

namespace yardmaster::policies {

namespace {

// docs/policies.md has the measurements behind these.
constexpr std::size_t kWindow = 8192;  // samples kept
constexpr double kRelabelled = 0.125;  // part of the old samples that get other weights
constexpr double kRelabelRange = 10;   // by a factor of up to so much either way

// Samples an update: new ones, and old ones until there are so many, or so many times the new.
constexpr std::size_t kBatch = 512;
constexpr std::size_t kReuse = 4;

ppo::Options trainer_options(const PolicyOptions& options, std::size_t actions) {
  ppo::Options out;
  out.inputs = options.dimension + 2;
  out.actions = actions;
  out.weight_decay = 0.01;
  out.target_kl = 0.03;
  out.epochs = 1;
  out.device = options.device;
  out.seed = options.seed;
  return out;
}

class PpoLearner final : public NeuralLearner {
 public:
  static Result<std::unique_ptr<Learner>> make(const PolicyOptions& options) {
    auto trainer = ppo::Trainer::make(trainer_options(options, unique_models(options).size()));
    if (!trainer) return fail(trainer.error());
    return std::unique_ptr<Learner>(new PpoLearner(options, std::move(*trainer)));
  }

  const Policy& live() const override { return *live_; }
  std::shared_ptr<const Policy> snapshot() const override { return make_ppo_snapshot(view_); }

 protected:
  void arm_added() override { trainer_->add_action(); }
  void arm_removed(std::size_t arm) override { trainer_->remove_action(arm); }

  void refresh() override {
    view_.actor = view_.critic = {};
    if (trainer_->actions() == 0) return;
    view_.actor = trainer_->actor();
    view_.critic = trainer_->critic();
  }

  void update(std::uint64_t block, std::size_t fresh) override {
    Rng rng(options().seed, mix64(block));
    ppo::Batch batch;
    const auto& samples = window().samples();
    const ArmAverages::Common common = view_.averages.common();
    for (std::size_t i = fresh; i < samples.size(); ++i) {
      add_sample(samples[i], common, nullptr, batch);
    }
    const std::size_t added = samples.size() - fresh;
    const std::size_t drawn = std::min(std::max(kBatch, kReuse * added) - added, fresh);
    for (std::size_t i = 0; i < drawn; ++i) {
      add_sample(samples[rng.below(fresh)], common, &rng, batch);
    }
    (void)trainer_->update(batch, block);
  }

  void put(TensorArchive& archive) const override { trainer_->put(archive); }
  Status take(const TensorArchive& archive, std::size_t arms) override {
    return trainer_->take(archive, arms);
  }

 private:
  PpoLearner(const PolicyOptions& options, std::unique_ptr<ppo::Trainer> trainer)
      : NeuralLearner("yardmaster ppo 1", options, kWindow), trainer_(std::move(trainer)) {
    begin(view_);
    PpoLearner::refresh();
    live_ = make_ppo_policy(view_);
  }

  /// Appends a sample, with `rng` perhaps under other weights than its own.
  void add_sample(const WindowSample& sample, const ArmAverages::Common& common, Rng* rng,
                  ppo::Batch& batch) const {
    ObjectiveWeights weights = sample.weights;
    if (rng != nullptr && rng->uniform() < kRelabelled) {
      const double factor = std::pow(kRelabelRange, 2 * rng->uniform() - 1);
      weights.cost *= factor;
      weights.latency *= factor;
    }
    const std::size_t start = batch.inputs.size();
    batch.inputs.resize(start + view_.dimension + 2);
    view_.write_inputs(sample.features, weights, common, std::span(batch.inputs).subspan(start));
    ArmAverages::Expected own;
    const auto& arms = view_.averages.arms();
    for (std::size_t arm = 0; arm < arms.size(); ++arm) {
      const env::Candidate candidate{{}, arms[arm].price_reference, 0};
      ArmAverages::Expected expected;
      const double reward = view_.mean_reward(arm, candidate, weights, common, &expected);
      batch.value_offsets.push_back(static_cast<float>(reward));
      batch.logit_offsets.push_back(static_cast<float>(kPpoPriorSlope * reward));
      if (arm == sample.arm) own = expected;
    }
    batch.action.push_back(static_cast<std::int64_t>(sample.arm));
    batch.behaviour_log_probability.push_back(std::log(sample.propensity));
    batch.reward.push_back(
        bounded_reward(env::reward(sample.quality, present_cost(sample, own.cost_usd),
                                   sample.latency_s.value_or(own.latency_s), weights)));
    batch.weight.push_back(sample.share * age_weight(sample.decision_sequence));
    batch.ends.push_back(ppo::StepEnd::terminated);
  }

  PpoView view_;
  std::unique_ptr<ppo::Trainer> trainer_;
  std::unique_ptr<const Policy> live_;
};

}  // namespace

Result<std::unique_ptr<Learner>> make_ppo_learner(const PolicyOptions& options) {
  return PpoLearner::make(options);
}

}  // namespace yardmaster::policies
