#include "policies/tensor_mlps.h"

#include <torch/cuda.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/random.h"
#include "env/compute_threads.h"
#include "policies/float_product.h"
#include "policies/orthogonal.h"

namespace yardmaster::policies {

namespace {

using torch::Tensor;

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-5;

std::int64_t size_of(const std::vector<std::int64_t>& shape) {
  std::int64_t size = 1;
  for (const std::int64_t side : shape) size *= side;
  return size;
}

DenseTensor to_dense(const Tensor& tensor) {
  const Tensor host = tensor.to(torch::kCPU, torch::kFloat64).contiguous();
  auto out = DenseTensor::zeros({host.numel()});
  std::copy_n(host.data_ptr<double>(), host.numel(), out.data());
  return out;
}

std::vector<double> to_vector(const Tensor& tensor) {
  const DenseTensor dense = to_dense(tensor);
  return {dense.values().begin(), dense.values().end()};
}

Tensor from_values(std::span<const double> values) {
  return torch::from_blob(const_cast<double*>(values.data()),
                          {static_cast<std::int64_t>(values.size())}, torch::kFloat64);
}

/// Whether our own loops can do it, which at these sizes are several times as fast as LibTorch's.
bool is_ours(const Tensor& out) {
  return out.is_cpu() && out.scalar_type() == torch::kFloat32 && out.is_contiguous();
}

FloatMatrix matrix_of(const Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.stride(0)),
          static_cast<std::size_t>(tensor.stride(1))};
}

/// out = a b, plus the bias in each row if there is one.
void multiply(const Tensor& a, const Tensor& b, const Tensor* bias, Tensor out) {
  if (is_ours(out)) {
    multiply(matrix_of(a), matrix_of(b), bias == nullptr ? nullptr : bias->data_ptr<float>(),
             static_cast<std::size_t>(a.size(0)), static_cast<std::size_t>(a.size(1)),
             static_cast<std::size_t>(b.size(1)), out.data_ptr<float>());
  } else if (bias != nullptr) {
    at::addmm_out(out, *bias, a, b);
  } else {
    at::mm_out(out, a, b);
  }
}

void apply_tanh(Tensor& values) {
  if (is_ours(values)) {
    tanh_in_place({values.data_ptr<float>(), static_cast<std::size_t>(values.numel())});
  } else {
    values.tanh_();
  }
}

constexpr const char* kFlatNames[] = {"", ".first_moment", ".second_moment"};

}  // namespace

struct TensorMlps::State {
  /// A weight or a bias.
  struct Leaf {
    std::string name;
    std::vector<std::int64_t> shape;
    bool weight = false;
    std::size_t network = 0;
    bool last_layer = false;
  };

  State(std::vector<MlpShape> made, torch::Device on, torch::Dtype of, std::uint64_t keyed)
      : shapes(std::move(made)), device(on), type(of), seed(keyed) {
    allocate();
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const Leaf& leaf = leaves[i];
      if (!leaf.weight) continue;
      Rng rng(seed, i);
      const double gain = leaf.last_layer ? shapes[leaf.network].output_gain : std::sqrt(2.0);
      const auto values = orthogonal(static_cast<std::size_t>(leaf.shape[0]),
                                     static_cast<std::size_t>(leaf.shape[1]), gain, rng);
      values_of[i].copy_(from_values(values).view(leaf.shape));
    }
  }

  std::vector<MlpShape> shapes;
  torch::Device device;
  torch::Dtype type;
  std::uint64_t seed;
  std::vector<Leaf> leaves;
  std::vector<std::size_t> first_leaf;  ///< a network each
  Tensor parameters, gradient, first_moment, second_moment;
  Tensor decayed;                               ///< 1 for weights, 0 for biases
  std::vector<Tensor> values_of, gradients_of;  ///< views, a leaf each
  std::int64_t steps = 0;

  torch::TensorOptions place() const { return torch::TensorOptions().dtype(type).device(device); }

  std::vector<Tensor> views(const Tensor& flat) const {
    std::vector<Tensor> out;
    std::int64_t at = 0;
    for (const Leaf& leaf : leaves) {
      out.push_back(flat.narrow(0, at, size_of(leaf.shape)).view(leaf.shape));
      at += size_of(leaf.shape);
    }
    return out;
  }

  void allocate() {
    leaves.clear();
    first_leaf.clear();
    std::int64_t size = 0;
    for (std::size_t network = 0; network < shapes.size(); ++network) {
      const MlpShape& shape = shapes[network];
      first_leaf.push_back(leaves.size());
      std::size_t in = shape.inputs;
      for (std::size_t layer = 0; layer <= shape.hidden.size(); ++layer) {
        const bool last = layer == shape.hidden.size();
        const std::size_t out = last ? shape.outputs : shape.hidden[layer];
        const auto rows = static_cast<std::int64_t>(out), columns = static_cast<std::int64_t>(in);
        const std::string name = shape.name + '.' + std::to_string(layer);
        leaves.push_back({name + ".weight", {rows, columns}, true, network, last});
        leaves.push_back({name + ".bias", {rows}, false, network, last});
        size += rows * (columns + 1);
        in = out;
      }
    }
    for (Tensor* flat : {&parameters, &gradient, &first_moment, &second_moment, &decayed}) {
      *flat = torch::zeros({size}, place());
    }
    values_of = views(parameters);
    gradients_of = views(gradient);
    const auto parts = views(decayed);
    for (std::size_t i = 0; i < leaves.size(); ++i) parts[i].fill_(leaves[i].weight ? 1 : 0);
  }

  std::array<Tensor*, 3> flats() { return {&parameters, &first_moment, &second_moment}; }
};

TensorMlps::TensorMlps(std::unique_ptr<State> state) : state_(std::move(state)) {}
TensorMlps::TensorMlps(TensorMlps&&) noexcept = default;
TensorMlps& TensorMlps::operator=(TensorMlps&&) noexcept = default;
TensorMlps::~TensorMlps() = default;

Result<TensorMlps> TensorMlps::make(std::vector<MlpShape> shapes, const Place& place,
                                    std::uint64_t seed) {
  env::use_one_compute_thread();
  const bool gpu = place.device != "cpu" && torch::cuda::is_available();
  if (place.device == "cuda" && !gpu) {
    return fail(ErrorCode::unavailable, "device cuda: LibTorch finds no GPU here; use cpu");
  }
  torch::NoGradGuard no_gradients;
  return TensorMlps(
      std::make_unique<State>(std::move(shapes), torch::Device(gpu ? torch::kCUDA : torch::kCPU),
                              place.double_precision ? torch::kFloat64 : torch::kFloat32, seed));
}

std::vector<Tensor> TensorMlps::forward(std::size_t network, const Tensor& inputs) const {
  torch::NoGradGuard no_gradients;
  std::vector<Tensor> out{inputs};
  const std::size_t layers = state_->shapes[network].hidden.size() + 1;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const std::size_t i = state_->first_leaf[network] + 2 * layer;
    const Tensor& weights = state_->values_of[i];
    Tensor h = torch::empty({inputs.size(0), weights.size(0)}, state_->place());
    multiply(out.back(), weights.t(), &state_->values_of[i + 1], h);
    if (layer + 1 < layers) apply_tanh(h);
    out.push_back(h);
  }
  return out;
}

void TensorMlps::backward(std::size_t network, const std::vector<Tensor>& activations,
                          const Tensor& by_output) {
  torch::NoGradGuard no_gradients;
  Tensor by = by_output;
  for (std::size_t layer = state_->shapes[network].hidden.size() + 1; layer-- > 0;) {
    const std::size_t i = state_->first_leaf[network] + 2 * layer;
    multiply(by.t(), activations[layer], nullptr, state_->gradients_of[i]);
    at::sum_out(state_->gradients_of[i + 1], by, {0});
    if (layer == 0) break;
    const Tensor& h = activations[layer];
    const Tensor by_next = by;
    by = torch::empty(h.sizes(), state_->place());
    multiply(by_next, state_->values_of[i], nullptr, by);
    by.addcmul_(by * h, h, -1);  // tanh' = 1 - tanh^2
  }
}

bool TensorMlps::step(const AdamOptions& options) {
  torch::NoGradGuard no_gradients;
  State& s = *state_;
  const double norm = s.gradient.norm().item<double>();
  if (!std::isfinite(norm)) return false;
  if (norm > options.max_gradient_norm) s.gradient.mul_(options.max_gradient_norm / norm);
  const auto steps = static_cast<double>(++s.steps);
  s.first_moment.mul_(kBeta1).add_(s.gradient, 1 - kBeta1);
  s.second_moment.mul_(kBeta2).addcmul_(s.gradient, s.gradient, 1 - kBeta2);
  const Tensor spread = (s.second_moment / (1 - std::pow(kBeta2, steps))).sqrt_().add_(kEpsilon);
  if (options.weight_decay > 0) {
    s.parameters.addcmul_(s.parameters, s.decayed, -options.learning_rate * options.weight_decay);
  }
  s.parameters.addcdiv_(s.first_moment, spread,
                        -options.learning_rate / (1 - std::pow(kBeta1, steps)));
  return true;
}

namespace {

template <class Value>
Tensor copied(std::span<const Value> values, std::size_t columns, torch::Dtype from,
              torch::Device device, torch::Dtype to) {
  const auto width = static_cast<std::int64_t>(columns);
  const auto rows = columns == 0 ? 0 : static_cast<std::int64_t>(values.size()) / width;
  return torch::from_blob(const_cast<Value*>(values.data()), {rows, width}, from)
      .to(device, to, /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

Tensor TensorMlps::upload(std::span<const float> values, std::size_t columns) const {
  return copied(values, columns, torch::kFloat32, state_->device, state_->type);
}

Tensor TensorMlps::upload(std::span<const double> values, std::size_t columns) const {
  return copied(values, columns, torch::kFloat64, state_->device, state_->type);
}

Tensor TensorMlps::upload(std::span<const std::uint8_t> values, std::size_t columns) const {
  return copied(values, columns, torch::kUInt8, state_->device, state_->type);
}

Tensor TensorMlps::upload(std::span<const std::int64_t> values, std::size_t columns) const {
  return copied(values, columns, torch::kInt64, state_->device, torch::kInt64);
}

Tensor TensorMlps::zeros(std::size_t rows, std::size_t columns) const {
  return torch::zeros({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)},
                      state_->place());
}

FlatMlp TensorMlps::flat(std::size_t network) const {
  FlatMlp out;
  const auto host = [](const Tensor& tensor) {
    return tensor.to(torch::kCPU, torch::kFloat32).contiguous();
  };
  const auto view = [](const Tensor& tensor) {
    return std::span<const float>(tensor.data_ptr<float>(),
                                  static_cast<std::size_t>(tensor.numel()));
  };
  for (std::size_t layer = 0; layer <= state_->shapes[network].hidden.size(); ++layer) {
    const std::size_t i = state_->first_leaf[network] + 2 * layer;
    const Tensor weight = host(state_->values_of[i]), bias = host(state_->values_of[i + 1]);
    out.add_layer(view(weight), view(bias));
  }
  return out;
}

std::size_t TensorMlps::outputs(std::size_t network) const {
  return state_->shapes[network].outputs;
}

void TensorMlps::change_outputs(std::size_t network, const std::vector<std::int64_t>& kept,
                                std::size_t added) {
  torch::NoGradGuard no_gradients;
  State& s = *state_;
  std::vector<std::vector<Tensor>> old;
  for (const Tensor* flat : s.flats()) old.push_back(s.views(*flat));
  const Tensor rows = torch::tensor(kept, torch::kInt64).to(s.device);
  s.shapes[network].outputs = kept.size() + added;
  s.allocate();
  for (std::size_t flat = 0; flat < old.size(); ++flat) {
    const auto fresh = s.views(*s.flats()[flat]);
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      if (s.leaves[i].network != network || !s.leaves[i].last_layer) {
        fresh[i].copy_(old[flat][i]);
      } else if (!kept.empty()) {
        fresh[i]
            .narrow(0, 0, static_cast<std::int64_t>(kept.size()))
            .copy_(old[flat][i].index_select(0, rows));
      }
    }
  }
}

void TensorMlps::put(TensorArchive& archive) const {
  std::size_t flat = 0;
  for (const Tensor* tensor : state_->flats()) {
    const auto views = state_->views(*tensor);
    for (std::size_t i = 0; i < views.size(); ++i) {
      archive.put(state_->leaves[i].name + kFlatNames[flat], to_dense(views[i]));
    }
    ++flat;
  }
  archive.put("optimiser_steps", std::to_string(state_->steps));
}

Status TensorMlps::take(const TensorArchive& archive, const std::vector<std::size_t>& outputs) {
  torch::NoGradGuard no_gradients;
  std::vector<MlpShape> shapes = state_->shapes;
  for (std::size_t network = 0; network < shapes.size(); ++network) {
    shapes[network].outputs = outputs[network];
  }
  auto fresh = std::make_unique<State>(shapes, state_->device, state_->type, state_->seed);
  std::size_t flat = 0;
  for (const Tensor* tensor : fresh->flats()) {
    const auto views = fresh->views(*tensor);
    for (std::size_t i = 0; i < views.size(); ++i) {
      const auto stored = archive.tensor(fresh->leaves[i].name + kFlatNames[flat],
                                         static_cast<std::size_t>(views[i].numel()));
      if (!stored) return fail(stored.error());
      if (!stored->empty()) views[i].copy_(from_values(stored->values()).view(views[i].sizes()));
    }
    ++flat;
  }
  const auto steps = archive.bytes("optimiser_steps");
  if (!steps) return fail(steps.error());
  fresh->steps = std::atoll(steps->c_str());
  if (fresh->steps < 0) return fail(ErrorCode::corrupt, "policy state: bad optimiser_steps");
  state_ = std::move(fresh);
  return {};
}

std::vector<double> TensorMlps::parameters() const { return to_vector(state_->parameters); }
std::vector<double> TensorMlps::gradient() const { return to_vector(state_->gradient); }

void TensorMlps::set_parameters(std::span<const double> parameters) {
  torch::NoGradGuard no_gradients;
  state_->parameters.copy_(from_values(parameters));
}

}  // namespace yardmaster::policies
