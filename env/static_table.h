#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/wordpiece.h"

namespace yardmaster::env {

/// The distilled vectors of a tokenizer's vocabulary, as scripts/distill-static-table writes them;
/// docs/encoders.md has the layout of the file. Immutable: any thread.
class StaticTable {
 public:
  static constexpr std::size_t kDimension = 64;

  /// Fails with io where the file cannot be read, with corrupt where its checksum or its sizes do
  /// not agree, with unsupported for a format of another version.
  static Result<StaticTable> read(const std::string& path);

  /// The same from the file's bytes; `name` stands for them in messages.
  static Result<StaticTable> parse(std::string_view bytes, const std::string& name);

  std::uint32_t checksum() const { return checksum_; }
  const WordPiece& tokenizer() const { return tokenizer_; }

  /// Writes the weighted mean of the tokens' vectors, all zero for none; every id
  /// must be one of the tokenizer's.
  void mean(std::span<const WordPiece::TokenId> ids, std::span<float, kDimension> out) const;

 private:
  /// One line of cache.
  struct alignas(64) Row {
    std::array<std::int8_t, kDimension> values;
  };

  static void add_rows(std::span<const Row> rows, std::span<const float> scales,
                       std::span<const WordPiece::TokenId> ids, std::span<float, kDimension> sum);

  explicit StaticTable(WordPiece tokenizer) : tokenizer_(std::move(tokenizer)) {}

  WordPiece tokenizer_;
  std::uint32_t checksum_ = 0;
  float prior_weight_ = 0;             ///< joins the divisor of the mean
  std::vector<float> scales_;          ///< a token's row times its scale is its weighted vector
  std::vector<std::uint8_t> weights_;  ///< in the mean, in 255ths
  std::vector<Row> rows_;
};

}  // namespace yardmaster::env
