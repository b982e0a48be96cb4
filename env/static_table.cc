#include "env/static_table.h"

#include <algorithm>
#include <bit>
#include <boost/crc.hpp>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

// The sanitizers cannot instrument the resolvers that target_clones makes.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define YARDMASTER_MULTIVERSION __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define YARDMASTER_MULTIVERSION
#endif

namespace yardmaster::env {
namespace {

static_assert(std::endian::native == std::endian::little, "the table is read as it lies on disk");

constexpr std::string_view kMagic = "YMSTATIC";
constexpr std::uint32_t kFormatVersion = 1;

struct Header {
  std::uint32_t format_version;
  std::uint32_t dimension;
  std::uint32_t tokens;
  std::uint32_t vocabulary_bytes;
  float prior_weight;
};
constexpr std::size_t kHeaderBytes = kMagic.size() + sizeof(Header);

std::uint32_t crc32(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

/// Takes a copy of the next `count` values off the front of `bytes`.
template <class T>
std::vector<T> take(std::string_view& bytes, std::size_t count) {
  std::vector<T> values(count);
  if (count > 0) std::memcpy(values.data(), bytes.data(), count * sizeof(T));  // never from nullptr
  bytes.remove_prefix(count * sizeof(T));
  return values;
}

/// Within these bounds the mean of any text is finite, and that of none is zero.
bool numbers_are_sane(std::span<const float> scales, float prior_weight) {
  constexpr float kSmallestPrior = 1e-6f;
  constexpr float kLargest = 1e6f;
  const auto in_range = [](float scale) { return std::abs(scale) <= kLargest; };
  return prior_weight >= kSmallestPrior && prior_weight <= kLargest &&
         std::all_of(scales.begin(), scales.end(), in_range);
}

}  // namespace

Result<StaticTable> StaticTable::read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return fail(ErrorCode::io, "cannot open the token table " + path +
                                   "; it is env/assets/static_v1.bin in the repository");
  }
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return fail(ErrorCode::io, "cannot read the token table " + path);
  return parse(bytes, path);
}

Result<StaticTable> StaticTable::parse(std::string_view bytes, const std::string& name) {
  const auto damaged = [&](const std::string& what) {
    return fail(ErrorCode::corrupt, "token table " + name + " " + what +
                                        "; restore it or run scripts/distill-static-table");
  };
  if (bytes.size() < kHeaderBytes + sizeof(std::uint32_t) || !bytes.starts_with(kMagic)) {
    return damaged("is no token table");
  }
  Header header;
  std::memcpy(&header, bytes.data() + kMagic.size(), sizeof header);
  if (header.format_version != kFormatVersion) {
    return fail(ErrorCode::unsupported,
                "token table " + name + " has format " + std::to_string(header.format_version) +
                    ", this version reads format " + std::to_string(kFormatVersion));
  }
  const std::size_t tokens = header.tokens;
  const std::size_t expected = kHeaderBytes + tokens * (sizeof(float) + 1 + sizeof(Row)) +
                               header.vocabulary_bytes + sizeof(std::uint32_t);
  if (header.dimension != kDimension || bytes.size() != expected) {
    return damaged("has " + std::to_string(bytes.size()) + " bytes and " +
                   std::to_string(header.dimension) + " dimensions, expected " +
                   std::to_string(expected) + " and " + std::to_string(kDimension));
  }
  std::uint32_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + bytes.size() - sizeof checksum, sizeof checksum);
  if (crc32(bytes.substr(0, bytes.size() - sizeof checksum)) != checksum) {
    return damaged("does not match its checksum");
  }
  bytes.remove_prefix(kHeaderBytes);
  auto scales = take<float>(bytes, tokens);
  auto weights = take<std::uint8_t>(bytes, tokens);
  auto rows = take<Row>(bytes, tokens);
  if (!numbers_are_sane(scales, header.prior_weight)) {
    return damaged("has a scale or a prior weight that is out of range");
  }
  auto tokenizer = WordPiece::make(std::string(bytes.substr(0, header.vocabulary_bytes)));
  if (!tokenizer) return damaged("has a broken vocabulary: " + tokenizer.error().message);
  if (tokenizer->vocabulary_size() != tokens) return damaged("lacks part of its vocabulary");

  StaticTable table(std::move(*tokenizer));
  table.checksum_ = checksum;
  table.prior_weight_ = header.prior_weight;
  table.scales_ = std::move(scales);
  table.weights_ = std::move(weights);
  table.rows_ = std::move(rows);
  return table;
}

YARDMASTER_MULTIVERSION
void StaticTable::add_rows(std::span<const Row> rows, std::span<const float> scales,
                           std::span<const WordPiece::TokenId> ids,
                           std::span<float, kDimension> sum) {
  // Rows lie anywhere in two megabytes: ask for them some steps ahead.
  constexpr std::size_t kAhead = 8;
  std::array<float, kDimension> local{};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i + kAhead < ids.size()) __builtin_prefetch(&rows[ids[i + kAhead]]);
    const std::int8_t* values = rows[ids[i]].values.data();
    const float scale = scales[ids[i]];
    for (std::size_t j = 0; j < kDimension; ++j) local[j] += scale * static_cast<float>(values[j]);
  }
  std::copy(local.begin(), local.end(), sum.begin());
}

void StaticTable::mean(std::span<const WordPiece::TokenId> ids,
                       std::span<float, kDimension> out) const {
  add_rows(rows_, scales_, ids, out);
  std::uint64_t weight = 0;
  for (const WordPiece::TokenId id : ids) weight += weights_[id];
  const float divisor = static_cast<float>(weight) / 255 + prior_weight_;
  for (float& value : out) value /= divisor;
}

}  // namespace yardmaster::env
