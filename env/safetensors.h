#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace yardmaster::env {

/// A file of named tensors (https://github.com/huggingface/safetensors): eight bytes that give the
/// length of a JSON header, the header, the data. The file is not trusted: every type, size and
/// offset is checked before a byte is read. Immutable after construction: any thread.
class Safetensors {
 public:
  /// Reads the whole file into memory. Fails with io where it cannot be read, with corrupt where
  /// the header does not describe the data.
  static Result<Safetensors> read(const std::string& path);

  /// The same from the file's bytes; `name` stands for them in messages.
  static Result<Safetensors> parse(std::string bytes, std::string name);

  bool contains(std::string_view tensor) const { return entries_.find(tensor) != entries_.end(); }

  /// The tensor's values in row-major order, from F32, F16 or BF16. Fails with corrupt where it is
  /// missing, of another type, of another shape, or holds a value that is not finite.
  Result<std::vector<float>> floats(std::string_view tensor,
                                    std::span<const std::uint64_t> shape) const;

  /// Of the whole file, in lower-case hex.
  std::string sha256() const;

 private:
  struct Entry {
    std::string type;
    std::vector<std::uint64_t> shape;
    std::uint64_t begin = 0;  ///< of the file
    std::uint64_t end = 0;
  };

  Safetensors(std::string bytes, std::string name)
      : bytes_(std::move(bytes)), name_(std::move(name)) {}
  Status read_header();

  std::string bytes_;
  std::string name_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace yardmaster::env
