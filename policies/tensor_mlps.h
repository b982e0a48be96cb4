#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "policies/dense_tensor.h"
#include "policies/flat_mlp.h"

// LibTorch's tensor, without its headers.
namespace at {
class Tensor;
}

namespace yardmaster::policies {

struct MlpShape {
  std::string name;  ///< of its tensors in an archive
  std::size_t inputs = 0;
  std::vector<std::size_t> hidden;
  std::size_t outputs = 0;
  double output_gain = 1;  ///< norm of the last layer's rows when it is made
};

/// Several tanh networks on one device, trained together: forward, backward and AdamW (Loshchilov
/// and Hutter 2019). All parameters lie in one tensor, and so do gradients and moments. Gradients
/// are written out by hand: at these sizes autograd's bookkeeping would cost more than the
/// arithmetic. Weights begin orthogonal (hidden layers with gain sqrt 2), biases at 0, the same on
/// every machine. One thread.
class TensorMlps {
 public:
  struct Place {
    std::string device = "cpu";  ///< cpu, cuda, or auto: cuda where there is a GPU
    bool double_precision = false;
  };

  struct AdamOptions {
    double learning_rate = 1e-3;
    double weight_decay = 0;  ///< per unit of learning rate, on weights and not on biases
    double max_gradient_norm = 0.5;
  };

  /// Fails with unavailable where the device is not there. Fixes LibTorch to one thread.
  static Result<TensorMlps> make(std::vector<MlpShape> shapes, const Place& place,
                                 std::uint64_t seed);

  TensorMlps(TensorMlps&&) noexcept;
  TensorMlps& operator=(TensorMlps&&) noexcept;
  ~TensorMlps();

  /// The inputs (rows x inputs), the hidden layers' outputs and the last layer's, in this order.
  std::vector<at::Tensor> forward(std::size_t network, const at::Tensor& inputs) const;

  /// Writes a network's part of the gradient, from the loss's by its outputs.
  void backward(std::size_t network, const std::vector<at::Tensor>& activations,
                const at::Tensor& by_output);

  /// Moves the parameters along the gradient, which is shortened to the bound first. False, and
  /// nothing moves, where the gradient is not finite.
  bool step(const AdamOptions& options);

  /// Values as a tensor of `columns` columns on the networks' device, of their type.
  at::Tensor upload(std::span<const float> values, std::size_t columns) const;
  at::Tensor upload(std::span<const double> values, std::size_t columns) const;
  at::Tensor upload(std::span<const std::uint8_t> values, std::size_t columns) const;
  /// The same of indices, as 64-bit integers.
  at::Tensor upload(std::span<const std::int64_t> values, std::size_t columns) const;
  at::Tensor zeros(std::size_t rows, std::size_t columns) const;

  FlatMlp flat(std::size_t network) const;
  std::size_t outputs(std::size_t network) const;

  /// Keeps some of a network's outputs, in the given order, and appends `added` whose parameters
  /// are 0.
  void change_outputs(std::size_t network, const std::vector<std::int64_t>& kept,
                      std::size_t added);

  /// Parameters and moments, each a tensor of its own name.
  void put(TensorArchive& archive) const;
  /// Reads networks with so many outputs each. Fails with corrupt, and leaves the state as it was.
  Status take(const TensorArchive& archive, const std::vector<std::size_t>& outputs);

  std::vector<double> parameters() const;
  void set_parameters(std::span<const double> parameters);
  std::vector<double> gradient() const;

 private:
  struct State;
  explicit TensorMlps(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace yardmaster::policies
