#include "env/minilm_network.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <initializer_list>
#include <optional>
#include <string>

#include "env/compute_threads.h"

namespace yardmaster::env {
namespace {

/// x times weight, plus bias. Without MKL the product is oneDNN's, which knows the processors of
/// today, where an OpenBLAS of some age takes one that it does not know for one of 2004.
struct Linear {
  at::Tensor weight, bias;

  void pack() {
    if (!bias.defined() || at::hasMKL() || !at::globalContext().hasMKLDNN()) return;
    weight = weight.to_mkldnn();
    bias = bias.to_mkldnn();
  }

  at::Tensor operator()(const at::Tensor& x) const {
    if (!weight.is_mkldnn()) return at::linear(x, weight, bias);
    return at::mkldnn_linear(x.to_mkldnn(), weight, bias).to_dense();
  }
};

struct Norm {
  at::Tensor weight, bias;
  double eps;

  at::Tensor operator()(const at::Tensor& x) const {
    return at::layer_norm(x, weight.sizes(), weight, bias, eps);
  }
};

struct Layer {
  Linear query_key_value, mix, widen, narrow;
  Norm after_attention, after_feed_forward;
};

/// Takes tensors out of the file until one is not as it should be; the rest are then empty.
class Loader {
 public:
  Loader(const Safetensors& weights, double eps)
      : weights_(weights),
        eps_(eps),
        prefix_(weights.contains("bert.embeddings.word_embeddings.weight") ? "bert." : "") {}

  at::Tensor tensor(const std::string& name, std::initializer_list<std::uint64_t> shape) {
    if (error_) return {};
    auto values = weights_.floats(prefix_ + name, shape);
    if (!values) {
      error_ = values.error();
      return {};
    }
    const std::vector<std::int64_t> sizes(shape.begin(), shape.end());
    return at::from_blob(values->data(), sizes, at::kFloat).clone();
  }

  Linear linear(const std::string& name, std::uint64_t out, std::uint64_t in) {
    return {tensor(name + ".weight", {out, in}), tensor(name + ".bias", {out})};
  }

  Norm norm(const std::string& name, std::uint64_t size) {
    return {tensor(name + ".weight", {size}), tensor(name + ".bias", {size}), eps_};
  }

  const std::optional<Error>& error() const { return error_; }

 private:
  const Safetensors& weights_;
  double eps_;
  std::string prefix_;
  std::optional<Error> error_;
};

/// Query, key and value in one product.
Linear joined(const Linear& query, const Linear& key, const Linear& value) {
  if (!value.bias.defined()) return {};
  return {at::cat({query.weight, key.weight, value.weight}),
          at::cat({query.bias, key.bias, value.bias})};
}

Layer load_layer(Loader& loader, const BertConfig& config, std::uint64_t index) {
  const std::string name = "encoder.layer." + std::to_string(index);
  const std::string self = name + ".attention.self.";
  const std::uint64_t hidden = config.hidden;
  Layer layer;
  const Linear query = loader.linear(self + "query", hidden, hidden);
  const Linear key = loader.linear(self + "key", hidden, hidden);
  const Linear value = loader.linear(self + "value", hidden, hidden);
  layer.query_key_value = joined(query, key, value);
  layer.mix = loader.linear(name + ".attention.output.dense", hidden, hidden);
  layer.after_attention = loader.norm(name + ".attention.output.LayerNorm", hidden);
  layer.widen = loader.linear(name + ".intermediate.dense", config.intermediate, hidden);
  layer.narrow = loader.linear(name + ".output.dense", hidden, config.intermediate);
  layer.after_feed_forward = loader.norm(name + ".output.LayerNorm", hidden);
  for (Linear* part : {&layer.query_key_value, &layer.mix, &layer.widen, &layer.narrow}) {
    part->pack();
  }
  return layer;
}

using Texts = std::span<const std::vector<WordPiece::TokenId>>;

}  // namespace

/// Texts lie one after the other in all tensors: [tokens of the batch, hidden]. Only attention
/// looks at each alone, so no place is wasted on padding.
class MiniLmNetwork::State {
 public:
  State(Loader& loader, const BertConfig& config) : config_(config) {
    const std::uint64_t hidden = config.hidden;
    words_ = loader.tensor("embeddings.word_embeddings.weight", {config.vocabulary, hidden});
    positions_ = loader.tensor("embeddings.position_embeddings.weight", {config.positions, hidden});
    const at::Tensor types =
        loader.tensor("embeddings.token_type_embeddings.weight", {config.token_types, hidden});
    if (types.defined()) positions_ += types[0];  // a text is of the first type throughout
    norm_ = loader.norm("embeddings.LayerNorm", hidden);
    for (std::uint64_t i = 0; i < config.layers; ++i) {
      layers_.push_back(load_layer(loader, config, i));
    }
  }

  std::size_t dimension() const { return config_.hidden; }

  at::Tensor embed(Texts texts) const {
    at::Tensor x = norm_(embed_tokens(texts));
    for (const Layer& layer : layers_) {
      x = layer.after_attention(x + layer.mix(attend(layer.query_key_value(x), texts)));
      x = layer.after_feed_forward(x + layer.narrow(at::gelu(layer.widen(x))));
    }
    return unit_means(x, texts);
  }

 private:
  at::Tensor embed_tokens(Texts texts) const {
    std::vector<std::int64_t> ids, places;
    for (const auto& text : texts) {
      ids.insert(ids.end(), text.begin(), text.end());
      for (std::size_t i = 0; i < text.size(); ++i) places.push_back(static_cast<std::int64_t>(i));
    }
    const auto index = [](std::vector<std::int64_t>& values) {
      return at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, at::kLong);
    };
    return words_.index_select(0, index(ids)) + positions_.index_select(0, index(places));
  }

  /// Scaled dot-product attention of each text over itself.
  at::Tensor attend(const at::Tensor& query_key_value, Texts texts) const {
    const auto heads = static_cast<std::int64_t>(config_.heads);
    const auto hidden = static_cast<std::int64_t>(config_.hidden);
    const double scale = 1 / std::sqrt(static_cast<double>(hidden / heads));
    at::Tensor out = at::empty({query_key_value.size(0), hidden}, at::kFloat);
    std::int64_t first = 0;
    for (const auto& text : texts) {
      const auto length = static_cast<std::int64_t>(text.size());
      const at::Tensor parts = query_key_value.narrow(0, first, length)
                                   .view({length, 3, heads, hidden / heads})
                                   .permute({1, 2, 0, 3});  // [3, heads, length, values a head]
      const at::Tensor scores = at::bmm(parts[0] * scale, parts[1].transpose(1, 2));
      const at::Tensor mixed = at::bmm(at::softmax(scores, -1), parts[2]);
      out.narrow(0, first, length).copy_(mixed.transpose(0, 1).reshape({length, hidden}));
      first += length;
    }
    return out;
  }

  at::Tensor unit_means(const at::Tensor& x, Texts texts) const {
    std::vector<at::Tensor> means;
    std::int64_t first = 0;
    for (const auto& text : texts) {
      const auto length = static_cast<std::int64_t>(text.size());
      means.push_back(x.narrow(0, first, length).mean(0));
      first += length;
    }
    const at::Tensor rows = at::stack(means);
    return rows / rows.norm(2, {1}, true).clamp_min(1e-12);
  }

  BertConfig config_;
  at::Tensor words_, positions_;
  Norm norm_;
  std::vector<Layer> layers_;
};

MiniLmNetwork::MiniLmNetwork(std::unique_ptr<const State> state) : state_(std::move(state)) {}
MiniLmNetwork::MiniLmNetwork(MiniLmNetwork&&) noexcept = default;
MiniLmNetwork& MiniLmNetwork::operator=(MiniLmNetwork&&) noexcept = default;
MiniLmNetwork::~MiniLmNetwork() = default;

Result<MiniLmNetwork> MiniLmNetwork::make(const BertConfig& config, const Safetensors& weights) {
  use_one_compute_thread();
  const c10::InferenceMode no_gradients;
  Loader loader(weights, config.layer_norm_eps);
  auto state = std::make_unique<const State>(loader, config);
  if (loader.error()) return fail(*loader.error());
  return MiniLmNetwork(std::move(state));
}

std::size_t MiniLmNetwork::dimension() const { return state_->dimension(); }

void MiniLmNetwork::embed(Texts texts, std::span<float> out) const {
  if (texts.empty()) return;
  const c10::InferenceMode no_gradients;
  const at::Tensor rows = state_->embed(texts).contiguous();
  std::copy_n(rows.data_ptr<float>(), out.size(), out.begin());
}

}  // namespace yardmaster::env
