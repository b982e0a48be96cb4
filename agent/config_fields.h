#pragma once

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "agent/config.h"

namespace yardmaster::agent {

/// Visits the keys of a config in the order of the file. Reading a config and printing one are two
/// visitors, so both know the same keys. Every call names one key and the member that it stands
/// for; bounds are inclusive.
class FieldVisitor {
 public:
  using Group = std::function<void(FieldVisitor&)>;
  using Item = std::function<void(FieldVisitor&, std::size_t index)>;

  virtual ~FieldVisitor() = default;

  virtual void text(std::string_view key, std::string& value) = 0;
  virtual void secret(std::string_view key, Secret& value) = 0;
  virtual void flag(std::string_view key, bool& value) = 0;
  virtual void number(std::string_view key, double& value, double min, double max) = 0;
  virtual void whole(std::string_view key, std::uint64_t& value, std::uint64_t min,
                     std::uint64_t max) = 0;

  /// One of `names`; `index` is its place there.
  virtual void choice(std::string_view key, std::span<const std::string_view> names,
                      std::size_t& index) = 0;

  /// A list of some of `names`; bit i of `bits` stands for names[i].
  virtual void choices(std::string_view key, std::span<const std::string_view> names,
                       std::uint32_t& bits) = 0;

  /// A number, or `word` for nothing.
  virtual void number_or(std::string_view key, std::string_view word, std::optional<double>& value,
                         double min, double max) = 0;

  /// A list of texts.
  virtual void texts(std::string_view key, std::vector<std::string>& values) = 0;

  /// A point in time; nothing where the key is left out.
  virtual void time(std::string_view key, std::optional<Timestamp>& value) = 0;

  virtual void sha256(std::string_view key, std::array<std::uint8_t, 32>& value) = 0;

  /// A mapping from names of the user's choice to numbers.
  using NamedNumbers = std::vector<std::pair<std::string, double>>;
  virtual void numbers(std::string_view key, NamedNumbers& values, double min, double max) = 0;

  virtual void group(std::string_view key, const Group& visit) = 0;

  /// A mapping, in whose place `true` or `false` may stand for its first key alone, which is
  /// `value`. The mapping without that key means true.
  virtual void flag_or_group(std::string_view key, bool& value, const Group& visit) = 0;

  /// A list of mappings. `resize` is called with the number of entries, if it is known anew; then
  /// `visit` for each of them.
  virtual void list(std::string_view key, std::size_t size,
                    const std::function<void(std::size_t)>& resize, const Item& visit) = 0;

  /// Whether an optional key has a value, where `now` says whether the member has one.
  virtual bool present(std::string_view key, bool now) = 0;

  template <class T>
  void integer(std::string_view key, T& value, std::uint64_t min = 0,
               std::uint64_t max = std::numeric_limits<T>::max()) {
    std::uint64_t wide = value;
    whole(key, wide, min, max);
    value = static_cast<T>(wide);
  }

  template <class T>
  void optional(std::string_view key, std::optional<T>& value) {
    if (!present(key, value.has_value())) return;
    T inner = value.value_or(T{});
    if constexpr (std::is_floating_point_v<T>) {
      number(key, inner, 0, std::numeric_limits<T>::max());
    } else {
      integer(key, inner, 1);
    }
    value = inner;
  }

  void seconds(std::string_view key, std::chrono::milliseconds& value, double min, double max) {
    double seconds = std::chrono::duration<double>(value).count();
    number(key, seconds, min, max);
    value = std::chrono::milliseconds(std::llround(seconds * 1000));
  }

  template <class E, std::size_t N>
  void choice_of(std::string_view key, const std::array<std::string_view, N>& names, E& value) {
    auto index = static_cast<std::size_t>(value);
    choice(key, names, index);
    value = static_cast<E>(index);
  }

  template <class T>
  void list_of(std::string_view key, std::vector<T>& values,
               void (*visit)(FieldVisitor& visitor, T& value)) {
    list(
        key, values.size(), [&](std::size_t size) { values.assign(size, T{}); },
        [&](FieldVisitor& visitor, std::size_t i) { visit(visitor, values[i]); });
  }
};

/// Visits every key that a config may hold, all sections included.
void visit_config(FieldVisitor& visitor, Config& config);

}  // namespace yardmaster::agent
