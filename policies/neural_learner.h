#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policies/neural_view.h"
#include "policies/policy.h"
#include "policies/row_window.h"

namespace yardmaster::policies {

/// What the neural learners share: checked rows become running means and a window of samples, and
/// after each block of rows comes an update of the networks. Blocks are taken by sequence number,
/// 32 rows at first and 256 from row 8,192 on, and may have gaps; an update's random numbers are
/// to be keyed by its block. Rows chosen by a policy more than 16,384 rows old leave the networks
/// alone. All of it is part of the state, with a block half learned.
class NeuralLearner : public Learner {
 public:
  Status learn(const TrainingRow& row) final;
  void add_arm(std::string_view model) final;
  void remove_arm(std::string_view model) final;
  std::vector<std::string> arms() const final { return arms_; }
  Status save(std::ostream& out) const final;
  Status load(std::istream& in) final;

 protected:
  /// `format` names the policy and the version of its state; `arms` are those of the options, each
  /// once.
  NeuralLearner(std::string format, const PolicyOptions& options, std::size_t window);

  /// To be called first in the constructor: the view to keep, a member of the derived class.
  void begin(NeuralView& view);

  /// Rows of the block that begins with this sequence number.
  static std::uint64_t block_size(std::uint64_t sequence);

  /// The options' models, each once.
  static std::vector<std::string> unique_models(const PolicyOptions& options);

  // What a policy adds.

  virtual void arm_added() = 0;  ///< the last one
  virtual void arm_removed(std::size_t arm) = 0;
  /// A row was counted; `arms` has those of its outcomes.
  virtual void row_counted(const TrainingRow&, const std::vector<std::size_t>& /*arms*/) {}
  /// The update after a block: samples from `fresh` on are new.
  virtual void update(std::uint64_t block, std::size_t fresh) = 0;
  /// Called when networks may have changed: copies them to the view.
  virtual void refresh() = 0;
  virtual void put(TensorArchive& archive) const = 0;
  /// Fails with corrupt, and leaves the state as it was.
  virtual Status take(const TensorArchive& archive, std::size_t arms) = 0;

  const PolicyOptions& options() const { return options_; }
  const RowWindow& window() const { return window_; }

  /// The weight of a row by its age, 1 without forgetting.
  double age_weight(std::uint64_t decision) const;

  /// A sample's cost at its model's present price; what the model costs on the mean if unknown.
  double present_cost(const WindowSample& sample, double mean_cost) const;

 private:
  void finish_block();
  void advance_clock(std::uint64_t decision);
  void count_features(const std::vector<float>& values);

  std::string format_;
  PolicyOptions options_;
  NeuralView* view_ = nullptr;
  std::vector<std::string> arms_;
  RowWindow window_;
  std::uint64_t block_ = 0;    ///< of the newest row
  std::uint64_t newest_ = 0;   ///< sequence of the newest row
  std::uint64_t updated_ = 0;  ///< of the newest row that an update has seen
  std::uint64_t clock_ = 0;    ///< newest decision
  double feature_squares_ = 0, feature_count_ = 0;
};

}  // namespace yardmaster::policies
