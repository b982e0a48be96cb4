#include "policies/flat_mlp.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>

#include "policies/multiversion.h"

namespace yardmaster::policies {

namespace {

constexpr std::size_t kLanes = 16;  // of which a layer has whole numbers: any register's

using Vector = boost::container::small_vector<float, 512>;

// kCount vectors of outputs stay in registers over all inputs.
template <std::size_t kBytes, std::size_t kCount>
YARDMASTER_INLINE void outputs_of(const float* __restrict weights, const float* __restrict bias,
                                  const float* __restrict in, std::size_t inputs,
                                  std::size_t stride, float* __restrict out) {
  constexpr std::size_t lanes = kBytes / sizeof(float);
  typename Lanes<float, kBytes>::Vector sums[kCount];
  for (std::size_t v = 0; v < kCount; ++v) sums[v] = vector_at<kBytes>(bias + v * lanes);
  for (std::size_t i = 0; i < inputs; ++i) {
    const float* row = weights + i * stride;
    for (std::size_t v = 0; v < kCount; ++v) sums[v] += in[i] * vector_at<kBytes>(row + v * lanes);
  }
  for (std::size_t v = 0; v < kCount; ++v) vector_at<kBytes>(out + v * lanes) = sums[v];
}

template <std::size_t kBytes>
YARDMASTER_INLINE void affine_of(const float* __restrict weights, const float* __restrict bias,
                                 const float* __restrict in, std::size_t inputs, std::size_t stride,
                                 float* __restrict out) {
  constexpr std::size_t lanes = kBytes / sizeof(float);
  std::size_t j = 0;
  for (; j + 4 * lanes <= stride; j += 4 * lanes) {
    outputs_of<kBytes, 4>(weights + j, bias + j, in, inputs, stride, out + j);
  }
  for (; j < stride; j += lanes) {
    outputs_of<kBytes, 1>(weights + j, bias + j, in, inputs, stride, out + j);
  }
}

#define YARDMASTER_DEFINE(TARGET, BYTES)                                                           \
  TARGET void affine(const float* weights, const float* bias, const float* in, std::size_t inputs, \
                     std::size_t stride, float* out) {                                             \
    affine_of<BYTES>(weights, bias, in, inputs, stride, out);                                      \
  }
YARDMASTER_BY_WIDTH(YARDMASTER_DEFINE)
#undef YARDMASTER_DEFINE

// Minimax rational approximation on [-7.9, 7.9], beyond which tanh is 1 in single precision
// (coefficients of Eigen's generic_fast_tanh_float).
YARDMASTER_MULTIVERSION
void tanh_all(float* __restrict values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float bounded = values[i] < -7.9F ? -7.9F : values[i];
    const float x = bounded > 7.9F ? 7.9F : bounded;
    const float s = x * x;
    float p = -2.76076847742355e-16F;
    p = p * s + 2.00018790482477e-13F;
    p = p * s + -8.60467152213735e-11F;
    p = p * s + 5.12229709037114e-08F;
    p = p * s + 1.48572235717979e-05F;
    p = p * s + 6.37261928875436e-04F;
    p = p * s + 4.89352455891786e-03F;
    float q = 1.19825839466702e-06F;
    q = q * s + 1.18534705686654e-04F;
    q = q * s + 2.26843463243900e-03F;
    q = q * s + 4.89352518554385e-03F;
    values[i] = x * p / q;
  }
}

}  // namespace

void tanh_in_place(std::span<float> values) { tanh_all(values.data(), values.size()); }

void FlatMlp::add_layer(std::span<const float> weights, std::span<const float> bias) {
  Layer layer;
  layer.outputs = bias.size();
  layer.inputs = weights.size() / bias.size();
  layer.stride = (layer.outputs + kLanes - 1) / kLanes * kLanes;
  layer.weights.resize(layer.inputs * layer.stride);
  layer.bias.assign(bias.begin(), bias.end());
  layer.bias.resize(layer.stride);
  for (std::size_t out = 0; out < layer.outputs; ++out) {
    for (std::size_t in = 0; in < layer.inputs; ++in) {
      layer.weights[in * layer.stride + out] = weights[out * layer.inputs + in];
    }
  }
  layers_.push_back(std::move(layer));
}

void FlatMlp::run(std::span<const float> in, std::size_t layers, std::span<float> out) const {
  Vector now(in.begin(), in.end()), next;
  for (std::size_t l = 0; l < layers; ++l) {
    const Layer& layer = layers_[l];
    next.resize(layer.stride);
    affine(layer.weights.data(), layer.bias.data(), now.data(), layer.inputs, layer.stride,
           next.data());
    if (l + 1 < layers_.size()) tanh_all(next.data(), next.size());
    now.swap(next);
  }
  std::copy_n(now.begin(), out.size(), out.begin());
}

void FlatMlp::forward(std::span<const float> in, std::span<float> out) const {
  run(in, layers_.size(), out);
}

void FlatMlp::features(std::span<const float> in, std::span<float> out) const {
  run(in, layers_.size() - 1, out);
}

}  // namespace yardmaster::policies
