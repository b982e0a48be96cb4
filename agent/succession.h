#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "agent/encoder_state.h"
#include "agent/encoder_trial.h"
#include "agent/learning.h"
#include "env/model_pool.h"
#include "replay/store.h"

namespace yardmaster::agent {

/// A change of a router's encoder under way: the learner of the new one beside the one that serves,
/// until its policy is no worse (EncoderTrial) and takes over. It first learns what the store has
/// for it, a little at a time, and then each row together with the serving learner, compared before
/// either learns. Used by the learner thread, but for the methods that say so.
class Succession {
 public:
  /// `state` names both encoders; `pool` outlives this. The trial counts `trial_rows` rows; with 0
  /// the new encoder takes over as soon as its learner has caught up.
  Succession(std::unique_ptr<RouterLearner> learner, EncoderState state,
             std::filesystem::path state_file, std::size_t trial_rows, const env::ModelPool& pool);

  RouterLearner& learner() { return *learner_; }
  const RouterLearner& learner() const { return *learner_; }

  /// Learns rows of the store after the learner's version, up to and with `last`, for about a tenth
  /// of a second. True if there are more. Fails where the store does.
  Result<bool> catch_up(const replay::Store& store, std::uint64_t last);

  /// Both learners learn the rows, each compared first. To be called when both are at the same
  /// version.
  void learn_both(RouterLearner& serving, std::span<const TrainingRow> rows,
                  const replay::Store& store);

  /// The trial is passed and the learner has learned all that `serving` has.
  bool ready(const RouterLearner& serving) const;

  /// From here on the new encoder serves, also after a restart: saves its learner's state as the
  /// router's and writes the state file. Fails, and changes nothing, where that cannot be done or
  /// the new policy is not valid.
  Status take_over();

  /// Saves the learner's state and the trial's; no effect once it took over.
  Status save();

  const EncoderState& state() const { return state_; }

  // Any thread.

  bool took_over() const { return took_over_.load(std::memory_order_acquire); }
  const std::string& router() const { return learner_->router(); }
  std::uint64_t trial_rows() const { return trial_rows_; }
  EncoderTrial::Figures figures() const;

 private:
  void compare(const RouterLearner& serving, const TrainingRow& row, const replay::Store& store);

  std::unique_ptr<RouterLearner> learner_;
  EncoderState state_;
  std::filesystem::path state_file_;
  std::uint64_t trial_rows_;
  const env::ModelPool& pool_;
  EncoderTrial trial_;
  std::atomic<bool> took_over_ = false;
  mutable std::mutex mutex_;
  EncoderTrial::Figures figures_;  // guarded by mutex_
};

}  // namespace yardmaster::agent
