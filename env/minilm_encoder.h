#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "env/encoder.h"
#include "env/minilm_network.h"
#include "env/minilm_projection.h"
#include "env/vector_cache.h"

namespace yardmaster::env {

/// A query's sentence vector, projected, then its surface features. Tens of milliseconds for a
/// kilobyte of text.
class MiniLmEncoder final : public Encoder {
 public:
  /// Reads the folder of a network. The projection lies beside the weights in
  /// yardmaster-projection.bin; where it is not there yet, or is another network's, it is fitted
  /// (seconds to a minute) and written, if the folder lets it. With `cache_directory`, vectors of
  /// texts are kept there. Fails as MiniLmFolder::read does, and with io for a cache that cannot be
  /// opened.
  static Result<std::unique_ptr<MiniLmEncoder>> open(const std::string& folder,
                                                     const std::string& cache_directory);

  std::string_view name() const override { return "minilm"; }
  std::uint32_t version() const override;
  std::size_t dimension() const override;
  bool is_slow() const override { return true; }
  void encode(const Query& query, std::span<float> out) const override;
  void encode_all(std::span<const Query* const> queries, std::span<float> out) const override;

 private:
  MiniLmEncoder(MiniLmTokenizer tokenizer, MiniLmNetwork network, MiniLmProjection projection,
                std::optional<VectorCache> cache);

  MiniLmTokenizer tokenizer_;
  MiniLmNetwork network_;
  MiniLmProjection projection_;
  mutable std::mutex cache_mutex_;
  mutable std::optional<VectorCache> cache_;  // guarded by cache_mutex_
};

}  // namespace yardmaster::env
