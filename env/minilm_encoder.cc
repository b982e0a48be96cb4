#include "env/minilm_encoder.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "env/general_texts.h"
#include "env/surface_features.h"

namespace yardmaster::env {
namespace {

/// Changes whenever this encoder's code would give other values from the same network and
/// projection.
constexpr std::uint32_t kCodeVersion = 1;

/// Changes whenever the network's code would give other vectors: old caches are then left alone.
constexpr std::string_view kVectorVersion = "v1";

// What the projection is fitted on: every fifth word of the vocabulary, and general texts.
constexpr std::size_t kWordStride = 5;
constexpr std::size_t kFittingTexts = 800;
constexpr std::uint64_t kFittingSeed = 1;

/// What one pass through the network takes: more is no faster, and needs more memory.
constexpr std::size_t kBatchTokens = 1024;

/// The vectors of texts in passes of about kBatchTokens.
std::vector<float> embed(const MiniLmTokenizer& tokenizer, const MiniLmNetwork& network,
                         const std::vector<std::string_view>& texts) {
  std::vector<float> vectors(texts.size() * network.dimension());
  std::vector<std::vector<WordPiece::TokenId>> batch;
  std::size_t done = 0, tokens = 0;
  for (const std::string_view text : texts) {
    batch.push_back(tokenizer.tokenize(text));
    tokens += batch.back().size();
    if (tokens < kBatchTokens && done + batch.size() < texts.size()) continue;
    network.embed(batch, std::span(vectors).subspan(done * network.dimension(),
                                                    batch.size() * network.dimension()));
    done += batch.size();
    tokens = 0;
    batch.clear();
  }
  return vectors;
}

MiniLmProjection fit_projection(const MiniLmFolder& folder, const MiniLmNetwork& network) {
  const std::vector<std::string_view> words = whole_words(folder.vocabulary);
  std::vector<std::string_view> some_words;
  for (std::size_t i = 0; i < words.size(); i += kWordStride) some_words.push_back(words[i]);
  const auto texts = general_texts(words, kFittingTexts, kFittingSeed);
  return MiniLmProjection::fit(embed(folder.tokenizer, network, some_words),
                               embed(folder.tokenizer, network, {texts.begin(), texts.end()}),
                               network.dimension());
}

}  // namespace

MiniLmEncoder::MiniLmEncoder(MiniLmTokenizer tokenizer, MiniLmNetwork network,
                             MiniLmProjection projection, std::optional<VectorCache> cache)
    : tokenizer_(std::move(tokenizer)),
      network_(std::move(network)),
      projection_(std::move(projection)),
      cache_(std::move(cache)) {}

Result<std::unique_ptr<MiniLmEncoder>> MiniLmEncoder::open(const std::string& path,
                                                           const std::string& cache_directory) {
  auto folder = MiniLmFolder::read(path);
  if (!folder) return fail(folder.error());
  auto network = MiniLmNetwork::make(folder->config, folder->weights);
  if (!network) return fail(network.error());
  const std::string fingerprint = folder->fingerprint();

  std::optional<VectorCache> cache;
  if (!cache_directory.empty()) {
    const std::string name = "minilm-" + fingerprint.substr(0, 16) + "-";
    auto opened =
        VectorCache::open(cache_directory + "/" + name + std::string(kVectorVersion) + ".vectors",
                          network->dimension());
    if (!opened) return fail(opened.error());
    cache = std::move(*opened);
  }

  const std::string projection_path = path + "/yardmaster-projection.bin";
  auto projection = MiniLmProjection::read(projection_path, fingerprint, network->dimension());
  if (!projection) {
    projection = fit_projection(*folder, *network);
    // Where the folder is read-only it is fitted anew each time, to the same bytes on one machine.
    std::ignore = projection->write(projection_path, fingerprint);
  }
  return std::unique_ptr<MiniLmEncoder>(new MiniLmEncoder(
      std::move(folder->tokenizer), std::move(*network), std::move(*projection), std::move(cache)));
}

std::uint32_t MiniLmEncoder::version() const {
  const std::uint64_t code = (std::uint64_t{kCodeVersion} << 16) | kSurfaceVersion;
  return static_cast<std::uint32_t>(mix64((code << 32) | projection_.checksum()));
}

std::size_t MiniLmEncoder::dimension() const { return projection_.dimension() + kSurfaceDimension; }

void MiniLmEncoder::encode(const Query& query, std::span<float> out) const {
  const Query* const one = &query;
  encode_all(std::span(&one, 1), out);
}

void MiniLmEncoder::encode_all(std::span<const Query* const> queries, std::span<float> out) const {
  const std::size_t size = network_.dimension();
  std::vector<float> vectors(queries.size() * size);
  std::vector<std::size_t> missing;
  std::vector<std::string_view> texts;
  {
    const std::lock_guard lock(cache_mutex_);
    for (std::size_t i = 0; i < queries.size(); ++i) {
      const auto vector = std::span(vectors).subspan(i * size, size);
      if (cache_ && cache_->find(queries[i]->text, vector)) continue;
      missing.push_back(i);
      texts.push_back(queries[i]->text);
    }
  }
  const std::vector<float> made = embed(tokenizer_, network_, texts);
  for (std::size_t i = 0; i < missing.size(); ++i) {
    std::copy_n(made.begin() + static_cast<std::ptrdiff_t>(i * size), size,
                vectors.begin() + static_cast<std::ptrdiff_t>(missing[i] * size));
  }
  if (!missing.empty()) {
    const std::lock_guard lock(cache_mutex_);
    if (cache_) std::ignore = cache_->add(texts, made);
  }
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto row = out.subspan(i * dimension(), dimension());
    projection_.apply(std::span(vectors).subspan(i * size, size),
                      row.first(projection_.dimension()));
    surface_features(*queries[i], row.last<kSurfaceDimension>());
  }
}

}  // namespace yardmaster::env
