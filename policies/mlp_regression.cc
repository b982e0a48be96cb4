#include "policies/mlp_regression.h"

#include <torch/types.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"

namespace yardmaster::policies {

namespace {

using torch::Tensor;

constexpr double kGradientNorm = 1;
constexpr double kWeightFloor = 1e-8;

struct Prepared {
  Tensor inputs, output, target, weight;
};

Prepared upload(const TensorMlps& mlps, const RegressionBatch& batch) {
  return {mlps.upload(std::span(batch.inputs), batch.inputs.size() / batch.size()),
          mlps.upload(std::span(batch.output), batch.known),
          mlps.upload(std::span(batch.target), batch.known),
          mlps.upload(std::span(batch.weight), batch.known)};
}

/// Writes the gradient of the sum over what a sample knows of its mean weighted square error.
double differentiate(TensorMlps& mlps, const Prepared& part, bool with_loss) {
  const auto activations = mlps.forward(0, part.inputs);
  const Tensor error = activations.back().gather(1, part.output) - part.target;
  const auto known = static_cast<double>(part.output.size(1));
  const Tensor share = part.weight * (known / part.weight.sum().clamp_min(kWeightFloor));
  mlps.backward(
      0, activations,
      torch::zeros_like(activations.back()).scatter_add_(1, part.output, 2 * share * error));
  return with_loss ? (share * error.square()).sum().item<double>() : 0;
}

}  // namespace

void fit(TensorMlps& mlps, const RegressionBatch& batch, const RegressionOptions& options,
         std::uint64_t seed, std::uint64_t key) {
  const std::size_t n = batch.size();
  if (n == 0) return;
  torch::NoGradGuard no_gradients;
  const Prepared all = upload(mlps, batch);
  const TensorMlps::AdamOptions adam{options.learning_rate, options.weight_decay, kGradientNorm};
  std::vector<std::int64_t> order(n);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  Rng rng(seed, mix64(key));
  const std::size_t parts =
      std::max<std::size_t>(1, (n + options.minibatch / 2) / options.minibatch);
  for (std::size_t epoch = 0; epoch < options.epochs; ++epoch) {
    for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t first = n * part / parts, count = n * (part + 1) / parts - first;
      const Tensor rows =
          mlps.upload(std::span<const std::int64_t>(order).subspan(first, count), 1).squeeze(1);
      const auto of = [&](const Tensor& whole) { return whole.index_select(0, rows); };
      differentiate(mlps, {of(all.inputs), of(all.output), of(all.target), of(all.weight)}, false);
      (void)mlps.step(adam);
    }
  }
}

double regression_loss(TensorMlps& mlps, const RegressionBatch& batch) {
  torch::NoGradGuard no_gradients;
  return differentiate(mlps, upload(mlps, batch), true);
}

}  // namespace yardmaster::policies
