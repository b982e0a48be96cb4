#include "policies/ppo_learner.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/random.h"
#include "env/objective.h"
#include "policies/ppo/trainer.h"
#include "policies/ppo_policy.h"
#include "policies/row_window.h"
#include "policies/training_check.h"

namespace yardmaster::policies {

namespace {

constexpr char kFormat[] = "yardmaster ppo 1";

// docs/policies.md has the measurements behind these.
constexpr std::size_t kWindow = 8192;     // samples kept
constexpr std::uint64_t kMaxLag = 16384;  // rows that a row's policy may be behind
constexpr double kFeatureSize = 1;        // root mean square of a feature as the networks see it
constexpr double kRelabelled = 0.125;     // part of the old samples that get other weights
constexpr double kRelabelRange = 10;      // by a factor of up to so much either way

// Rows between updates: few while the first rows teach the most, more when they are many.
constexpr std::uint64_t kSmallestBlock = 32;
constexpr std::uint64_t kLargestBlock = 256;
constexpr std::uint64_t kBlocksRemembered = 32;

// Samples an update: new ones, and old ones until there are so many, or so many times the new.
constexpr std::size_t kBatch = 512;
constexpr std::size_t kReuse = 4;

std::uint64_t block_size(std::uint64_t sequence) {
  return std::bit_floor(std::clamp(sequence / kBlocksRemembered, kSmallestBlock, kLargestBlock));
}

/// The first sequence number of the block; sizes are powers of two, so blocks lie end to end.
std::uint64_t block_of(std::uint64_t sequence) {
  return sequence / block_size(sequence) * block_size(sequence);
}

ppo::Options trainer_options(const PolicyOptions& options) {
  ppo::Options out;
  out.inputs = options.dimension + 2;
  out.actions = options.models.size();
  out.weight_decay = 0.01;
  out.target_kl = 0.03;
  out.epochs = 1;
  out.device = options.device;
  out.seed = options.seed;
  return out;
}

class PpoLearner final : public Learner {
 public:
  PpoLearner(const PolicyOptions& options, std::unique_ptr<ppo::Trainer> trainer)
      : options_(options), trainer_(std::move(trainer)), window_(kWindow, options.dimension) {
    view_.dimension = options.dimension;
    view_.exploration_floor = options.exploration_floor;
    for (const std::string& model : options.models) {
      if (view_.index.emplace(model, arms_.size()).second) {
        arms_.push_back(model);
        view_.averages.add_arm();
      }
    }
    refresh();
    live_ = make_ppo_policy(view_);
  }

  Status learn(const TrainingRow& row) override {
    if (auto checked = check_training_row(row, options_.dimension); !checked) return checked;
    const std::uint64_t block = block_of(row.sequence);
    if (block != block_) finish_block();
    block_ = block;
    advance_clock(row.decision_sequence);
    std::vector<std::size_t> arms;
    for (const ArmOutcome& outcome : row.outcomes) {
      add_arm(outcome.model);
      arms.push_back(view_.index.at(outcome.model));
    }
    count_features(row.features.values);
    if (row.replaces) {
      const auto replaced = view_.arm(row.replaces->model);
      if (replaced)
        view_.averages.add(*replaced, *row.replaces, -age_weight(row.decision_sequence));
    }
    for (std::size_t i = 0; i < arms.size(); ++i) {
      view_.averages.add(arms[i], row.outcomes[i], age_weight(row.decision_sequence));
    }
    // Imported rows say nothing of the policy that chose; theirs is the propensity alone.
    const bool stale = row.decision != DecisionId{} && row.sequence > row.policy_version + kMaxLag;
    if (!stale) window_.add(row, arms);
    newest_ = row.sequence;
    if (block_of(row.sequence + 1) != block) finish_block();
    return {};
  }

  const Policy& live() const override { return *live_; }
  std::shared_ptr<const Policy> snapshot() const override { return make_ppo_snapshot(view_); }

  void add_arm(std::string_view model) override {
    if (!view_.index.emplace(model, arms_.size()).second) return;
    arms_.emplace_back(model);
    view_.averages.add_arm();
    trainer_->add_action();
    refresh();
  }

  void remove_arm(std::string_view model) override {
    const auto arm = view_.arm(model);
    if (!arm) return;
    arms_.erase(arms_.begin() + static_cast<std::ptrdiff_t>(*arm));
    view_.averages.remove_arm(*arm);
    window_.remove_arm(*arm);
    trainer_->remove_action(*arm);
    refresh();
  }

  std::vector<std::string> arms() const override { return arms_; }

  Status save(std::ostream& out) const override;
  Status load(std::istream& in) override;

 private:
  void refresh() {
    view_.index.clear();
    for (std::size_t arm = 0; arm < arms_.size(); ++arm) view_.index.emplace(arms_[arm], arm);
    view_.actor = view_.critic = {};
    if (arms_.empty()) return;
    view_.actor = trainer_->actor();
    view_.critic = trainer_->critic();
  }

  void advance_clock(std::uint64_t decision) {
    if (decision <= clock_) return;
    if (options_.half_life_decisions > 0) {
      view_.averages.decay(
          std::exp2(-static_cast<double>(decision - clock_) / options_.half_life_decisions));
    }
    clock_ = decision;
  }

  double age_weight(std::uint64_t decision) const {
    if (options_.half_life_decisions <= 0 || decision >= clock_) return 1;
    return std::exp2(-static_cast<double>(clock_ - decision) / options_.half_life_decisions);
  }

  void count_features(const std::vector<float>& values) {
    for (const float value : values) feature_squares_ += double(value) * double(value);
    feature_count_ += static_cast<double>(values.size());
    const double mean_square = feature_squares_ / std::max(feature_count_, 1.0);
    view_.feature_scale = mean_square > 1e-30 ? kFeatureSize / std::sqrt(mean_square) : 1;
  }

  /// The update that belongs to the block, if it has new samples.
  void finish_block() {
    const auto& samples = window_.samples();
    std::size_t old = samples.size();
    while (old > 0 && samples[old - 1].sequence > updated_) --old;
    const std::size_t fresh = samples.size() - old;
    updated_ = newest_;
    if (fresh == 0) return;
    Rng rng(options_.seed, mix64(block_));
    ppo::Batch batch;
    const ArmAverages::Common common = view_.averages.common();
    for (std::size_t i = old; i < samples.size(); ++i)
      add_sample(samples[i], common, nullptr, batch);
    const std::size_t drawn = old == 0 ? 0 : std::max(kBatch, kReuse * fresh) - fresh;
    for (std::size_t i = 0; i < std::min(drawn, old); ++i) {
      add_sample(samples[rng.below(old)], common, &rng, batch);
    }
    (void)trainer_->update(batch, block_);
    refresh();
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
    batch.inputs.resize(start + view_.inputs());
    view_.write_inputs(sample.features, weights, common, std::span(batch.inputs).subspan(start));
    ArmAverages::Expected own;
    for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
      const env::Candidate candidate{arms_[arm], view_.averages.arms()[arm].price_reference, 0};
      ArmAverages::Expected expected;
      const double reward = view_.mean_reward(arm, candidate, weights, common, &expected);
      batch.value_offsets.push_back(static_cast<float>(reward));
      batch.logit_offsets.push_back(static_cast<float>(ppo_prior_slope() * reward));
      if (arm == sample.arm) own = expected;
    }
    const double price = view_.averages.arms()[sample.arm].price_reference;
    const double repriced =
        sample.price_reference > 0 && price > 0 ? price / sample.price_reference : 1;
    const double cost = sample.cost_usd ? *sample.cost_usd * repriced : own.cost_usd;
    batch.action.push_back(static_cast<std::int64_t>(sample.arm));
    batch.behaviour_log_probability.push_back(std::log(sample.propensity));
    batch.reward.push_back(bounded_reward(
        env::reward(sample.quality, cost, sample.latency_s.value_or(own.latency_s), weights)));
    batch.weight.push_back(sample.share * age_weight(sample.decision_sequence));
    batch.ends.push_back(ppo::StepEnd::terminated);
  }

  PolicyOptions options_;
  std::unique_ptr<ppo::Trainer> trainer_;
  std::vector<std::string> arms_;
  PpoView view_;
  std::unique_ptr<const Policy> live_;
  RowWindow window_;
  std::uint64_t block_ = 0;    ///< of the newest row
  std::uint64_t newest_ = 0;   ///< sequence of the newest row
  std::uint64_t updated_ = 0;  ///< of the newest row that an update has seen
  std::uint64_t clock_ = 0;    ///< newest decision
  double feature_squares_ = 0, feature_count_ = 0;
};

Status PpoLearner::save(std::ostream& out) const {
  TensorArchive archive;
  archive.put("format", std::string(kFormat) + ' ' + std::to_string(options_.dimension));
  archive.put("arms", std::to_string(arms_.size()));
  auto numbers = DenseTensor::zeros({static_cast<std::int64_t>(6 + 7 * arms_.size())});
  double* number = numbers.data();
  for (const double value :
       {static_cast<double>(block_), static_cast<double>(newest_), static_cast<double>(updated_),
        static_cast<double>(clock_), feature_squares_, feature_count_}) {
    *number++ = value;
  }
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
    archive.put("arm" + std::to_string(arm), arms_[arm]);
    const ArmAverages::Arm& sums = view_.averages.arms()[arm];
    for (const double value : {sums.quality, sums.quality_weight, sums.cost, sums.cost_weight,
                               sums.latency, sums.latency_weight, sums.price_reference}) {
      *number++ = value;
    }
  }
  archive.put("numbers", numbers);
  trainer_->put(archive);
  window_.put(archive);
  return archive.write(out);
}

Status PpoLearner::load(std::istream& in) {
  TensorArchive archive;
  if (auto read = archive.read(in); !read) return read;
  const auto format = archive.bytes("format");
  if (!format) return fail(format.error());
  if (*format != std::string(kFormat) + ' ' + std::to_string(options_.dimension)) {
    return fail(ErrorCode::unsupported,
                "policy state: saved by another version or for other features; learn anew from "
                "the store");
  }
  const auto count = archive.bytes("arms");
  if (!count) return fail(count.error());
  std::vector<std::string> arms(static_cast<std::size_t>(std::atoll(count->c_str())));
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    auto name = archive.bytes("arm" + std::to_string(arm));
    if (!name) return fail(name.error());
    arms[arm] = std::move(*name);
  }
  const auto numbers = archive.tensor("numbers", 6 + 7 * arms.size());
  if (!numbers) return fail(numbers.error());
  RowWindow window(kWindow, options_.dimension);
  if (auto taken = window.take(archive, arms.size()); !taken) return taken;
  if (auto taken = trainer_->take(archive, arms.size()); !taken) return taken;
  arms_ = std::move(arms);
  window_ = std::move(window);
  const double* number = numbers->data();
  for (std::uint64_t* value : {&block_, &newest_, &updated_, &clock_}) {
    *value = static_cast<std::uint64_t>(*number++);
  }
  feature_squares_ = *number++;
  feature_count_ = *number++;
  std::vector<ArmAverages::Arm> sums(arms_.size());
  for (ArmAverages::Arm& arm : sums) {
    for (double* value : {&arm.quality, &arm.quality_weight, &arm.cost, &arm.cost_weight,
                          &arm.latency, &arm.latency_weight, &arm.price_reference}) {
      *value = *number++;
    }
  }
  view_.averages.restore(std::move(sums));
  count_features({});
  refresh();
  return {};
}

}  // namespace

Result<std::unique_ptr<Learner>> make_ppo_learner(const PolicyOptions& options) {
  auto trainer = ppo::Trainer::make(trainer_options(options));
  if (!trainer) return fail(trainer.error());
  return std::make_unique<PpoLearner>(options, std::move(*trainer));
}

}  // namespace yardmaster::policies
