#include "policies/ppo/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"
#include "policies/ppo/estimates.h"
#include "policies/ppo/orthogonal.h"

namespace yardmaster::policies::ppo {

namespace {

constexpr double kAdamBeta1 = 0.9;
constexpr double kAdamBeta2 = 0.999;
constexpr double kAdamEpsilon = 1e-5;
constexpr double kForbidden = -1e9;  // logit of an action that the mask leaves out
constexpr double kKlSlack = 1.5;

using torch::Tensor;

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

/// All parameters lie in one tensor, and so do gradients and moments; weights and biases are views.
/// Gradients are written out by hand: at these sizes autograd's bookkeeping would cost more than
/// the arithmetic.
struct Trainer::State {
  explicit State(const Options& made, torch::Device on)
      : options(made),
        actions(made.actions),
        device(on),
        type(made.double_precision ? torch::kFloat64 : torch::kFloat32) {
    allocate();
    for (std::size_t i = 0; i < leaves.size(); i += 2) {
      const std::size_t layer = i / 2 % layers();
      const double gain = layer + 1 < layers() ? std::sqrt(2.0) : i < 2 * layers() ? 0.01 : 1.0;
      Rng rng(options.seed, i);
      const auto shape = leaves[i].sizes();
      const auto values = orthogonal(static_cast<std::size_t>(shape[0]),
                                     static_cast<std::size_t>(shape[1]), gain, rng);
      leaves[i].copy_(torch::tensor(values, torch::kFloat64).reshape(shape));
    }
  }

  Options options;
  std::size_t actions;
  torch::Device device;
  torch::Dtype type;
  Tensor parameters, gradient, first_moment, second_moment;
  Tensor decayed;  ///< 1 for weights, 0 for biases
  /// Weight and bias of each of the actor's layers, then of the critic's; of the gradient alike.
  std::vector<Tensor> leaves, gradients;
  std::int64_t adam_steps = 0;

  std::size_t layers() const { return options.hidden.size() + 1; }
  torch::TensorOptions place() const { return torch::TensorOptions().dtype(type).device(device); }

  std::vector<std::int64_t> leaf_shape(std::size_t i) const {
    const std::size_t layer = i / 2 % layers();
    const std::size_t in = layer == 0 ? options.inputs : options.hidden[layer - 1];
    const std::size_t out = layer + 1 == layers() ? actions : options.hidden[layer];
    const auto rows = static_cast<std::int64_t>(out);
    if (i % 2 == 1) return {rows};
    return {rows, static_cast<std::int64_t>(in)};
  }

  std::vector<Tensor> views(const Tensor& flat) const {
    std::vector<Tensor> out;
    std::int64_t place = 0;
    for (std::size_t i = 0; i < 4 * layers(); ++i) {
      const auto shape = leaf_shape(i);
      const std::int64_t size = shape[0] * (shape.size() > 1 ? shape[1] : 1);
      out.push_back(flat.narrow(0, place, size).view(shape));
      place += size;
    }
    return out;
  }

  void allocate() {
    std::int64_t size = 0;
    for (std::size_t i = 0; i < 4 * layers(); ++i) {
      const auto shape = leaf_shape(i);
      size += shape[0] * (shape.size() > 1 ? shape[1] : 1);
    }
    for (Tensor* flat : {&parameters, &gradient, &first_moment, &second_moment, &decayed}) {
      *flat = torch::zeros({size}, place());
    }
    leaves = views(parameters);
    gradients = views(gradient);
    const auto parts = views(decayed);
    for (std::size_t i = 0; i < parts.size(); i += 2) parts[i].fill_(1);
  }

  /// The hidden layers' outputs and the last layer's.
  std::vector<Tensor> forward(bool critic, const Tensor& inputs) const {
    std::vector<Tensor> out{inputs};
    for (std::size_t layer = 0; layer < layers(); ++layer) {
      const std::size_t i = (critic ? 2 * layers() : 0) + 2 * layer;
      Tensor h = torch::addmm(leaves[i + 1], out.back(), leaves[i].t());
      if (layer + 1 < layers()) h.tanh_();
      out.push_back(h);
    }
    return out;
  }

  /// Writes the network's part of the gradient, from the loss's by its outputs.
  void backward(bool critic, const std::vector<Tensor>& activations, Tensor by_output) {
    for (std::size_t layer = layers(); layer-- > 0;) {
      const std::size_t i = (critic ? 2 * layers() : 0) + 2 * layer;
      at::mm_out(gradients[i], by_output.t(), activations[layer]);
      at::sum_out(gradients[i + 1], by_output, {0});
      if (layer == 0) break;
      const Tensor& h = activations[layer];
      by_output = by_output.mm(leaves[i]);
      by_output.addcmul_(by_output * h, h, -1);  // tanh' = 1 - tanh^2
    }
  }

  template <class Value>
  Tensor upload(const std::vector<Value>& values, torch::Dtype from, std::int64_t columns) const {
    const auto rows = static_cast<std::int64_t>(values.size()) / columns;
    return torch::from_blob(const_cast<Value*>(values.data()), {rows, columns}, from)
        .to(device, type, /*non_blocking=*/false, /*copy=*/true);
  }

  Prepared prepare(const Batch& batch, Report& report, Estimates& estimates) const {
    const auto n = static_cast<std::int64_t>(batch.size());
    const auto k = static_cast<std::int64_t>(actions);
    const auto offsets = [&](const std::vector<float>& values) {
      return values.empty() ? torch::zeros({n, k}, place()) : upload(values, torch::kFloat32, k);
    };
    Prepared out;
    out.inputs = upload(batch.inputs, torch::kFloat32, static_cast<std::int64_t>(options.inputs));
    out.logit_offsets = offsets(batch.logit_offsets);
    out.value_offsets = offsets(batch.value_offsets);
    if (!batch.mask.empty()) {
      out.logit_offsets.masked_fill_(upload(batch.mask, torch::kUInt8, k) == 0, kForbidden);
    }
    out.action =
        torch::from_blob(const_cast<std::int64_t*>(batch.action.data()), {n, 1}, torch::kInt64)
            .to(device, torch::kInt64, false, true);
    out.old_log_probability =
        torch::log_softmax(forward(false, out.inputs).back() + out.logit_offsets, 1);
    const Tensor probability = out.old_log_probability.exp();
    const Tensor q = forward(true, out.inputs).back() + out.value_offsets;
    const Tensor v = (probability * q).sum(1, /*keepdim=*/true);
    const Tensor expected = q - v;

    const Tensor seen =
        torch::cat(
            {v, expected.gather(1, out.action), out.old_log_probability.gather(1, out.action)}, 1)
            .to(torch::kCPU, torch::kFloat64)
            .contiguous();
    std::vector<Seen> samples(batch.size());
    const double* at = seen.data_ptr<double>();
    for (std::size_t i = 0; i < samples.size(); ++i, at += 3) samples[i] = {at[0], at[1], at[2]};
    estimates = estimate(batch, samples, options, report);

    out.gain = (probability * expected)
                   .scatter_add_(1, out.action, upload(estimates.correction, torch::kFloat64, 1));
    out.target = upload(estimates.target, torch::kFloat64, 1);
    out.weight = upload(estimates.weight, torch::kFloat64, 1);
    out.actor_weight = upload(estimates.actor_weight, torch::kFloat64, 1);
    return out;
  }

  struct Losses {
    double loss = 0;  ///< only where asked for
    double kl = 0;
  };

  /// Writes the gradient of a minibatch's loss.
  Losses differentiate(const Prepared& part, const Scales& scales, bool with_loss) {
    const auto actor = forward(false, part.inputs);
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
    backward(false, actor, by_logits);

    const auto critic = forward(true, part.inputs);
    const Tensor error = critic.back().gather(1, part.action) +
                         part.value_offsets.gather(1, part.action) - part.target;
    const Tensor share = part.weight * (options.value_weight / scales.weight);
    const Tensor by_values =
        torch::zeros_like(critic.back()).scatter_(1, part.action, 2 * share * error);
    backward(true, critic, by_values);
    if (with_loss) {
      const Tensor surrogate = torch::min(pushed, clipped).sum(1, true);
      out.loss = (share * error.square()).sum().item<double>() -
                 (weight * (surrogate + options.entropy * entropy)).sum().item<double>();
    }
    return out;
  }

  /// A step of AdamW along the gradient, shortened to the bound; false if it is not finite.
  bool step() {
    const double norm = gradient.norm().item<double>();
    if (!std::isfinite(norm)) return false;
    if (norm > options.max_gradient_norm) gradient.mul_(options.max_gradient_norm / norm);
    const auto steps = static_cast<double>(++adam_steps);
    const double correction1 = 1 - std::pow(kAdamBeta1, steps);
    const double correction2 = 1 - std::pow(kAdamBeta2, steps);
    const double rate = options.learning_rate;
    first_moment.mul_(kAdamBeta1).add_(gradient, 1 - kAdamBeta1);
    second_moment.mul_(kAdamBeta2).addcmul_(gradient, gradient, 1 - kAdamBeta2);
    const Tensor spread = (second_moment / correction2).sqrt_().add_(kAdamEpsilon);
    if (options.weight_decay > 0) {
      parameters.addcmul_(parameters, decayed, -rate * options.weight_decay);
    }
    parameters.addcdiv_(first_moment, spread, -rate / correction1);
    return true;
  }

  FlatMlp flat(bool critic) const {
    FlatMlp out;
    for (std::size_t layer = 0; layer < layers(); ++layer) {
      const std::size_t i = (critic ? 2 * layers() : 0) + 2 * layer;
      const auto host = [](const Tensor& tensor) {
        return tensor.to(torch::kCPU, torch::kFloat32).contiguous();
      };
      const auto view = [](const Tensor& tensor) {
        return std::span<const float>(tensor.data_ptr<float>(),
                                      static_cast<std::size_t>(tensor.numel()));
      };
      const Tensor weight = host(leaves[i]), bias = host(leaves[i + 1]);
      out.add_layer(view(weight), view(bias));
    }
    return out;
  }

  /// Replaces the outputs of both networks: keeps the rows in `kept` and appends `added` of zeros.
  void reshape_outputs(const std::vector<std::int64_t>& kept, std::size_t added) {
    const auto old_flats = {parameters, first_moment, second_moment};
    std::vector<std::vector<Tensor>> old;
    for (const Tensor& flat : old_flats) old.push_back(views(flat));
    const Tensor rows = torch::tensor(kept, torch::kInt64).to(device);
    actions = kept.size() + added;
    allocate();
    const std::vector<std::vector<Tensor>> fresh{views(parameters), views(first_moment),
                                                 views(second_moment)};
    for (std::size_t flat = 0; flat < fresh.size(); ++flat) {
      for (std::size_t i = 0; i < fresh[flat].size(); ++i) {
        if (i / 2 % layers() + 1 < layers()) {
          fresh[flat][i].copy_(old[flat][i]);
        } else if (!kept.empty()) {
          fresh[flat][i]
              .narrow(0, 0, static_cast<std::int64_t>(kept.size()))
              .copy_(old[flat][i].index_select(0, rows));
        }
      }
    }
  }

  std::string leaf_name(std::size_t i) const {
    return std::string(i < 2 * layers() ? "actor." : "critic.") + std::to_string(i / 2 % layers()) +
           (i % 2 == 0 ? ".weight" : ".bias");
  }
};

Trainer::Trainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trainer::~Trainer() = default;

Result<std::unique_ptr<Trainer>> Trainer::make(const Options& options) {
  use_one_compute_thread();
  const bool has_gpu = options.device != "cpu" && torch::cuda::is_available();
  if (options.device == "cuda" && !has_gpu) {
    return fail(ErrorCode::unavailable, "device cuda: LibTorch finds no GPU here; use cpu");
  }
  torch::NoGradGuard no_gradients;
  return std::unique_ptr<Trainer>(new Trainer(
      std::make_unique<State>(options, torch::Device(has_gpu ? torch::kCUDA : torch::kCPU))));
}

Report Trainer::update(const Batch& batch, std::uint64_t key) {
  Report report;
  const std::size_t n = batch.size();
  if (n == 0) return report;
  torch::NoGradGuard no_gradients;
  Estimates estimates;
  const Prepared all = state_->prepare(batch, report, estimates);
  const Options& options = state_->options;
  std::vector<std::int64_t> order(n);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  Rng rng(options.seed, mix64(key));
  const std::size_t parts =
      std::max<std::size_t>(1, (n + options.minibatch / 2) / options.minibatch);
  for (std::size_t epoch = 0; epoch < options.epochs; ++epoch) {
    for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    const Tensor rows = torch::tensor(order, torch::kInt64).to(state_->device);
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
      if (state_->step()) {
        ++report.steps;
      } else {
        report.finite = false;
      }
    }
  }
  return report;
}

FlatMlp Trainer::actor() const { return state_->flat(false); }
FlatMlp Trainer::critic() const { return state_->flat(true); }
std::size_t Trainer::actions() const { return state_->actions; }

void Trainer::add_action() {
  torch::NoGradGuard no_gradients;
  std::vector<std::int64_t> kept(state_->actions);
  std::iota(kept.begin(), kept.end(), std::int64_t{0});
  state_->reshape_outputs(kept, 1);
}

void Trainer::remove_action(std::size_t action) {
  torch::NoGradGuard no_gradients;
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < state_->actions; ++i) {
    if (i != action) kept.push_back(static_cast<std::int64_t>(i));
  }
  state_->reshape_outputs(kept, 0);
}

namespace {

DenseTensor to_dense(const Tensor& tensor) {
  const Tensor host = tensor.to(torch::kCPU, torch::kFloat64).contiguous();
  auto out = DenseTensor::zeros({host.numel()});
  std::copy_n(host.data_ptr<double>(), host.numel(), out.data());
  return out;
}

Tensor from_values(std::span<const double> values) {
  return torch::from_blob(const_cast<double*>(values.data()),
                          {static_cast<std::int64_t>(values.size())}, torch::kFloat64);
}

constexpr const char* kFlatNames[] = {"", ".first_moment", ".second_moment"};

}  // namespace

void Trainer::put(TensorArchive& archive) const {
  const Tensor* flats[] = {&state_->parameters, &state_->first_moment, &state_->second_moment};
  for (std::size_t flat = 0; flat < std::size(flats); ++flat) {
    const auto leaves = state_->views(*flats[flat]);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      archive.put(state_->leaf_name(i) + kFlatNames[flat], to_dense(leaves[i]));
    }
  }
  archive.put("adam_steps", std::to_string(state_->adam_steps));
}

Status Trainer::take(const TensorArchive& archive, std::size_t actions) {
  torch::NoGradGuard no_gradients;
  Options options = state_->options;
  options.actions = actions;
  auto fresh = std::make_unique<State>(options, state_->device);
  const Tensor* flats[] = {&fresh->parameters, &fresh->first_moment, &fresh->second_moment};
  for (std::size_t flat = 0; flat < std::size(flats); ++flat) {
    const auto leaves = fresh->views(*flats[flat]);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const auto stored = archive.tensor(fresh->leaf_name(i) + kFlatNames[flat],
                                         static_cast<std::size_t>(leaves[i].numel()));
      if (!stored) return fail(stored.error());
      if (!stored->empty()) leaves[i].copy_(from_values(stored->values()).view(leaves[i].sizes()));
    }
  }
  const auto steps = archive.bytes("adam_steps");
  if (!steps) return fail(steps.error());
  fresh->adam_steps = std::atoll(steps->c_str());
  if (fresh->adam_steps < 0) return fail(ErrorCode::corrupt, "policy state: bad adam_steps");
  state_ = std::move(fresh);
  return {};
}

std::vector<double> Trainer::parameters() const {
  const DenseTensor dense = to_dense(state_->parameters);
  return {dense.values().begin(), dense.values().end()};
}

void Trainer::set_parameters(std::span<const double> parameters) {
  torch::NoGradGuard no_gradients;
  state_->parameters.copy_(from_values(parameters));
}

double Trainer::loss(const Batch& batch, std::span<const double> parameters,
                     std::vector<double>* gradient) {
  torch::NoGradGuard no_gradients;
  Report report;
  Estimates estimates;
  const Prepared all = state_->prepare(batch, report, estimates);
  std::vector<std::int64_t> rows(batch.size());
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  const Tensor kept = state_->parameters.clone();
  state_->parameters.copy_(from_values(parameters));
  const double loss = state_->differentiate(all, scales_of(estimates, rows), true).loss;
  state_->parameters.copy_(kept);
  if (gradient != nullptr) {
    const DenseTensor dense = to_dense(state_->gradient);
    gradient->assign(dense.values().begin(), dense.values().end());
  }
  return loss;
}

}  // namespace yardmaster::policies::ppo
