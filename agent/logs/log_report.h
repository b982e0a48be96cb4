#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace yardmaster::agent {

/// What became of the lines of a log: how many were read and used, and why the others were not.
class LogReport {
 public:
  /// A line of which something was used; `left_out` are reasons why some of its outcomes were not.
  void used(std::uint64_t line, const std::vector<std::string>& left_out);

  /// A line that was not used.
  void refused(std::uint64_t line, const std::string& reason);

  std::uint64_t lines_read() const { return used_ + refused_; }
  std::uint64_t lines_used() const { return used_; }
  std::uint64_t lines_refused() const { return refused_; }
  std::uint64_t outcomes_left_out() const { return left_out_; }

  /// The counts, the first twenty reasons with their lines, then each reason with its count.
  void print(std::ostream& out) const;

  /// {"read","used","refused","left_out","reasons":{reason: count},"examples":[{"line","reason"}]}
  boost::json::object json() const;

 private:
  void note(std::uint64_t line, const std::string& reason);

  std::uint64_t used_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t left_out_ = 0;
  std::vector<std::pair<std::uint64_t, std::string>> examples_;
  std::map<std::string, std::uint64_t> reasons_;
};

}  // namespace yardmaster::agent
