#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace yardmaster::agent {

/// Collects what is wrong with a config file, so that one run of check-config tells all.
/// A place is a key's path, "models[2].upstream"; the reader tells where each one is.
class Problems {
 public:
  void add(int line, std::string message) { found_.push_back({line, std::move(message)}); }

  /// At the line of `place`, or of the nearest thing around it that the file holds. The message
  /// begins with `place`, so it goes on with a verb. One problem a place is enough: the first.
  void add_at(std::string_view place, std::string_view message);

  /// Remembers the line of a place.
  void located(std::string place, int line) { lines_.emplace(std::move(place), line); }

  bool empty() const { return found_.empty(); }

  /// One line a problem, "NAME:LINE: message", in the order of the file.
  std::string report(std::string_view name) const;

 private:
  struct Problem {
    int line;
    std::string message;
  };

  std::vector<Problem> found_;
  std::map<std::string, int, std::less<>> lines_;
  std::set<std::string, std::less<>> told_;  // places with a problem
};

/// `text` in quotes, cut where it is long.
std::string quoted(std::string_view text);

/// The name that was most likely meant by `typo`: the closest by insertions, deletions,
/// substitutions and swaps of neighbours (optimal string alignment), empty if none is near.
std::string_view closest_name(std::string_view typo, const std::vector<std::string_view>& names);

/// "; did you mean 'NAME'?" if one is near, otherwise "; use one of A, B".
std::string suggest(std::string_view typo, const std::vector<std::string_view>& names);

}  // namespace yardmaster::agent
