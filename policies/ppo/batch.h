#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "policies/ppo/gae.h"

namespace yardmaster::policies::ppo {

struct Options {
  std::size_t inputs = 0;
  std::size_t actions = 0;
  std::vector<std::size_t> hidden{64, 64};  ///< of the actor and of the critic
  double learning_rate = 1e-3;
  double weight_decay = 0;  ///< per unit of learning rate, on weights and not on biases (AdamW)
  double gamma = 1;
  double lambda = 0.95;
  double clip = 0.2;
  double entropy = 0.01;
  double value_weight = 0.5;
  double max_gradient_norm = 0.5;
  double target_kl = 0.02;  ///< an update stops at 1.5 times it
  std::size_t epochs = 4;
  std::size_t minibatch = 256;
  /// A sample whose pi / mu lies outside teaches the critic and not the actor.
  double ratio_low = 0.05;
  double ratio_high = 20;
  /// Bound on pi / mu where it weighs what was seen of an action (truncated importance weights).
  double ratio_cap = 2;
  std::string device = "cpu";     ///< cpu, cuda, or auto: cuda where there is a GPU
  bool double_precision = false;  ///< for tests of gradients
  std::uint64_t seed = 0;
};

/// Samples in the order of time; each vector has one entry (or `inputs`, `actions` entries) a
/// sample. An entry after a truncated step is a state alone: only its inputs, offsets and mask
/// are read.
struct Batch {
  std::vector<float> inputs;
  std::vector<float> logit_offsets;  ///< added to the actor's outputs; empty: 0
  std::vector<float> value_offsets;  ///< added to the critic's outputs; empty: 0
  std::vector<std::uint8_t> mask;    ///< 1 where an action was allowed; empty: all were
  std::vector<std::int64_t> action;
  std::vector<double> behaviour_log_probability;  ///< with which it was chosen, as logged
  std::vector<double> reward;
  std::vector<double> weight;  ///< of the sample in all losses
  std::vector<StepEnd> ends;

  std::size_t size() const { return action.size(); }
};

/// What an update did.
struct Report {
  std::size_t steps = 0;         ///< of the optimiser
  double kl = 0;                 ///< KL(old | new) at the last minibatch looked at
  double effective_samples = 1;  ///< effective sample size of pi / mu, as a part of the samples
  std::size_t off_policy = 0;    ///< samples outside the bounds of pi / mu
  bool actor_skipped = false;    ///< the effective sample size was below a tenth
  bool finite = true;            ///< false: a gradient was not, and its step was left out
};

}  // namespace yardmaster::policies::ppo
