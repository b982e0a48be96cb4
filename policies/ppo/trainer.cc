#include "policies/ppo/trainer.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"
#include "policies/ppo/estimates.h"
#include "policies/tensor_mlps.h"

namespace yardmaster::policies::ppo {

namespace {

constexpr double kForbidden = -1e9;  // logit of an action that the mask leaves out
constexpr double kKlSlack = 1.5;

using torch::Tensor;

constexpr std::size_t kActor = 0;
constexpr std::size_t kCritic = 1;

/// A batch on the device, with what the start of the update made of it.
struct Prepared {
  Tensor inputs;               ///< n x inputs
  Tensor logit_offsets;        ///< n x actions, forbidden actions at kForbidden
  Tensor value_offsets;        ///< n x actions
  Tensor old_log_probability;  ///< n x actions
  Tensor gain;                 ///< n x actions: pi_old(a) A(s, a)
  Tensor action;               ///< n x 1
  Tensor target;               ///< n x 1: what the critic learns
  Tensor weight;               ///< n x 1, of the critic's loss
  Tensor actor_weight;         ///< n x 1

  template <class Change>
  Prepared changed(Change&& change) const {
    return {change(inputs),        change(logit_offsets),
            change(value_offsets), change(old_log_probability),
            change(gain),          change(action),
            change(target),        change(weight),
            change(actor_weight)};
  }
};

}  // namespace

struct Trainer::State {
  State(const Options& made, TensorMlps networks) : options(made), mlps(std::move(networks)) {}

  Options options;
  TensorMlps mlps;

  Prepared prepare(const Batch& batch, Report& report, Estimates& estimates) const {
    const std::size_t n = batch.size(), k = mlps.outputs(kActor);
    const auto offsets = [&](const std::vector<float>& values) {
      return values.empty() ? mlps.zeros(n, k) : mlps.upload(std::span(values), k);
    };
    Prepared out;
    out.inputs = mlps.upload(std::span(batch.inputs), options.inputs);
    out.logit_offsets = offsets(batch.logit_offsets);
    out.value_offsets = offsets(batch.value_offsets);
    if (!batch.mask.empty()) {
      out.logit_offsets.masked_fill_(mlps.upload(std::span(batch.mask), k) == 0, kForbidden);
    }
    out.action = mlps.upload(std::span(batch.action), 1);
    out.old_log_probability =
        torch::log_softmax(mlps.forward(kActor, out.inputs).back() + out.logit_offsets, 1);
    const Tensor probability = out.old_log_probability.exp();
    const Tensor q = mlps.forward(kCritic, out.inputs).back() + out.value_offsets;
    const Tensor v = (probability * q).sum(1, /*keepdim=*/true);
    const Tensor expected = q - v;

    const Tensor seen =
        torch::cat(
            {v, expected.gather(1, out.action), out.old_log_probability.gather(1, out.action)}, 1)
            .to(torch::kCPU, torch::kFloat64)
            .contiguous();
    std::vector<Seen> samples(n);
    const double* at = seen.data_ptr<double>();
    for (std::size_t i = 0; i < n; ++i, at += 3) samples[i] = {at[0], at[1], at[2]};
    estimates = estimate(batch, samples, options, report);

    const auto column = [&](const std::vector<double>& values) {
      return mlps.upload(std::span(values), 1);
    };
    out.gain = (probability * expected).scatter_add_(1, out.action, column(estimates.correction));
    out.target = column(estimates.target);
    out.weight = column(estimates.weight);
    out.actor_weight = column(estimates.actor_weight);
    return out;
  }

  struct Losses {
    double loss = 0;  ///< only where asked for
    double kl = 0;
  };

  /// Writes the gradient of a minibatch's loss.
  Losses differentiate(const Prepared& part, const Scales& scales, bool with_loss) {
    const auto actor = mlps.forward(kActor, part.inputs);
    const Tensor log_probability = torch::log_softmax(actor.back() + part.logit_offsets, 1);
    const Tensor probability = log_probability.exp();
    const Tensor change = log_probability - part.old_log_probability;
    const Tensor u = change.exp();
    const Tensor gain = part.gain / scales.advantage;
    const Tensor pushed = u * gain;  // also its own derivative by log pi
    const Tensor clipped = u.clamp(1 - options.clip, 1 + options.clip).mul_(gain);
    const Tensor weight = part.actor_weight / scales.actor_weight;
    const Tensor entropy = -(probability * log_probability).sum(1, true);

    Losses out;
    out.kl =
        -(weight * (part.old_log_probability.exp() * change).sum(1, true)).sum().item<double>();
    // d surrogate / d logits = s - pi sum(s); d entropy / d logits = -pi (log pi + entropy).
    const Tensor s = pushed * (pushed <= clipped);
    Tensor by_logits =
        probability * (s.sum(1, true) + options.entropy * (log_probability + entropy));
    by_logits.sub_(s).mul_(weight);
    mlps.backward(kActor, actor, by_logits);

    const auto critic = mlps.forward(kCritic, part.inputs);
    const Tensor error = critic.back().gather(1, part.action) +
                         part.value_offsets.gather(1, part.action) - part.target;
    const Tensor share = part.weight * (options.value_weight / scales.weight);
    const Tensor by_values =
        torch::zeros_like(critic.back()).scatter_(1, part.action, 2 * share * error);
    mlps.backward(kCritic, critic, by_values);
    if (with_loss) {
      const Tensor surrogate = torch::min(pushed, clipped).sum(1, true);
      out.loss = (share * error.square()).sum().item<double>() -
                 (weight * (surrogate + options.entropy * entropy)).sum().item<double>();
    }
    return out;
  }
};

Trainer::Trainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trainer::~Trainer() = default;

Result<std::unique_ptr<Trainer>> Trainer::make(const Options& options) {
  auto mlps = TensorMlps::make({{"actor", options.inputs, options.hidden, options.actions, 0.01},
                                {"critic", options.inputs, options.hidden, options.actions, 1}},
                               {options.device, options.double_precision}, options.seed);
  if (!mlps) return fail(mlps.error());
  return std::unique_ptr<Trainer>(new Trainer(std::make_unique<State>(options, std::move(*mlps))));
}

Report Trainer::update(const Batch& batch, std::uint64_t key) {
  Report report;
  const std::size_t n = batch.size();
  if (n == 0) return report;
  torch::NoGradGuard no_gradients;
  Estimates estimates;
  const Prepared all = state_->prepare(batch, report, estimates);
  const Options& options = state_->options;
  const TensorMlps::AdamOptions adam{options.learning_rate, options.weight_decay,
                                     options.max_gradient_norm};
  std::vector<std::int64_t> order(n);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  Rng rng(options.seed, mix64(key));
  const std::size_t parts =
      std::max<std::size_t>(1, (n + options.minibatch / 2) / options.minibatch);
  for (std::size_t epoch = 0; epoch < options.epochs; ++epoch) {
    for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    const Tensor rows = state_->mlps.upload(std::span<const std::int64_t>(order), 1).squeeze(1);
    const Prepared shuffled =
        all.changed([&](const Tensor& whole) { return whole.index_select(0, rows); });
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t first = n * part / parts, count = n * (part + 1) / parts - first;
      const Prepared minibatch = shuffled.changed([&](const Tensor& whole) {
        return whole.narrow(0, static_cast<std::int64_t>(first), static_cast<std::int64_t>(count));
      });
      const Scales scales = scales_of(estimates, std::span(order).subspan(first, count));
      report.kl = state_->differentiate(minibatch, scales, false).kl;
      if (report.kl > kKlSlack * options.target_kl) return report;
      if (state_->mlps.step(adam)) {
        ++report.steps;
      } else {
        report.finite = false;
      }
    }
  }
  return report;
}

FlatMlp Trainer::actor() const { return state_->mlps.flat(kActor); }
FlatMlp Trainer::critic() const { return state_->mlps.flat(kCritic); }
std::size_t Trainer::actions() const { return state_->mlps.outputs(kActor); }

void Trainer::add_action() {
  std::vector<std::int64_t> kept(actions());
  std::iota(kept.begin(), kept.end(), std::int64_t{0});
  for (const std::size_t network : {kActor, kCritic}) {
    state_->mlps.change_outputs(network, kept, 1);
  }
}

void Trainer::remove_action(std::size_t action) {
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < actions(); ++i) {
    if (i != action) kept.push_back(static_cast<std::int64_t>(i));
  }
  for (const std::size_t network : {kActor, kCritic}) {
    state_->mlps.change_outputs(network, kept, 0);
  }
}

void Trainer::put(TensorArchive& archive) const { state_->mlps.put(archive); }

Status Trainer::take(const TensorArchive& archive, std::size_t actions) {
  return state_->mlps.take(archive, {actions, actions});
}

std::vector<double> Trainer::parameters() const { return state_->mlps.parameters(); }

void Trainer::set_parameters(std::span<const double> parameters) {
  state_->mlps.set_parameters(parameters);
}

double Trainer::loss(const Batch& batch, std::span<const double> parameters,
                     std::vector<double>* gradient) {
  torch::NoGradGuard no_gradients;
  Report report;
  Estimates estimates;
  const Prepared all = state_->prepare(batch, report, estimates);
  std::vector<std::int64_t> rows(batch.size());
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  const auto kept = this->parameters();
  state_->mlps.set_parameters(parameters);
  const double loss = state_->differentiate(all, scales_of(estimates, rows), true).loss;
  state_->mlps.set_parameters(kept);
  if (gradient != nullptr) *gradient = state_->mlps.gradient();
  return loss;
}

}  // namespace yardmaster::policies::ppo
