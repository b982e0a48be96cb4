#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "env/query.h"

namespace yardmaster::env {

/// Turns a query into a fixed number of floats. Every encoder's output is centred and scaled on
/// general text so that its squared norm is about 1 on average and no direction dominates:
/// policies' priors then mean the same whatever the encoder. There is no constant feature;
/// policies add their own intercept.
/// Immutable after construction, so `encode` may be called from any thread.
class Encoder {
 public:
  virtual ~Encoder() = default;

  /// The config's name for it: "static", "hash".
  virtual std::string_view name() const = 0;

  /// Changes whenever the same query would give other values.
  virtual std::uint32_t version() const = 0;

  virtual std::size_t dimension() const = 0;

  /// Writes dimension() finite values; `out.size()` must be dimension().
  virtual void encode(const Query& query, std::span<float> out) const = 0;
};

/// Makes the encoder that the config or the command line names. "static" has its table built in;
/// with `asset_dir` it reads another from there. Fails with invalid_argument for an unknown name
/// (the message lists the known), with io or corrupt for a table that is missing or damaged.
Result<std::unique_ptr<Encoder>> make_encoder(std::string_view name,
                                              std::string_view asset_dir = {});

}  // namespace yardmaster::env
