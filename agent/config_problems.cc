#include "agent/config_problems.h"

#include <algorithm>

namespace yardmaster::agent {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, substituted});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

/// "models[2].upstream" -> "models[2]" -> "models" -> "".
std::string_view enclosing(std::string_view place) {
  const std::size_t end = place.find_last_of(".[");
  return end == std::string_view::npos ? std::string_view() : place.substr(0, end);
}

}  // namespace

void Problems::add_at(std::string_view place, std::string_view message) {
  if (!told_.emplace(place).second) return;
  std::string text(place);
  text.append(" ").append(message);
  for (std::string_view at = place; !at.empty(); at = enclosing(at)) {
    if (const auto found = lines_.find(at); found != lines_.end()) {
      add(found->second, std::move(text));
      return;
    }
  }
  add(1, std::move(text));
}

std::string Problems::report(std::string_view name) const {
  std::vector<Problem> sorted = found_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  std::string out;
  for (const Problem& problem : sorted) {
    if (!out.empty()) out += '\n';
    out.append(name).append(":").append(std::to_string(problem.line)).append(": ");
    out += problem.message;
  }
  return out;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string out = "'";
  out.append(text.substr(0, kLongest));
  return out.append(text.size() > kLongest ? "...'" : "'");
}

std::string_view closest_name(std::string_view typo, const std::vector<std::string_view>& names) {
  constexpr std::size_t kLongestName = 64;  // what is longer is no typo, and the search is square
  if (typo.size() > kLongestName) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, typo.size() / 3) + 1;
  for (const std::string_view name : names) {
    const std::size_t distance = edit_distance(typo, name);
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

std::string suggest(std::string_view typo, const std::vector<std::string_view>& names) {
  if (const std::string_view meant = closest_name(typo, names); !meant.empty()) {
    return "; did you mean '" + std::string(meant) + "'?";
  }
  std::string out;
  for (const std::string_view name : names) {
    out.append(out.empty() ? "; use one of " : ", ").append(name);
  }
  return out;
}

}  // namespace yardmaster::agent
