#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace yardmaster::env {

/// Vectors of texts in a file, so that a slow network sees each text once. The file holds no text:
/// a record is half of the text's SHA-256, the vector, and a checksum. Several processes may append
/// to one file; a damaged record is passed over. One thread.
class VectorCache {
 public:
  /// Reads the file where there is one. Fails with io where its folder cannot be made.
  static Result<VectorCache> open(const std::string& path, std::size_t dimension);

  /// Fills `out`, of the dimension; false where the text is not there.
  bool find(std::string_view text, std::span<float> out) const;

  /// Keeps the vectors, one a text, and appends them to the file. Fails with io where the disk
  /// refuses; they are then kept in memory alone.
  Status add(std::span<const std::string_view> texts, std::span<const float> vectors);

 private:
  using Key = std::array<std::uint64_t, 2>;
  struct Hash {
    std::size_t operator()(const Key& key) const { return key[0]; }
  };

  VectorCache(std::string path, std::size_t dimension)
      : path_(std::move(path)), dimension_(dimension) {}

  static Key key_of(std::string_view text);
  std::size_t record_bytes() const;
  void load();
  void keep(const Key& key, std::span<const float> vector);
  std::string record(const Key& key, std::span<const float> vector) const;

  std::string path_;
  std::size_t dimension_;
  std::unordered_map<Key, std::size_t, Hash> places_;  ///< of a text's first value
  std::vector<float> values_;
};

}  // namespace yardmaster::env
