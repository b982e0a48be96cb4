#include "agent/config_diff.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>

namespace yardmaster::agent {
namespace {

using Values = std::map<std::string, std::string>;  // by path, like "models.small.tools"

/// Entries of a list go by their name, or by their place.
void flatten(const std::string& path, const YAML::Node& node, Values& values) {
  const std::string prefix = path.empty() ? "" : path + ".";
  if (node.IsMap()) {
    for (const auto& entry : node) {
      flatten(prefix + entry.first.as<std::string>(), entry.second, values);
    }
  } else if (node.IsSequence()) {
    for (std::size_t i = 0; i < node.size(); ++i) {
      const bool named = node[i].IsMap() && node[i]["name"];
      flatten(prefix + (named ? node[i]["name"].as<std::string>() : std::to_string(i)), node[i],
              values);
    }
  } else {
    values[path] = node.IsNull() ? "" : node.as<std::string>();
  }
}

Values values_of(const Config& config) {
  Values values;
  flatten("", YAML::Load(resolved_yaml(config)), values);
  return values;
}

/// A value that is not there is nullptr.
using Visit = std::function<void(const std::string& path, const std::string* before,
                                 const std::string* after)>;

void for_each_difference(const Config& before, const Config& after, const Visit& visit) {
  const Values old_values = values_of(before);
  const Values new_values = values_of(after);
  for (const auto& [path, value] : old_values) {
    const auto found = new_values.find(path);
    if (found == new_values.end()) {
      visit(path, &value, nullptr);
    } else if (found->second != value) {
      visit(path, &value, &found->second);
    }
  }
  for (const auto& [path, value] : new_values) {
    if (!old_values.contains(path)) visit(path, nullptr, &value);
  }
}

}  // namespace

std::vector<std::string> config_diff(const Config& before, const Config& after) {
  std::vector<std::string> lines;
  for_each_difference(
      before, after,
      [&](const std::string& path, const std::string* old_value, const std::string* new_value) {
        lines.push_back(path + ": " + (old_value != nullptr ? *old_value : "(absent)") + " -> " +
                        (new_value != nullptr ? *new_value : "(absent)"));
      });
  return lines;
}

std::vector<std::string> needs_restart(const Config& before, const Config& after) {
  // The store joins rows by feedback and objective.metrics, and removes texts.
  constexpr std::array<std::string_view, 7> kFixedSections{
      "listen",    "data_dir", "store_queries.max_age_days", "feedback", "objective.metrics",
      "retention", "logging"};
  std::vector<std::string> sections;
  for_each_difference(
      before, after, [&](const std::string& path, const std::string*, const std::string*) {
        const auto fixed = std::find_if(
            kFixedSections.begin(), kFixedSections.end(), [&](std::string_view section) {
              return path == section || path.starts_with(std::string(section) + ".");
            });
        if (fixed == kFixedSections.end()) return;
        if (sections.empty() || sections.back() != *fixed) sections.emplace_back(*fixed);
      });
  return sections;
}

}  // namespace yardmaster::agent
