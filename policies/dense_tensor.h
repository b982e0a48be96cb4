#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace yardmaster::policies {

/// A contiguous LibTorch tensor of doubles, kept out of the headers. The tensor owns the memory,
/// saves it and moves it between devices; loops work on it through data() while it is on the CPU.
/// Copying copies the values. Not thread-safe; reading from several threads is.
class DenseTensor {
 public:
  DenseTensor();  ///< holds no tensor
  static DenseTensor zeros(std::initializer_list<std::int64_t> shape);

  DenseTensor(const DenseTensor& other);
  DenseTensor& operator=(const DenseTensor& other);
  DenseTensor(DenseTensor&&) noexcept;
  DenseTensor& operator=(DenseTensor&&) noexcept;
  ~DenseTensor();

  bool empty() const { return values_.empty(); }

  /// The values, row-major; valid until the tensor is moved to another device or destroyed.
  std::span<double> values() { return values_; }
  std::span<const double> values() const { return values_; }
  double* data() { return values_.data(); }
  const double* data() const { return values_.data(); }

  /// Moves the tensor to "cpu" or "cuda". While it is not on the CPU, values() is empty.
  /// Fails with invalid_argument for an unknown device, with unavailable for one not there.
  Status to(std::string_view device);

 private:
  friend class TensorArchive;
  struct Holder;

  void take(std::unique_ptr<Holder> holder);

  std::unique_ptr<Holder> holder_;
  std::span<double> values_;
};

/// A named set of tensors and byte strings, in the format of torch::save.
class TensorArchive {
 public:
  TensorArchive();
  ~TensorArchive();

  void put(const std::string& name, const DenseTensor& tensor);
  void put(const std::string& name, std::string_view bytes);

  /// Fails with io if the stream does.
  Status write(std::ostream& out);

  /// Replaces the contents by the rest of the stream. Fails with corrupt if it holds no archive.
  Status read(std::istream& in);

  /// Fails with corrupt if there is no such tensor or it has not `size` finite values.
  Result<DenseTensor> tensor(const std::string& name, std::size_t size) const;
  Result<std::string> bytes(const std::string& name) const;

 private:
  struct Contents;
  std::unique_ptr<Contents> contents_;
};

}  // namespace yardmaster::policies
