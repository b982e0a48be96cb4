#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
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

  /// The config's name for it: "static", "hash", "minilm" (without its path).
  virtual std::string_view name() const = 0;

  /// Changes whenever the same query would give other values.
  virtual std::uint32_t version() const = 0;

  virtual std::size_t dimension() const = 0;

  /// Writes dimension() finite values; `out.size()` must be dimension().
  virtual void encode(const Query& query, std::span<float> out) const = 0;

  /// The same for many at once, one row of dimension() values each: faster where is_slow().
  virtual void encode_all(std::span<const Query* const> queries, std::span<float> out) const;

  /// Takes milliseconds, not microseconds: too long for a thread that serves.
  virtual bool is_slow() const { return false; }
};

/// Where encoders find and keep files.
struct EncoderFiles {
  std::string asset_directory{};  ///< "static" reads static_v1.bin there; empty: its built-in table
  std::string cache_directory{};  ///< slow encoders keep vectors of texts there; empty: nowhere
};

/// Makes the encoder that the config or the command line names: "static" (its table is built in),
/// "static:FILE", "hash", "minilm:FOLDER". Fails with invalid_argument for an unknown name (the
/// message lists the known), with io, corrupt or unsupported for files that are missing, damaged,
/// or of another kind.
Result<std::unique_ptr<Encoder>> make_encoder(std::string_view name,
                                              const EncoderFiles& files = {});

/// Whether make_encoder knows a name of that form, whatever its files hold.
bool is_encoder_name(std::string_view name);

/// The file or folder in an encoder's name ("static:FILE", "minilm:FOLDER"); empty: none.
std::string_view encoder_path(std::string_view name);

/// Whether a file or folder of that path exists.
bool is_there(std::string_view path);

}  // namespace yardmaster::env
