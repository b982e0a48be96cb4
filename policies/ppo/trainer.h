#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "policies/dense_tensor.h"
#include "policies/flat_mlp.h"
#include "policies/ppo/batch.h"

namespace yardmaster::policies::ppo {

/// Clipped proximal policy optimisation (Schulman et al. 2017) of an actor and a critic with
/// separate tanh networks, for steps that stand alone and for trajectories alike, from logged
/// behaviour with the logged propensities mu.
///
/// The critic gives Q(s, a) for each action, so V(s) = sum over a of pi(a|s) Q(s, a). At the start
/// of an update, with pi_old the actor of that moment, GAE on V gives the advantage A_t of each
/// action taken, and A_t + V_t is what the critic learns of Q(s_t, a_t). The policy's loss counts
/// every action, those taken with what was seen of them beyond what the critic expected:
///   A(s_t, a) = Q(s_t, a) - V(s_t) + [a = a_t] (A_t - Q(s_t, a_t) + V(s_t)) / mu(a_t)
///   loss = - sum over a of pi_old(a) min(u_a A(s_t, a), clip(u_a) A(s_t, a)),  u = pi / pi_old
/// which is decoupled PPO (Hilton et al. 2022) with the critic as a control variate (Gu et al.
/// 2017): unbiased for any critic up to the bound on pi_old / mu, and with a critic that does not
/// tell actions apart the usual A = r - V. A_t has its deviation over the minibatch divided out,
/// where there is more than one sample.
///
/// Randomness is keyed by (seed, key). One thread.
class Trainer {
 public:
  /// Fails with unavailable where the device is not there.
  static Result<std::unique_ptr<Trainer>> make(const Options& options);
  ~Trainer();

  /// One update: `epochs` passes over the batch in minibatches, until the KL bound.
  Report update(const Batch& batch, std::uint64_t key);

  FlatMlp actor() const;
  FlatMlp critic() const;

  /// A new last action, whose outputs start at 0.
  void add_action();
  void remove_action(std::size_t action);
  std::size_t actions() const;

  /// Parameters and the optimiser's moments, each a tensor of its own name, on the CPU.
  void put(TensorArchive& archive) const;
  /// Fails with corrupt, and leaves the state as it was.
  Status take(const TensorArchive& archive, std::size_t actions);

  /// All parameters as one vector: weight and bias of each of the actor's layers, then of the
  /// critic's.
  std::vector<double> parameters() const;
  void set_parameters(std::span<const double> parameters);

  /// The loss of a batch as one minibatch, with pi_old, V and Q of the trainer's own parameters and
  /// pi and the critic's error at the given ones; its gradient where asked for. Changes nothing.
  double loss(const Batch& batch, std::span<const double> parameters,
              std::vector<double>* gradient);

 private:
  struct State;
  explicit Trainer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace yardmaster::policies::ppo
