#include "policies/ensemble_learner.h"

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <cmath>

#include "base/random.h"
#include "env/objective.h"
#include "policies/flat_mlp.h"
#include "policies/mlp_regression.h"
#include "policies/neural_learner.h"
#include "policies/stages.h"

namespace yardmaster::policies {

namespace {

// docs/policies.md has the measurements behind these.
constexpr std::size_t kHeadCount = 24;
constexpr std::size_t kWindow = 8192;
constexpr std::size_t kBatch = 512;  // samples an update, as in ppo
constexpr std::size_t kReuse = 4;
constexpr double kLearningRate = 3e-4;

// What a head's mean of an arm begins from: so many rows of a quality drawn for head and arm.
constexpr double kPriorRows = 4;
constexpr double kPriorDeviation = 0.25;

std::uint64_t poisson(Rng& rng) {
  // Knuth's product of uniforms, mean 1.
  constexpr double kLimit = 0.36787944117144233;
  double product = rng.uniform();
  std::uint64_t count = 0;
  for (; product > kLimit; ++count) product *= rng.uniform();
  return count;
}

/// How often each head has seen a row's outcome of an arm.
std::array<double, kHeadCount> bootstrap(std::uint64_t seed, std::uint64_t decision,
                                         std::size_t arm) {
  Rng rng(mix64(seed) ^ decision, arm);
  std::array<double, kHeadCount> out{};
  for (double& count : out) count = static_cast<double>(poisson(rng));
  return out;
}

struct EnsembleView : NeuralView {
  struct Mean {
    double sum = 0, weight = 0;
  };
  using ArmMeans = std::array<Mean, kHeadCount>;

  FlatMlp network;  ///< outputs: arm x head
  std::vector<ArmMeans> means;

  double mean(std::size_t arm, std::size_t head) const {
    const Mean& m = means[arm][head];
    return m.sum / std::max(m.weight, 1e-9);
  }
};

class EnsemblePolicy final : public Policy {
 public:
  explicit EnsemblePolicy(const EnsembleView& view) : view_(view) {}

  Status distribution(const env::Observation& observation, std::span<double> probabilities,
                      std::span<Score> scores) const override {
    if (auto checked = view_.check(observation, probabilities, scores); !checked) return checked;
    boost::container::small_vector<float, 128> in(view_.dimension);
    boost::container::small_vector<float, 512> out(view_.means.size() * kHeadCount);
    view_.write_features(observation.features, {in.data(), in.size()});
    if (!out.empty()) view_.network.forward({in.data(), in.size()}, {out.data(), out.size()});

    const auto& candidates = observation.candidates;
    const ArmAverages::Common common = view_.averages.common();
    boost::container::small_vector<double, 512> rewards(candidates.size() * kHeadCount);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto arm = view_.arm(candidates[i].model);
      ArmAverages::Expected parts;
      (void)view_.mean_reward(arm, candidates[i], observation.weights, common, &parts);
      double sum = 0, squares = 0;
      for (std::size_t head = 0; head < kHeadCount; ++head) {
        const double quality =
            arm ? view_.mean(*arm, head) + static_cast<double>(out[*arm * kHeadCount + head])
                : parts.quality;
        sum += quality;
        squares += quality * quality;
        rewards[i * kHeadCount + head] = bounded_reward(
            env::reward(quality, parts.cost_usd, parts.latency_s, observation.weights));
      }
      if (scores.empty()) continue;
      const double mean = sum / kHeadCount;
      Score& score = scores[i];
      score = {};
      score.quality = mean;
      score.quality_sd = score.reward_sd = score.choice_sd =
          std::sqrt(std::max(0.0, squares / kHeadCount - mean * mean));
      score.cost_usd = parts.cost_usd;
      score.latency_s = parts.latency_s;
      score.reward = env::reward(mean, parts.cost_usd, parts.latency_s, observation.weights);
    }
    vote({rewards.data(), rewards.size()}, probabilities);
    mix_floor(view_.exploration_floor, probabilities);
    return {};
  }

 private:
  /// A head whose best models are level shares its vote between them.
  static void vote(std::span<const double> rewards, std::span<double> probabilities) {
    std::fill(probabilities.begin(), probabilities.end(), 0.0);
    for (std::size_t head = 0; head < kHeadCount; ++head) {
      double highest = -INFINITY, ties = 0;
      for (std::size_t i = 0; i < probabilities.size(); ++i) {
        const double reward = rewards[i * kHeadCount + head];
        if (reward > highest) ties = 0;
        highest = std::max(highest, reward);
        ties += reward == highest ? 1 : 0;
      }
      for (std::size_t i = 0; i < probabilities.size(); ++i) {
        if (rewards[i * kHeadCount + head] == highest) probabilities[i] += 1 / ties;
      }
    }
  }

  const EnsembleView& view_;
};

class EnsembleSnapshot final : public Policy {
 public:
  explicit EnsembleSnapshot(const EnsembleView& view) : view_(view), policy_(view_) {}

  Status distribution(const env::Observation& observation, std::span<double> probabilities,
                      std::span<Score> scores) const override {
    return policy_.distribution(observation, probabilities, scores);
  }

 private:
  EnsembleView view_;
  EnsemblePolicy policy_;
};

class EnsembleLearner final : public NeuralLearner {
 public:
  EnsembleLearner(const PolicyOptions& options, TensorMlps network)
      : NeuralLearner("yardmaster ensemble 1", options, kWindow),
        network_(std::move(network)),
        live_(view_) {
    begin(view_);
    while (view_.means.size() < view_.averages.size()) add_means();
    EnsembleLearner::refresh();
  }

  static Result<std::unique_ptr<Learner>> make(const PolicyOptions& options) {
    auto network = TensorMlps::make(
        {{"heads", options.dimension, {64}, unique_models(options).size() * kHeadCount, 0.1}},
        {options.device, false}, options.seed);
    if (!network) return fail(network.error());
    return std::make_unique<EnsembleLearner>(options, std::move(*network));
  }

  const Policy& live() const override { return live_; }
  std::shared_ptr<const Policy> snapshot() const override {
    return std::make_shared<EnsembleSnapshot>(view_);
  }

 protected:
  void arm_added() override {
    add_means();
    network_.change_outputs(0, outputs_without(network_.outputs(0)), kHeadCount);
  }

  void arm_removed(std::size_t arm) override {
    view_.means.erase(view_.means.begin() + static_cast<std::ptrdiff_t>(arm));
    network_.change_outputs(0, outputs_without(arm), 0);
  }

  void row_counted(const TrainingRow& row, const std::vector<std::size_t>& arms) override {
    const double weight = age_weight(row.decision_sequence);
    const auto count = [&](std::size_t arm, const std::optional<double>& quality, double sign) {
      if (!quality) return;
      const auto seen = bootstrap(options().seed, row.decision_sequence, arm);
      for (std::size_t head = 0; head < kHeadCount; ++head) {
        view_.means[arm][head].sum += sign * weight * seen[head] * *quality;
        view_.means[arm][head].weight += sign * weight * seen[head];
      }
    };
    if (row.replaces) {
      if (const auto arm = view_.arm(row.replaces->model)) count(*arm, row.replaces->quality, -1);
    }
    for (std::size_t i = 0; i < arms.size(); ++i) count(arms[i], row.outcomes[i].quality, 1);
  }

  void update(std::uint64_t block, std::size_t fresh) override {
    Rng rng(options().seed, mix64(block));
    RegressionBatch batch;
    batch.known = kHeadCount;
    const auto& samples = window().samples();
    for (std::size_t i = fresh; i < samples.size(); ++i) add_sample(samples[i], batch);
    const std::size_t added = samples.size() - fresh;
    const std::size_t drawn = std::min(std::max(kBatch, kReuse * added) - added, fresh);
    for (std::size_t i = 0; i < drawn; ++i) add_sample(samples[rng.below(fresh)], batch);
    RegressionOptions fitted;
    fitted.learning_rate = kLearningRate;
    fit(network_, batch, fitted, options().seed, block);
  }

  void refresh() override {
    view_.network = {};
    if (!view_.means.empty()) view_.network = network_.flat(0);
  }

  void put(TensorArchive& archive) const override {
    network_.put(archive);
    auto means = DenseTensor::zeros(
        {static_cast<std::int64_t>(view_.means.size()), std::int64_t{2 * kHeadCount}});
    double* value = means.data();
    for (const EnsembleView::ArmMeans& arm : view_.means) {
      for (const EnsembleView::Mean& mean : arm) {
        *value++ = mean.sum;
        *value++ = mean.weight;
      }
    }
    archive.put("means", means);
  }

  Status take(const TensorArchive& archive, std::size_t arms) override {
    const auto means = archive.tensor("means", arms * 2 * kHeadCount);
    if (!means) return fail(means.error());
    if (auto taken = network_.take(archive, {arms * kHeadCount}); !taken) return taken;
    view_.means.assign(arms, {});
    const double* value = means->data();
    for (EnsembleView::ArmMeans& arm : view_.means) {
      for (EnsembleView::Mean& mean : arm) {
        mean.sum = *value++;
        mean.weight = *value++;
      }
    }
    return {};
  }

 private:
  /// Begins a last arm's means. Draws are keyed by its number, so arms that come later differ.
  void add_means() {
    Rng rng(mix64(options().seed), view_.means.size());
    EnsembleView::ArmMeans arm;
    for (EnsembleView::Mean& mean : arm) {
      const double quality = 0.5 + kPriorDeviation * rng.normal();
      mean = {kPriorRows * quality, kPriorRows};
    }
    view_.means.push_back(arm);
  }

  std::vector<std::int64_t> outputs_without(std::size_t arm) const {
    std::vector<std::int64_t> kept;
    for (std::size_t i = 0; i < network_.outputs(0); ++i) {
      if (i / kHeadCount != arm) kept.push_back(static_cast<std::int64_t>(i));
    }
    return kept;
  }

  void add_sample(const WindowSample& sample, RegressionBatch& batch) const {
    const std::size_t start = batch.inputs.size();
    batch.inputs.resize(start + view_.dimension);
    view_.write_features(sample.features, std::span(batch.inputs).subspan(start));
    const auto seen = bootstrap(options().seed, sample.decision_sequence, sample.arm);
    const double weight = sample.share * age_weight(sample.decision_sequence);
    for (std::size_t head = 0; head < kHeadCount; ++head) {
      batch.output.push_back(static_cast<std::int64_t>(sample.arm * kHeadCount + head));
      batch.target.push_back(static_cast<float>(bounded_reward(sample.quality) -
                                                bounded_reward(view_.mean(sample.arm, head))));
      batch.weight.push_back(static_cast<float>(weight * seen[head]));
    }
  }

  EnsembleView view_;
  TensorMlps network_;
  EnsemblePolicy live_;
};

}  // namespace

Result<std::unique_ptr<Learner>> make_ensemble_learner(const PolicyOptions& options) {
  return EnsembleLearner::make(options);
}

}  // namespace yardmaster::policies
