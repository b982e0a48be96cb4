#include "policies/neural_linear_learner.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <sstream>

#include "policies/flat_mlp.h"
#include "policies/linear_learner.h"
#include "policies/linear_model.h"
#include "policies/mlp_regression.h"
#include "policies/neural_learner.h"

namespace yardmaster::policies {

namespace {

// docs/policies.md has the measurements behind these.
constexpr std::size_t kTrunk = 16;      // features that the trunk gives
constexpr std::size_t kWindow = 16384;  // samples kept
constexpr std::size_t kEpochs = 4;      // of a training
constexpr std::uint64_t kFirstTraining = 1024;
constexpr std::uint64_t kTrainingInterval = 4096;

// The trunk's features lie in [-1, 1]; together they are to weigh as much as a query's own.
constexpr float kTrunkScale = 0.25F;

/// Whether a training belongs to the end of the block that ends before `sequence`.
bool trains_at(std::uint64_t sequence) {
  return sequence >= kTrainingInterval
             ? sequence % kTrainingInterval == 0
             : sequence == kFirstTraining || sequence == 2 * kFirstTraining;
}

LinearOptions trunk_options(const PolicyOptions& options) {
  LinearOptions out = sampled_linear_options(options);
  out.dimension += kTrunk;
  return out;
}

struct TrunkView : NeuralView {
  FlatMlp network;

  /// The query's features and, behind them, the trunk's.
  void write(std::span<const float> features, std::span<float> out) const {
    std::copy(features.begin(), features.end(), out.begin());
    if (network.empty()) {
      std::fill(out.begin() + static_cast<std::ptrdiff_t>(dimension), out.end(), 0.0F);
      return;
    }
    boost::container::small_vector<float, 128> scaled(dimension);
    write_features(features, {scaled.data(), scaled.size()});
    const auto trunk = out.subspan(dimension);
    network.features({scaled.data(), scaled.size()}, trunk);
    for (float& value : trunk) value *= kTrunkScale;
  }
};

/// Scores by a linear view of the features that a trunk view makes; both outlive it.
class TrunkScorer final : public Scorer {
 public:
  TrunkScorer(const TrunkView& trunk, const LinearView& linear) : trunk_(trunk), linear_(linear) {}

  Status score(const env::Observation& observation, bool full_deviation,
               std::span<Score> scores) const override {
    if (auto checked = trunk_.check_features(observation.features); !checked) return checked;
    boost::container::small_vector<float, 256> features(trunk_.dimension + kTrunk);
    trunk_.write(observation.features, {features.data(), features.size()});
    env::Observation seen = observation;
    seen.features = {features.data(), features.size()};
    return linear_.score(seen, full_deviation, scores);
  }

 private:
  const TrunkView& trunk_;
  const LinearView& linear_;
};

/// The same with copies of its own.
class SnapshotScorer final : public Scorer {
 public:
  SnapshotScorer(const TrunkView& trunk, const LinearModel& model)
      : trunk_(trunk), linear_(model.view().copy()), scorer_(trunk_, linear_) {}

  Status score(const env::Observation& observation, bool full_deviation,
               std::span<Score> scores) const override {
    return scorer_.score(observation, full_deviation, scores);
  }

 private:
  TrunkView trunk_;
  LinearView linear_;
  TrunkScorer scorer_;
};

class NeuralLinearLearner final : public NeuralLearner {
 public:
  NeuralLinearLearner(const PolicyOptions& options, TensorMlps network,
                      std::shared_ptr<const Chooser> chooser)
      : NeuralLearner("yardmaster neural linear 1", options, kWindow),
        network_(std::move(network)),
        chooser_(std::move(chooser)) {
    begin(view_);
    start_afresh();
  }

  static Result<std::unique_ptr<Learner>> make(const PolicyOptions& options,
                                               std::shared_ptr<const Chooser> chooser) {
    auto network = TensorMlps::make(
        {{"trunk", options.dimension, {64, kTrunk}, unique_models(options).size(), 0.1}},
        {options.device, false}, options.seed);
    if (!network) return fail(network.error());
    return std::make_unique<NeuralLinearLearner>(options, std::move(*network), std::move(chooser));
  }

  std::vector<NoticedChange> take_changes() override { return model_->take_changes(); }
  const Policy& live() const override { return *live_; }
  std::shared_ptr<const Policy> snapshot() const override {
    return std::make_shared<StagedPolicy>(std::make_shared<SnapshotScorer>(view_, *model_),
                                          chooser_, options().exploration_floor);
  }

 protected:
  void arm_added() override {
    network_.change_outputs(0, outputs_without(network_.outputs(0)), 1);
    model_->add_arm(arms().back());
  }

  void arm_removed(std::size_t arm) override {
    network_.change_outputs(0, outputs_without(arm), 0);
    const std::vector<std::string> before = model_->arms(), left = arms();
    for (const std::string& name : before) {
      if (std::find(left.begin(), left.end(), name) == left.end()) model_->remove_arm(name);
    }
  }

  void row_counted(const TrainingRow& row, const std::vector<std::size_t>&) override {
    TrainingRow seen = row;
    seen.features.values.resize(view_.dimension + kTrunk);
    view_.write(row.features.values, seen.features.values);
    (void)model_->learn(seen);  // checked already
  }

  void update(std::uint64_t block, std::size_t) override {
    if (!trains_at(block + block_size(block))) return;
    RegressionBatch batch;
    for (const WindowSample& sample : window().samples()) {
      const std::size_t start = batch.inputs.size();
      batch.inputs.resize(start + view_.dimension);
      view_.write_features(sample.features, std::span(batch.inputs).subspan(start));
      batch.output.push_back(static_cast<std::int64_t>(sample.arm));
      batch.target.push_back(static_cast<float>(bounded_reward(sample.quality - 0.5)));
      batch.weight.push_back(
          static_cast<float>(sample.share * age_weight(sample.decision_sequence)));
    }
    RegressionOptions fitted;
    fitted.epochs = kEpochs;
    fit(network_, batch, fitted, options().seed, block);
    view_.network = network_.flat(0);
    learn_window();
  }

  void refresh() override {}

  void put(TensorArchive& archive) const override {
    network_.put(archive);
    std::ostringstream model;
    (void)model_->save(model);
    archive.put("linear", model.str());
    archive.put("trained", view_.network.empty() ? "0" : "1");
  }

  Status take(const TensorArchive& archive, std::size_t arms) override {
    const auto bytes = archive.bytes("linear");
    if (!bytes) return fail(bytes.error());
    const auto trained = archive.bytes("trained");
    if (!trained) return fail(trained.error());
    auto model = std::make_unique<LinearModel>(trunk_options(options()));
    std::istringstream in(*bytes);
    if (auto loaded = model->load(in); !loaded) return loaded;
    if (model->arms().size() != arms) {
      return fail(ErrorCode::corrupt, "policy state: trunk and linear model disagree on the arms");
    }
    if (auto taken = network_.take(archive, {arms}); !taken) return taken;
    view_.network = *trained == "1" ? network_.flat(0) : FlatMlp();
    use(std::move(model));
    return {};
  }

 private:
  void use(std::unique_ptr<LinearModel> model) {
    live_ = std::make_unique<StagedPolicy>(std::make_shared<TrunkScorer>(view_, model->view()),
                                           chooser_, options().exploration_floor);
    model_ = std::move(model);
  }

  void start_afresh() {
    auto model = std::make_unique<LinearModel>(trunk_options(options()));
    for (const std::string& arm : arms()) model->add_arm(arm);
    use(std::move(model));
  }

  /// The linear model of the window's rows under the present trunk.
  void learn_window() {
    start_afresh();
    const std::vector<std::string> names = arms();
    for (const WindowSample& sample : window().samples()) {
      TrainingRow row;
      row.sequence = sample.sequence;
      row.decision_sequence = sample.decision_sequence;
      row.weights = sample.weights;
      row.features.values.resize(view_.dimension + kTrunk);
      view_.write(sample.features, row.features.values);
      row.outcomes.push_back({names[sample.arm], sample.propensity, sample.price_reference,
                              sample.quality, sample.cost_usd, sample.latency_s});
      (void)model_->learn(row);
    }
    (void)model_->take_changes();  // noticed when the rows came
  }

  std::vector<std::int64_t> outputs_without(std::size_t arm) const {
    std::vector<std::int64_t> kept;
    for (std::size_t i = 0; i < network_.outputs(0); ++i) {
      if (i != arm) kept.push_back(static_cast<std::int64_t>(i));
    }
    return kept;
  }

  TrunkView view_;
  TensorMlps network_;
  std::shared_ptr<const Chooser> chooser_;
  std::unique_ptr<LinearModel> model_;
  std::unique_ptr<const Policy> live_;
};

}  // namespace

Result<std::unique_ptr<Learner>> make_neural_linear_learner(
    const PolicyOptions& options, std::shared_ptr<const Chooser> chooser) {
  return NeuralLinearLearner::make(options, std::move(chooser));
}

}  // namespace yardmaster::policies
