#include "env/static_distiller.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "env/principal_components.h"
#include "env/static_table.h"

namespace yardmaster::env {
namespace {

// docs/encoders.md gives the reasons for these.
constexpr double kFrequencyScale = 1e-3;
constexpr double kCharacterWeight = 0.5;
constexpr float kPriorWeight = 2;
constexpr double kSquaredNorm = 0.5;
constexpr double kWhitening = 0.25;
/// A text's tokens share a subject: its mean varies as if it had this many independent ones.
constexpr double kIndependentTokens = 12;

// Shares of running English text; words take what is left.
constexpr double kCharacterShare = 0.003;
constexpr std::pair<char, double> kCharacterShares[] = {
    {'.', 0.05},  {',', 0.05},  {'\'', 0.01}, {'-', 0.01},  {'"', 0.01},
    {'(', 0.006}, {')', 0.006}, {':', 0.006}, {'?', 0.005}, {'!', 0.002},
    {';', 0.002}, {'a', 0.02},  {'i', 0.01},  {'s', 0.008}};
constexpr double kZipfShift = 2.7;

/// Queries weigh as much as this many tokens of general text when they are as many.
constexpr double kGeneralTokens = 10'000;

constexpr std::size_t kDimension = StaticTable::kDimension;
constexpr std::size_t kTokensAtOnce = 256;

bool is_character(std::string_view token) {
  return token.size() == 1 && static_cast<unsigned char>(token[0]) < 0x80;
}

bool is_special(std::string_view token) {
  return token.size() > 2 && token.starts_with('[') && token.ends_with(']');
}

bool is_word(std::string_view token) {
  return token.size() >= 2 && std::all_of(token.begin(), token.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
         });
}

double character_share(std::string_view token) {
  for (const auto& [character, share] : kCharacterShares) {
    if (token[0] == character) return share;
  }
  return kCharacterShare;
}

class Distiller {
 public:
  Distiller(const MiniLmFolder& folder, const MiniLmNetwork& network)
      : folder_(folder), network_(network), size_(network.dimension()) {
    std::string_view left = folder.vocabulary;
    while (!left.empty()) {
      std::string_view line = left.substr(0, left.find('\n'));
      left.remove_prefix(std::min(line.size() + 1, left.size()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      tokens_.push_back(line);
    }
    tokens_.resize(folder.tokenizer.pieces.vocabulary_size());
  }

  bool has_words() const { return std::any_of(tokens_.begin(), tokens_.end(), is_word); }

  void pass_tokens(const std::function<void(double)>& progress) {
    vectors_.resize(tokens_.size() * size_);
    std::vector<std::vector<WordPiece::TokenId>> batch;
    for (std::size_t first = 0; first < tokens_.size(); first += kTokensAtOnce) {
      batch.clear();
      const std::size_t last = std::min(tokens_.size(), first + kTokensAtOnce);
      for (std::size_t id = first; id < last; ++id) {
        batch.push_back(
            {folder_.tokenizer.cls, static_cast<WordPiece::TokenId>(id), folder_.tokenizer.sep});
      }
      network_.embed(batch, std::span(vectors_).subspan(first * size_, batch.size() * size_));
      progress(static_cast<double>(last) / static_cast<double>(tokens_.size()));
    }
  }

  /// The queries' tokens on top of general text's.
  void count(std::span<const std::string> queries) {
    shares_ = general_shares();
    std::vector<double> counts(tokens_.size());
    double total = 0;
    for (const std::string& query : queries) {
      ids_.emplace_back();
      folder_.tokenizer.pieces.tokenize(query, ids_.back());
      for (const WordPiece::TokenId id : ids_.back()) ++counts[id];
      total += static_cast<double>(ids_.back().size());
    }
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      shares_[id] = (counts[id] + kGeneralTokens * shares_[id]) / (total + kGeneralTokens);
    }
    weigh();
  }

  void reduce() {
    const std::vector<double> centre = text_mean();
    const PrincipalComponents parts =
        principal_components(token_covariance(centre), size_, kDimension);
    rows_.assign(tokens_.size() * kDimension, 0);
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      for (std::size_t j = 0; j < parts.variances.size(); ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < size_; ++k) {
          sum += (vectors_[id * size_ + k] - centre[k]) * parts.axes[j * size_ + k];
        }
        rows_[id * kDimension + j] = sum * std::pow(parts.variances[j], -kWhitening);
      }
    }
    const double squared_norm = ids_.empty() ? typical_squared_norm() : query_squared_norm();
    const double scale = squared_norm > 0 ? std::sqrt(kSquaredNorm / squared_norm) : 0;
    for (double& value : rows_) value *= scale;
  }

  std::string serialise() const;

 private:
  std::vector<double> general_shares() const {
    std::vector<double> shares(tokens_.size());
    double words = 0, characters = 0;
    double rank = 0;  // from the first word on every token has one
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (is_character(tokens_[id])) {
        characters += shares[id] = character_share(tokens_[id]);
      }
      if (rank > 0 || is_word(tokens_[id])) {
        rank += 1;
        if (!is_character(tokens_[id])) words += shares[id] = 1 / (rank + kZipfShift);
      }
    }
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (!is_character(tokens_[id])) shares[id] *= std::max(0.0, 1 - characters) / words;
    }
    return shares;
  }

  void weigh() {
    weights_.resize(tokens_.size());
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      double weight = kFrequencyScale / (kFrequencyScale + shares_[id]);
      if (is_character(tokens_[id])) weight = std::max(weight, kCharacterWeight);
      weights_[id] = static_cast<std::uint8_t>(std::lround(255 * weight));
      if (is_special(tokens_[id])) weights_[id] = tokens_[id] == "[UNK]" ? 1 : 0;
    }
  }

  double text_weight(std::size_t id) const { return shares_[id] * weights_[id]; }

  /// Of running text, with the weights of the tokens in a text's mean.
  std::vector<double> text_mean() const {
    std::vector<double> mean(size_);
    double total = 0;
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      const double weight = text_weight(id);
      total += weight;
      for (std::size_t k = 0; k < size_; ++k) mean[k] += weight * vectors_[id * size_ + k];
    }
    for (double& value : mean) value /= total;
    return mean;
  }

  /// Over the vocabulary; where there are queries, over their tokens as they weigh in them.
  std::vector<double> token_covariance(const std::vector<double>& centre) const {
    std::vector<float> scaled;
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (is_special(tokens_[id])) continue;
      const double factor =
          ids_.empty() ? 1 : std::sqrt(shares_[id]) * static_cast<double>(weights_[id]);
      for (std::size_t k = 0; k < size_; ++k) {
        scaled.push_back(static_cast<float>(factor * (vectors_[id * size_ + k] - centre[k])));
      }
    }
    return covariance(scaled, std::vector<double>(size_));
  }

  double row_squared_norm(std::size_t id) const {
    double sum = 0;
    for (std::size_t j = 0; j < kDimension; ++j) {
      sum += rows_[id * kDimension + j] * rows_[id * kDimension + j];
    }
    return sum;
  }

  double typical_squared_norm() const {
    double sum = 0, total = 0;
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      sum += text_weight(id) * row_squared_norm(id);
      total += text_weight(id);
    }
    return sum / total / kIndependentTokens;
  }

  double query_squared_norm() const {
    double sum = 0;
    for (const auto& ids : ids_) {
      std::vector<double> mean(kDimension);
      double divisor = kPriorWeight;
      for (const WordPiece::TokenId id : ids) {
        const double weight = weights_[id] / 255.0;
        divisor += weight;
        for (std::size_t j = 0; j < kDimension; ++j) mean[j] += weight * rows_[id * kDimension + j];
      }
      for (const double value : mean) sum += value / divisor * (value / divisor);
    }
    return sum / static_cast<double>(ids_.size());
  }

  const MiniLmFolder& folder_;
  const MiniLmNetwork& network_;
  std::size_t size_;
  std::vector<std::string_view> tokens_;
  std::vector<float> vectors_;                        ///< tokens x size_
  std::vector<std::vector<WordPiece::TokenId>> ids_;  ///< of the queries
  std::vector<double> shares_;                        ///< of each token in texts
  std::vector<std::uint8_t> weights_;                 ///< in a text's mean, in 255ths
  std::vector<double> rows_;                          ///< tokens x kDimension
};

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string Distiller::serialise() const {
  std::string words, scales, rows;
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    const double weight = weights_[id] / 255.0;
    double largest = 0;
    for (std::size_t j = 0; j < kDimension; ++j) {
      largest = std::max(largest, std::abs(weight * rows_[id * kDimension + j]));
    }
    const auto scale = largest > 0 ? static_cast<float>(largest / 127) : 1.0f;
    append(scales, scale);
    for (std::size_t j = 0; j < kDimension; ++j) {
      const double value = weight * rows_[id * kDimension + j] / scale;
      rows += static_cast<char>(std::lround(std::clamp(value, -127.0, 127.0)));
    }
    words += std::string(tokens_[id]) + '\n';
  }
  std::string bytes = "YMSTATIC";
  for (const std::size_t number : {std::size_t{1}, kDimension, tokens_.size(), words.size()}) {
    append(bytes, static_cast<std::uint32_t>(number));
  }
  append(bytes, kPriorWeight);
  bytes += scales;
  bytes.append(weights_.begin(), weights_.end());
  bytes += rows + words;
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  append(bytes, static_cast<std::uint32_t>(crc.checksum()));
  return bytes;
}

}  // namespace

Result<std::string> distill_static_table(const MiniLmFolder& folder, const MiniLmNetwork& network,
                                         std::span<const std::string> queries,
                                         const std::function<void(double)>& progress) {
  Distiller distiller(folder, network);
  if (!distiller.has_words()) {
    return fail(ErrorCode::unsupported,
                "the vocabulary of the network holds no word of plain letters, so no table can be "
                "made of it");
  }
  distiller.pass_tokens(progress);
  distiller.count(queries);
  distiller.reduce();
  return distiller.serialise();
}

}  // namespace yardmaster::env
