#include "policies/mlp_regression.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace yardmaster::policies {
namespace {

constexpr std::size_t kInputs = 2;
constexpr std::size_t kOutputs = 3;

TensorMlps make(bool double_precision) {
  return std::move(
      TensorMlps::make({{"net", kInputs, {8}, kOutputs, 0.5}}, {"cpu", double_precision}, 1)
          .value());
}

/// Each sample knows two outputs: output k is k + the first input.
RegressionBatch linear_batch(std::size_t samples, std::uint64_t seed) {
  Rng rng(seed);
  RegressionBatch batch;
  batch.known = 2;
  for (std::size_t i = 0; i < samples; ++i) {
    const double x = rng.normal();
    batch.inputs.push_back(static_cast<float>(x));
    batch.inputs.push_back(static_cast<float>(rng.normal()));
    for (int known = 0; known < 2; ++known) {
      const auto output = static_cast<std::int64_t>(rng.below(kOutputs));
      batch.output.push_back(output);
      batch.target.push_back(static_cast<float>(static_cast<double>(output) + x));
      batch.weight.push_back(static_cast<float>(rng.uniform()));
    }
  }
  return batch;
}

TEST(MlpRegression, ItsGradientIsThatOfItsLossByFiniteDifferences) {
  TensorMlps mlps = make(true);
  const RegressionBatch batch = linear_batch(10, 2);
  const auto at = mlps.parameters();
  (void)regression_loss(mlps, batch);
  const auto gradient = mlps.gradient();
  constexpr double kStep = 1e-6;
  for (std::size_t i = 0; i < at.size(); ++i) {
    auto moved = at;
    moved[i] += kStep;
    mlps.set_parameters(moved);
    const double up = regression_loss(mlps, batch);
    moved[i] -= 2 * kStep;
    mlps.set_parameters(moved);
    EXPECT_NEAR(gradient[i], (up - regression_loss(mlps, batch)) / (2 * kStep), 1e-6);
  }
}

TEST(MlpRegression, LearnsWhatEachOutputIsWorth) {
  TensorMlps mlps = make(false);
  const RegressionBatch batch = linear_batch(256, 3);
  RegressionOptions options;
  options.learning_rate = 0.01;
  options.epochs = 200;
  fit(mlps, batch, options, 1, 1);
  std::vector<float> out(kOutputs);
  mlps.flat(0).forward(std::vector<float>{0.5F, 0}, out);
  for (std::size_t i = 0; i < kOutputs; ++i) {
    EXPECT_NEAR(out[i], static_cast<double>(i) + 0.5, 0.15);
  }
}

TEST(MlpRegression, WeightsOfNothingChangeNothingButDecay) {
  TensorMlps mlps = make(false);
  RegressionBatch batch = linear_batch(4, 4);
  std::fill(batch.weight.begin(), batch.weight.end(), 0.0F);
  const auto before = mlps.parameters();
  RegressionOptions options;
  options.weight_decay = 0;
  fit(mlps, batch, options, 1, 1);
  EXPECT_EQ(mlps.parameters(), before);
}

}  // namespace
}  // namespace yardmaster::policies
