#include "agent/config_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include "agent/config_fields.h"
#include "env/query_text.h"

namespace yardmaster::agent {
namespace {

/// What every part of the reader needs.
struct Reading {
  const EnvironmentLookup& environment;
  Problems& problems;
};

int line_of(const YAML::Node& node) { return node.Mark().line + 1; }

/// A number as people write it: 30, 0.5, 1000000.
std::string plain(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Reads one mapping of the file. finish() tells of the keys that nothing asked for.
class MappingReader final : public FieldVisitor {
 public:
  static constexpr std::string_view kRoot = "the config";

  MappingReader(Reading reading, const YAML::Node& node, std::string place)
      : reading_(reading), place_(std::move(place)) {
    if (!node.IsMap()) {
      problem(node, place_ + " must be a mapping of keys to values");
      return;
    }
    for (const auto& entry : node) add_entry(entry.first, entry.second);
  }

  void text(std::string_view key, std::string& value) override {
    if (const auto text = scalar(key, "a text")) value = *text;
  }

  void secret(std::string_view key, Secret& value) override {
    if (const auto text = scalar(key, "a text")) value = Secret(*text);
  }

  void flag(std::string_view key, bool& value) override {
    const auto text = scalar(key, "true or false");
    if (!text) return;
    if (*text == "true" || *text == "false") {
      value = *text == "true";
    } else {
      problem(key, "must be true or false, not " + quoted(*text));
    }
  }

  void number(std::string_view key, double& value, double min, double max) override {
    if (const auto text = scalar(key, "a number")) read_number(key, *text, "", value, min, max);
  }

  void whole(std::string_view key, std::uint64_t& value, std::uint64_t min,
             std::uint64_t max) override {
    const auto text = scalar(key, "a whole number");
    if (!text) return;
    const auto parsed = parse_number<std::uint64_t>(*text);
    if (!parsed && !parse_number<double>(*text)) {
      problem(key, "must be a whole number, not " + quoted(*text));
    } else if (!parsed || *parsed < min || *parsed > max) {
      problem(key, "is " + *text + "; it must be a whole number from " + std::to_string(min) +
                       " to " + std::to_string(max));
    } else {
      value = *parsed;
    }
  }

  void choice(std::string_view key, std::span<const std::string_view> names,
              std::size_t& index) override {
    if (const auto text = scalar(key, "a text")) index = find_name(key, *text, names, index);
  }

  void choices(std::string_view key, std::span<const std::string_view> names,
               std::uint32_t& bits) override;

  void number_or(std::string_view key, std::string_view word, std::optional<double>& value,
                 double min, double max) override {
    const std::string alternative = " or " + std::string(word);
    const auto text = scalar(key, "a number" + alternative);
    if (!text) return;
    if (*text == word) {
      value.reset();
      return;
    }
    double inner = 0;
    if (read_number(key, *text, alternative, inner, min, max)) value = inner;
  }

  void sha256(std::string_view key, std::array<std::uint8_t, 32>& value) override {
    const auto text = scalar(key, "a text");
    if (!text) return;
    if (const auto hash = parse_sha256(*text)) {
      value = *hash;
    } else {
      problem(key, "is not 64 hex digits; make it with: printf %s KEY | sha256sum");
    }
  }

  void texts(std::string_view key, std::vector<std::string>& values) override;

  void time(std::string_view key, std::optional<Timestamp>& value) override {
    const auto text = scalar(key, "a time");
    if (!text) return;
    if (const auto time = parse_rfc3339(*text)) {
      value = *time;
    } else {
      problem(key, "is " + quoted(*text) + ", no time; write one like 2027-01-31T12:00:00Z");
    }
  }

  void numbers(std::string_view key, NamedNumbers& values, double min, double max) override;

  void group(std::string_view key, const Group& visit) override {
    const YAML::Node* node = find(key);
    if (node == nullptr) return;
    MappingReader inner(reading_, *node, place_of(key));
    visit(inner);
    inner.finish();
  }

  void flag_or_group(std::string_view key, bool& value, const Group& visit) override {
    const YAML::Node* node = find(key);
    if (node == nullptr) return;
    if (node->IsScalar()) return flag(key, value);
    value = true;
    group(key, visit);
  }

  void list(std::string_view key, std::size_t size, const std::function<void(std::size_t)>& resize,
            const Item& visit) override;

  bool present(std::string_view key, bool) override { return find(key) != nullptr; }

  void finish();

 private:
  struct Entry {
    std::string key;
    YAML::Node value;
    int line;
  };

  void add_entry(const YAML::Node& key, const YAML::Node& value);

  /// nullptr where the key is left out, or has no value.
  const YAML::Node* find(std::string_view key);

  /// The scalar's text with ${NAME} replaced. Tells of anything but a scalar.
  std::optional<std::string> scalar(std::string_view key, const std::string& expected);
  std::optional<std::string> expand(const YAML::Node& node, const std::string& place);

  bool read_number(std::string_view key, const std::string& text, const std::string& alternative,
                   double& value, double min, double max);
  std::size_t find_name(std::string_view key, const std::string& text,
                        std::span<const std::string_view> names, std::size_t otherwise);

  std::string place_of(std::string_view key) const {
    return (place_ == kRoot ? "" : place_ + ".") + std::string(key);
  }
  void problem(const YAML::Node& node, std::string message) {
    reading_.problems.add(line_of(node), std::move(message));
  }
  void problem(std::string_view key, std::string_view message) {
    reading_.problems.add_at(place_of(key), message);
  }

  Reading reading_;
  std::string place_;
  std::vector<Entry> entries_;
  std::vector<std::string_view> known_;
};

void MappingReader::add_entry(const YAML::Node& key, const YAML::Node& value) {
  if (!key.IsScalar()) {
    problem(key, place_ + " has a key that is not a text");
    return;
  }
  const std::string& name = key.Scalar();
  const auto same = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const Entry& entry) { return entry.key == name; });
  if (same != entries_.end()) {
    problem(key, place_of(name) + " is given twice, first in line " + std::to_string(same->line) +
                     "; remove one");
    return;
  }
  reading_.problems.located(place_of(name), line_of(key));
  entries_.push_back({name, value, line_of(key)});
}

const YAML::Node* MappingReader::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  for (const Entry& entry : entries_) {
    if (entry.key == key) return entry.value.IsNull() ? nullptr : &entry.value;
  }
  return nullptr;
}

std::optional<std::string> MappingReader::scalar(std::string_view key,
                                                 const std::string& expected) {
  const YAML::Node* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->IsScalar()) {
    problem(key, "must be " + expected + ", not a " + (node->IsMap() ? "mapping" : "list"));
    return std::nullopt;
  }
  return expand(*node, place_of(key));
}

std::optional<std::string> MappingReader::expand(const YAML::Node& node, const std::string& place) {
  const std::string& text = node.Scalar();
  std::string out;
  std::size_t at = 0;
  for (std::size_t open; (open = text.find("${", at)) != std::string::npos;) {
    out.append(text, at, open - at);
    const std::size_t close = text.find('}', open);
    if (close == std::string::npos) {
      reading_.problems.add_at(place, "has '${' without '}'; write ${NAME}");
      return std::nullopt;
    }
    const std::string name = text.substr(open + 2, close - open - 2);
    const auto value = reading_.environment(name);
    if (!value) {
      reading_.problems.add_at(place, "needs the environment variable " + name +
                                          ", which is not set; export it, or remove what needs it");
      return std::nullopt;
    }
    out += *value;
    at = close + 1;
  }
  return out.append(text, at);
}

bool MappingReader::read_number(std::string_view key, const std::string& text,
                                const std::string& alternative, double& value, double min,
                                double max) {
  const auto parsed = parse_number<double>(text);
  if (!parsed || !std::isfinite(*parsed)) {
    problem(key, "must be a number" + alternative + ", not " + quoted(text));
    return false;
  }
  if (*parsed < min || *parsed > max) {
    const bool unbounded = max >= std::numeric_limits<double>::max();
    problem(key, "is " + text + "; it must be " + plain(min) +
                     (unbounded ? " or more" : " to " + plain(max)) + alternative);
    return false;
  }
  value = *parsed;
  return true;
}

std::size_t MappingReader::find_name(std::string_view key, const std::string& text,
                                     std::span<const std::string_view> names,
                                     std::size_t otherwise) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  problem(key, "cannot be " + quoted(text) + suggest(text, {names.begin(), names.end()}));
  return otherwise;
}

void MappingReader::choices(std::string_view key, std::span<const std::string_view> names,
                            std::uint32_t& bits) {
  const YAML::Node* node = find(key);
  if (node == nullptr) return;
  std::string all;
  for (const std::string_view name : names) all.append(all.empty() ? "" : ", ").append(name);
  if (!node->IsSequence() || node->size() == 0) {
    problem(key, "must be a list with one or more of: " + all);
    return;
  }
  bits = 0;
  for (const YAML::Node& entry : *node) {
    if (!entry.IsScalar()) {
      problem(key, "must be a list of: " + all);
      continue;
    }
    const auto text = expand(entry, place_of(key));
    if (text) bits |= 1u << find_name(key, *text, names, 0);
  }
}

void MappingReader::texts(std::string_view key, std::vector<std::string>& values) {
  const YAML::Node* node = find(key);
  if (node == nullptr) return;
  if (!node->IsSequence()) {
    problem(key, "must be a list, like [a, b]");
    return;
  }
  values.clear();
  for (const YAML::Node& entry : *node) {
    if (!entry.IsScalar()) {
      problem(key, "must be a list of texts");
      continue;
    }
    if (auto text = expand(entry, place_of(key))) values.push_back(std::move(*text));
  }
}

void MappingReader::numbers(std::string_view key, NamedNumbers& values, double min, double max) {
  const YAML::Node* node = find(key);
  if (node == nullptr) return;
  MappingReader inner(reading_, *node, place_of(key));
  values.clear();
  for (const Entry& entry : inner.entries_) {
    inner.number(entry.key, values.emplace_back(entry.key, 0).second, min, max);
  }
}

void MappingReader::list(std::string_view key, std::size_t,
                         const std::function<void(std::size_t)>& resize, const Item& visit) {
  const YAML::Node* node = find(key);
  if (node == nullptr) return;
  if (!node->IsSequence()) {
    problem(key, "must be a list; begin each entry with '- '");
    return;
  }
  resize(node->size());
  std::size_t index = 0;
  for (const YAML::Node& entry : *node) {
    std::string place = place_of(key) + "[" + std::to_string(index) + "]";
    reading_.problems.located(place, line_of(entry));
    MappingReader inner(reading_, entry, std::move(place));
    visit(inner, index++);
    inner.finish();
  }
}

void MappingReader::finish() {
  for (const Entry& entry : entries_) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    reading_.problems.add(entry.line, "unknown key " + quoted(entry.key) + " in " + place_ +
                                          suggest(entry.key, known_));
  }
}

/// Notes where the newest document starts.
class DocumentStart final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { start = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  YAML::Mark start;
};

/// The line of what follows the first document; nothing if there is only one. Not by LoadAll,
/// which never ends on some malformed texts: their parser goes on finding documents.
std::optional<int> second_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStart document;
  if (!parser.HandleNextDocument(document) || !parser.HandleNextDocument(document)) {
    return std::nullopt;
  }
  return document.start.line + 1;
}

/// The first line that is not UTF-8, from 1; nothing where all are.
std::optional<int> line_not_utf8(std::string_view text) {
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    if (!env::is_utf8(text.substr(0, end + 1))) return line;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace

bool read_config(std::string_view text, const EnvironmentLookup& environment, Problems& problems,
                 Config& config) {
  if (const auto line = line_not_utf8(text)) {
    problems.add(*line, "this line is not UTF-8; save the config in that encoding");
    return false;
  }
  try {
    const std::string whole(text);
    const YAML::Node document = YAML::Load(whole);
    if (document.IsNull()) return true;
    if (const auto line = second_document(whole)) {
      problems.add(*line, "a config is one YAML document; remove what begins here, or the '---'");
    }
    MappingReader root({environment, problems}, document, std::string(MappingReader::kRoot));
    visit_config(root, config);
    root.finish();
    return document.IsMap();
  } catch (const YAML::Exception& error) {
    problems.add(error.mark.line + 1, "this is not YAML: " + error.msg);
    return false;
  }
}

}  // namespace yardmaster::agent
