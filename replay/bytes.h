#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace yardmaster::replay {

/// Appends values to a string in the store's byte layout (docs/replay-format.md): whole numbers
/// as LEB128 varints, reals as their IEEE 754 bits in little-endian order, text with its length
/// before it.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void put_byte(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void put_bool(bool value) { put_byte(value ? 1 : 0); }
  void put_varint(std::uint64_t value) {
    while (value >= 0x80) {
      put_byte(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    put_byte(static_cast<std::uint8_t>(value));
  }
  void put_fixed32(std::uint32_t value) { put_little_endian(value, 4); }
  void put_fixed64(std::uint64_t value) { put_little_endian(value, 8); }
  void put_float(float value) { put_fixed32(std::bit_cast<std::uint32_t>(value)); }
  void put_double(double value) { put_fixed64(std::bit_cast<std::uint64_t>(value)); }
  void put_text(std::string_view text) {
    put_varint(text.size());
    out_.append(text);
  }
  void put_raw(std::string_view bytes) { out_.append(bytes); }

 private:
  void put_little_endian(std::uint64_t value, std::size_t bytes) {
    char text[8];
    for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(value >> (8 * i));
    out_.append(text, bytes);
  }

  std::string& out_;
};

/// Reads what ByteWriter wrote. Reading past the end or a malformed value makes the reader bad
/// from then on: every further read gives 0 or empty text. So a decoder reads everything and asks
/// `at_clean_end` once. It never reads outside the bytes, whatever they are.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  bool good() const { return good_; }
  bool at_clean_end() const { return good_ && rest_.empty(); }
  void set_bad() { good_ = false; }

  std::uint8_t take_byte() {
    const std::string_view byte = take_raw(1);
    return byte.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(byte.front());
  }
  bool take_bool() {
    const std::uint8_t byte = take_byte();
    if (byte > 1) good_ = false;
    return byte == 1;
  }
  std::uint64_t take_varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = take_byte();
      if (!good_ || (shift == 63 && byte > 1)) break;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;
    return 0;
  }
  std::uint32_t take_fixed32() { return static_cast<std::uint32_t>(take_little_endian(4)); }
  std::uint64_t take_fixed64() { return take_little_endian(8); }
  float take_float() { return std::bit_cast<float>(take_fixed32()); }
  double take_double() { return std::bit_cast<double>(take_fixed64()); }
  std::string_view take_text() { return take_raw(take_varint()); }

  /// The next `count` bytes; they live as long as the bytes that the reader was made from.
  std::string_view take_raw(std::uint64_t count) {
    if (!good_ || count > rest_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view out = rest_.substr(0, static_cast<std::size_t>(count));
    rest_.remove_prefix(out.size());
    return out;
  }

  /// How many elements follow, each of at least `element_bytes`; bad if they cannot all be there,
  /// so that a broken count never makes a decoder allocate more than the bytes justify.
  std::size_t take_count(std::size_t element_bytes) {
    const std::uint64_t count = take_varint();
    if (count > rest_.size() / element_bytes) {
      good_ = false;
      return 0;
    }
    return static_cast<std::size_t>(count);
  }

 private:
  std::uint64_t take_little_endian(unsigned bytes) {
    const std::string_view raw = take_raw(bytes);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(raw[i])) << (8 * i);
    }
    return value;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace yardmaster::replay
