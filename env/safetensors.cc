#include "env/safetensors.h"

#include <algorithm>
#include <bit>
#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>

#include "env/sha256.h"

namespace yardmaster::env {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are read as they lie on disk");

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 16u << 20;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{4} << 30;

/// Bytes of one value; nothing for types that no network of ours has.
std::optional<std::uint64_t> bytes_of(std::string_view type) {
  if (type == "F64" || type == "I64" || type == "U64") return 8;
  if (type == "F32" || type == "I32" || type == "U32") return 4;
  if (type == "F16" || type == "BF16" || type == "I16" || type == "U16") return 2;
  if (type == "I8" || type == "U8" || type == "BOOL") return 1;
  return std::nullopt;
}

/// The bytes of a tensor; nothing where that exceeds 64 bits.
std::optional<std::uint64_t> bytes_of(std::span<const std::uint64_t> shape,
                                      std::uint64_t value_bytes) {
  std::uint64_t bytes = value_bytes;
  for (const std::uint64_t extent : shape) {
    if (extent != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / extent) {
      return std::nullopt;
    }
    bytes *= extent;
  }
  return bytes;
}

std::string shape_text(std::span<const std::uint64_t> shape) {
  std::string text;
  for (const std::uint64_t extent : shape) {
    text += (text.empty() ? "" : " x ") + std::to_string(extent);
  }
  return text.empty() ? "a single value" : text;
}

/// A list of whole numbers of at least 0; nothing for any other value.
std::optional<std::vector<std::uint64_t>> counts(const boost::json::value* value) {
  if (value == nullptr || !value->is_array()) return std::nullopt;
  std::vector<std::uint64_t> out;
  for (const boost::json::value& item : value->get_array()) {
    if (item.is_uint64()) {
      out.push_back(item.get_uint64());
    } else if (item.is_int64() && item.get_int64() >= 0) {
      out.push_back(static_cast<std::uint64_t>(item.get_int64()));
    } else {
      return std::nullopt;
    }
  }
  return out;
}

float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

float from_float16(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  const float sign = (bits & 0x8000) != 0 ? -1.0f : 1.0f;
  if (exponent == 0x1f) {
    return fraction == 0 ? sign * INFINITY : std::numeric_limits<float>::quiet_NaN();
  }
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(fraction | 0x400), exponent - 25);
}

template <float (*convert)(std::uint16_t)>
void widen(std::string_view bytes, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + i * sizeof bits, sizeof bits);
    out[i] = convert(bits);
  }
}

}  // namespace

Result<Safetensors> Safetensors::read(const std::string& path) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) return fail(ErrorCode::io, "cannot open the weights " + path);
  if (size > kMaxFileBytes) {
    return fail(ErrorCode::unsupported, "the weights " + path + " have " + std::to_string(size) +
                                            " bytes; an encoder may have " +
                                            std::to_string(kMaxFileBytes));
  }
  std::string bytes(size, '\0');
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    return fail(ErrorCode::io, "cannot read the weights " + path);
  }
  return parse(std::move(bytes), path);
}

Result<Safetensors> Safetensors::parse(std::string bytes, std::string name) {
  Safetensors file(std::move(bytes), std::move(name));
  if (Status read = file.read_header(); !read) return fail(read.error());
  return file;
}

Status Safetensors::read_header() {
  const auto damaged = [&](const std::string& what) {
    return fail(ErrorCode::corrupt, "the weights " + name_ + " " + what +
                                        "; fetch the file again, in safetensors format");
  };
  std::uint64_t header_bytes = 0;
  if (bytes_.size() < kLengthBytes) return damaged("are cut off");
  std::memcpy(&header_bytes, bytes_.data(), kLengthBytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes_.size() - kLengthBytes) {
    return damaged("have a header of " + std::to_string(header_bytes) + " bytes in a file of " +
                   std::to_string(bytes_.size()));
  }
  boost::system::error_code error;
  const boost::json::value header =
      boost::json::parse(std::string_view(bytes_).substr(kLengthBytes, header_bytes), error);
  if (error || !header.is_object()) return damaged("have a header that is no JSON object");

  const std::uint64_t data = kLengthBytes + header_bytes;
  const std::uint64_t data_bytes = bytes_.size() - data;
  for (const auto& [key, value] : header.get_object()) {
    if (key == "__metadata__") continue;
    const std::string tensor(key.substr(0, 200));
    const boost::json::object* fields = value.if_object();
    if (fields == nullptr) return damaged("describe '" + tensor + "' by no object");
    const boost::json::value* type = fields->if_contains("dtype");
    const auto shape = counts(fields->if_contains("shape"));
    const auto offsets = counts(fields->if_contains("data_offsets"));
    if (type == nullptr || !type->is_string() || !shape || !offsets || offsets->size() != 2) {
      return damaged("lack the dtype, shape or data_offsets of '" + tensor + "'");
    }
    const std::string type_name(type->get_string());
    const auto value_bytes = bytes_of(type_name);
    if (!value_bytes) continue;  // never asked for
    const std::uint64_t begin = (*offsets)[0], end = (*offsets)[1];
    if (begin > end || end > data_bytes || bytes_of(*shape, *value_bytes) != end - begin) {
      return damaged("place '" + tensor + "' (" + shape_text(*shape) + " of " + type_name +
                     ") at bytes " + std::to_string(begin) + " to " + std::to_string(end) + " of " +
                     std::to_string(data_bytes));
    }
    entries_.emplace(key, Entry{type_name, *shape, data + begin, data + end});
  }
  return {};
}

Result<std::vector<float>> Safetensors::floats(std::string_view tensor,
                                               std::span<const std::uint64_t> shape) const {
  const auto wrong = [&](const std::string& what) {
    return fail(ErrorCode::corrupt, "tensor '" + std::string(tensor) + "' of " + name_ + " " +
                                        what + "; the weights must be those of config.json");
  };
  const auto found = entries_.find(tensor);
  if (found == entries_.end()) return wrong("is missing");
  const Entry& entry = found->second;
  if (!std::equal(shape.begin(), shape.end(), entry.shape.begin(), entry.shape.end())) {
    return wrong("is " + shape_text(entry.shape) + ", expected " + shape_text(shape));
  }
  const std::string_view bytes =
      std::string_view(bytes_).substr(entry.begin, entry.end - entry.begin);
  std::vector<float> values;
  if (entry.type == "F32") {
    values.resize(bytes.size() / sizeof(float));
    // Never to nullptr, which an empty tensor's data is.
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  } else if (entry.type == "F16" || entry.type == "BF16") {
    values.resize(bytes.size() / sizeof(std::uint16_t));
    entry.type == "F16" ? widen<from_float16>(bytes, values) : widen<from_bfloat16>(bytes, values);
  } else {
    return wrong("has the type " + entry.type + ", not F32, F16 or BF16");
  }
  for (const float value : values) {
    if (!std::isfinite(value)) return wrong("holds a value that is not finite");
  }
  return values;
}

std::string Safetensors::sha256() const { return sha256_hex(bytes_); }

}  // namespace yardmaster::env
