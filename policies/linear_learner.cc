#include "policies/linear_learner.h"

#include "env/compute_threads.h"

namespace yardmaster::policies {

namespace {

/// Scores by a view that someone else keeps alive and still.
class LiveScorer final : public Scorer {
 public:
  explicit LiveScorer(const LinearView& view) : view_(view) {}

  Status score(const env::Observation& observation, bool full_deviation,
               std::span<Score> scores) const override {
    return view_.score(observation, full_deviation, scores);
  }

 private:
  const LinearView& view_;
};

/// Scores by a copy of its own.
class SnapshotScorer final : public Scorer {
 public:
  explicit SnapshotScorer(const LinearModel& model) : view_(model.view().copy()) {}

  Status score(const env::Observation& observation, bool full_deviation,
               std::span<Score> scores) const override {
    return view_.score(observation, full_deviation, scores);
  }

 private:
  LinearView view_;
};

class LinearLearner final : public Learner {
 public:
  LinearLearner(const LinearOptions& linear, const PolicyOptions& options,
                std::shared_ptr<const Chooser> chooser)
      : model_(linear),
        chooser_(std::move(chooser)),
        exploration_floor_(options.exploration_floor),
        live_(std::make_shared<LiveScorer>(model_.view()), chooser_, exploration_floor_) {
    for (const std::string& model : options.models) model_.add_arm(model);
  }

  Status learn(const TrainingRow& row) override { return model_.learn(row); }
  const Policy& live() const override { return live_; }

  std::shared_ptr<const Policy> snapshot() const override {
    return std::make_shared<StagedPolicy>(std::make_shared<SnapshotScorer>(model_), chooser_,
                                          exploration_floor_);
  }

  void add_arm(std::string_view model) override { model_.add_arm(model); }
  void remove_arm(std::string_view model) override { model_.remove_arm(model); }
  std::vector<std::string> arms() const override { return model_.arms(); }
  std::vector<NoticedChange> take_changes() override { return model_.take_changes(); }
  Status save(std::ostream& out) const override { return model_.save(out); }
  Status load(std::istream& in) override { return model_.load(in); }

 private:
  LinearModel model_;
  std::shared_ptr<const Chooser> chooser_;
  double exploration_floor_;
  StagedPolicy live_;
};

}  // namespace

LinearOptions linear_options(const PolicyOptions& options) {
  LinearOptions out;
  out.dimension = options.dimension;
  out.half_life_decisions = options.half_life_decisions;
  out.traits = options.traits;
  return out;
}

LinearOptions sampled_linear_options(const PolicyOptions& options) {
  LinearOptions out = linear_options(options);
  out.prior.own_intercept = 8;
  out.context_fading_decisions = 300;
  return out;
}

std::unique_ptr<Learner> make_linear_learner(const LinearOptions& linear,
                                             const PolicyOptions& options,
                                             std::shared_ptr<const Chooser> chooser) {
  env::use_one_compute_thread();
  return std::make_unique<LinearLearner>(linear, options, std::move(chooser));
}

}  // namespace yardmaster::policies
