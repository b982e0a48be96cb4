#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "policies/tensor_mlps.h"

namespace yardmaster::policies {

/// Samples of a regression with many outputs, of which each sample knows some: `known` a sample.
struct RegressionBatch {
  std::size_t known = 1;
  std::vector<float> inputs;
  std::vector<std::int64_t> output;  ///< which outputs, known a sample
  std::vector<float> target;         ///< their values
  std::vector<float> weight;         ///< of each in the loss

  std::size_t size() const { return output.size() / known; }
};

struct RegressionOptions {
  double learning_rate = 1e-3;
  double weight_decay = 0.01;
  std::size_t epochs = 1;
  std::size_t minibatch = 256;
};

/// Fits one network's outputs by weighted squares, in minibatches that are drawn by (seed, key).
/// Steps whose gradient is not finite are left out.
void fit(TensorMlps& mlps, const RegressionBatch& batch, const RegressionOptions& options,
         std::uint64_t seed, std::uint64_t key);

/// The loss that fit() lowers, of a whole batch, and its gradient in `mlps`: for tests.
double regression_loss(TensorMlps& mlps, const RegressionBatch& batch);

}  // namespace yardmaster::policies
