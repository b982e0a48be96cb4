#include "env/static_encoder.h"

#include "base/random.h"
#include "env/surface_features.h"

namespace yardmaster::env {
namespace {

/// Changes whenever this file or the tokenizer would give other values from the same table.
constexpr std::uint32_t kCodeVersion = 1;

}  // namespace

std::uint32_t StaticEncoder::version() const {
  const std::uint64_t code = (std::uint64_t{kCodeVersion} << 16) | kSurfaceVersion;
  return static_cast<std::uint32_t>(mix64((code << 32) | table_.checksum()));
}

std::size_t StaticEncoder::dimension() const { return StaticTable::kDimension + kSurfaceDimension; }

void StaticEncoder::encode(const Query& query, std::span<float> out) const {
  std::vector<WordPiece::TokenId> ids;
  table_.tokenizer().tokenize(query.text, ids);
  table_.mean(ids, out.first<StaticTable::kDimension>());
  surface_features(query, out.last<kSurfaceDimension>());
}

}  // namespace yardmaster::env
