#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace yardmaster::env {

/// Brings a network's sentence vectors into the shape that every encoder promises: reduced to the
/// directions in which words differ most, these partly whitened; centred on general texts and
/// scaled so that theirs have a squared norm of 0.5 on average. Never fitted on the queries that
/// are routed. Kept in a file of its own, since another machine's arithmetic could turn directions
/// of like variance into each other. Immutable: any thread.
class MiniLmProjection {
 public:
  /// The dimension of what comes out, at most; a network of fewer gives fewer.
  static constexpr std::size_t kDimension = 64;

  /// From the vectors of some thousand words and of some hundred texts, `dimension` values each.
  static MiniLmProjection fit(std::span<const float> words, std::span<const float> texts,
                              std::size_t dimension);

  /// Reads what write() wrote for the network of that fingerprint and that dimension. Fails with io
  /// where there is no file, with corrupt where it is damaged, of another network or of another
  /// version.
  static Result<MiniLmProjection> read(const std::string& path, std::string_view fingerprint,
                                       std::size_t dimension);

  /// Replaces the file in one step. Fails with io.
  Status write(const std::string& path, std::string_view fingerprint) const;

  std::size_t dimension() const { return scaled_axes_.size() / centre_.size(); }

  /// Of all values: another projection has another one.
  std::uint32_t checksum() const;

  /// `out` has dimension() values.
  void apply(std::span<const float> vector, std::span<float> out) const;

 private:
  double mean_squared_norm(std::span<const float> texts) const;

  std::vector<float> centre_;
  std::vector<float> scaled_axes_;  ///< dimension() x the network's dimension
};

}  // namespace yardmaster::env
