#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "env/query.h"

namespace yardmaster::env {

/// How it is asked whether a model is well, while no calls are.
struct ProbeSpec {
  enum class Request {
    models,  ///< the upstream's list of models: whether it is there and takes the key
    chat     ///< an answer of one token by the model, which is billed
  };

  std::chrono::milliseconds interval{0};  ///< between two, on the mean
  Request request = Request::models;
  bool idle = false;  ///< also where the circuit is closed and nobody called for an interval
  std::chrono::milliseconds timeout{10'000};

  friend bool operator==(const ProbeSpec&, const ProbeSpec&) = default;
};

/// One model of the pool. Only the name is required.
struct ModelSpec {
  std::string name;
  std::string upstream;        ///< name of the upstream that serves it; empty: /v1/route only
  std::string upstream_model;  ///< the name that the upstream knows it by; empty: `name`
  std::optional<double> input_usd_per_mtok;
  std::optional<double> output_usd_per_mtok;
  std::optional<double> cache_read_usd_per_mtok;   ///< of the prompt; nothing: as other input
  std::optional<double> cache_write_usd_per_mtok;  ///< the same
  std::optional<std::uint32_t> context_tokens;
  std::optional<std::uint32_t> max_output_tokens;
  bool text = true;
  bool images = false;
  bool tools = true;
  bool json_mode = true;
  bool chat = true;               ///< false: no router chooses it; for embeddings and the like
  std::vector<std::string> tags;  ///< what requests, keys and routers may ask for or exclude

  // What its upstream allows us to ask of it; nothing: no limit that we know of.
  std::optional<std::uint32_t> requests_per_minute;
  std::optional<std::uint64_t> tokens_per_minute;  ///< input and output together
  std::optional<std::uint32_t> max_concurrent;     ///< calls under way at once

  std::optional<ProbeSpec> probe;  ///< nothing: as its upstream

  bool at_anthropic = false;  ///< its upstream is of kind anthropic: calls are translated

  // Known ahead of any traffic; policies compare models by them (ModelTraits).
  std::optional<double> size_b;                        ///< billions of parameters
  std::vector<std::pair<std::string, double>> scores;  ///< benchmark and score: higher or lower is
                                                       ///< better, but alike for all models

  /// The unit that costs are learned in, in USD: what 1,000 tokens cost, three quarters of them
  /// input. 0 where prices are unknown. When prices change, learned costs scale with it.
  double price_reference() const;

  /// USD that its prompt cache saves on so many tokens; 0 where its prices do not say so.
  double cache_saving_usd(double tokens) const;

  /// USD for so many tokens; nothing where prices are unknown.
  std::optional<double> cost_usd(double input_tokens, double output_tokens) const;
};

/// The models that a daemon may choose from, in the config's order. Immutable: a changed pool is
/// a new one.
class ModelPool {
 public:
  /// Fails with invalid_argument on an empty pool, a doubled or empty name, a negative or
  /// non-finite price.
  static Result<ModelPool> make(std::vector<ModelSpec> models);

  const std::vector<ModelSpec>& models() const { return models_; }

  /// nullptr if there is none of that name.
  const ModelSpec* find(std::string_view name) const;

 private:
  explicit ModelPool(std::vector<ModelSpec> models) : models_(std::move(models)) {}

  std::vector<ModelSpec> models_;
};

}  // namespace yardmaster::env
