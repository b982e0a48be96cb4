#include <yaml-cpp/yaml.h>

#include <charconv>
#include <sstream>

#include "agent/config_fields.h"

namespace yardmaster::agent {
namespace {

/// Prints a config with the keys and the order that it is read with.
class ConfigWriter final : public FieldVisitor {
 public:
  ConfigWriter() { out_ << YAML::BeginMap; }

  std::string finish() {
    out_ << YAML::EndMap;
    return std::string(out_.c_str()) + "\n";
  }

  void text(std::string_view key, std::string& value) override {
    emit_key(key);
    out_ << YAML::DoubleQuoted << value;
  }

  void secret(std::string_view key, Secret& value) override {
    std::ostringstream hidden;
    hidden << value;
    emit_key(key);
    out_ << YAML::DoubleQuoted << hidden.str();
  }

  void flag(std::string_view key, bool& value) override {
    emit_key(key);
    out_ << value;
  }

  void number(std::string_view key, double& value, double, double) override {
    emit_key(key);
    emit_number(value);
  }

  void whole(std::string_view key, std::uint64_t& value, std::uint64_t, std::uint64_t) override {
    emit_key(key);
    out_ << value;
  }

  void choice(std::string_view key, std::span<const std::string_view> names,
              std::size_t& index) override {
    emit_key(key);
    out_ << std::string(names[index]);
  }

  void choices(std::string_view key, std::span<const std::string_view> names,
               std::uint32_t& bits) override {
    emit_key(key);
    out_ << YAML::Flow << YAML::BeginSeq;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if ((bits >> i & 1u) != 0) out_ << std::string(names[i]);
    }
    out_ << YAML::EndSeq;
  }

  void number_or(std::string_view key, std::string_view word, std::optional<double>& value, double,
                 double) override {
    emit_key(key);
    if (value) {
      emit_number(*value);
    } else {
      out_ << std::string(word);
    }
  }

  void texts(std::string_view key, std::vector<std::string>& values) override {
    emit_key(key);
    out_ << YAML::Flow << YAML::BeginSeq;
    for (const std::string& each : values) out_ << YAML::DoubleQuoted << each;
    out_ << YAML::EndSeq;
  }

  void time(std::string_view key, std::optional<Timestamp>& value) override {
    if (!value) return;
    emit_key(key);
    out_ << YAML::DoubleQuoted << format_rfc3339(*value);
  }

  /// Enough to tell keys apart, too little to search for a weak one.
  void sha256(std::string_view key, std::array<std::uint8_t, 32>& value) override {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string start;
    for (std::size_t i = 0; i < 4; ++i) {
      start += kDigits[value[i] >> 4];
      start += kDigits[value[i] & 15u];
    }
    emit_key(key);
    out_ << YAML::DoubleQuoted << start + "***";
  }

  void numbers(std::string_view key, NamedNumbers& values, double, double) override {
    emit_key(key);
    out_ << YAML::BeginMap;
    for (auto& [name, value] : values) number(name, value, 0, 0);
    out_ << YAML::EndMap;
  }

  void group(std::string_view key, const Group& visit) override {
    emit_key(key);
    out_ << YAML::BeginMap;
    visit(*this);
    out_ << YAML::EndMap;
  }

  void flag_or_group(std::string_view key, bool&, const Group& visit) override {
    group(key, visit);
  }

  void list(std::string_view key, std::size_t size, const std::function<void(std::size_t)>&,
            const Item& visit) override {
    emit_key(key);
    if (size == 0) out_ << YAML::Flow;
    out_ << YAML::BeginSeq;
    for (std::size_t i = 0; i < size; ++i) {
      out_ << YAML::BeginMap;
      visit(*this, i);
      out_ << YAML::EndMap;
    }
    out_ << YAML::EndSeq;
  }

  bool present(std::string_view, bool now) override { return now; }

 private:
  void emit_key(std::string_view key) { out_ << YAML::Key << std::string(key) << YAML::Value; }

  void emit_number(double value) {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    out_ << std::string(buffer, end);
  }

  YAML::Emitter out_;
};

}  // namespace

std::string resolved_yaml(const Config& config) {
  Config visited = config;  // visitors may change what they visit; this one does not
  ConfigWriter writer;
  visit_config(writer, visited);
  return writer.finish();
}

}  // namespace yardmaster::agent
