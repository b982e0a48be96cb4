#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace yardmaster::policies {

/// A multilayer perceptron for serving: tanh on the hidden layers, none on the last, weights in one
/// plain block of floats that any number of threads may read. Networks are trained with LibTorch
/// and copied to this; both agree to 1e-5. A value: copy it into a snapshot.
class FlatMlp {
 public:
  /// Appends a layer. `weights` is outputs x inputs, row-major, as LibTorch has it; `bias` has
  /// `outputs` values. The inputs must be the outputs of the layer before.
  void add_layer(std::span<const float> weights, std::span<const float> bias);

  bool empty() const { return layers_.empty(); }
  std::size_t inputs() const { return layers_.front().inputs; }
  std::size_t outputs() const { return layers_.back().outputs; }
  std::size_t hidden() const { return layers_.back().inputs; }  ///< size of the last hidden layer

  /// Writes outputs() values for inputs() values.
  void forward(std::span<const float> in, std::span<float> out) const;

  /// Writes the last hidden layer's hidden() values.
  void features(std::span<const float> in, std::span<float> out) const;

 private:
  struct Layer {
    std::size_t inputs = 0;
    std::size_t outputs = 0;
    std::size_t stride = 0;      ///< outputs in whole vectors of sixteen
    std::vector<float> weights;  ///< inputs x stride, so that a product runs along the outputs
    std::vector<float> bias;     ///< stride
  };

  void run(std::span<const float> in, std::size_t layers, std::span<float> out) const;

  std::vector<Layer> layers_;
};

/// values[i] = tanh(values[i]), within 1e-6: a rational function, so that the loop vectorises.
void tanh_in_place(std::span<float> values);

}  // namespace yardmaster::policies
