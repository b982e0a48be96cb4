#include "agent/logs/log_report.h"

#include <boost/json/array.hpp>
#include <ostream>

namespace yardmaster::agent {

namespace json = boost::json;

namespace {

constexpr std::size_t kExamples = 20;
constexpr std::size_t kDistinctReasons = 1000;

}  // namespace

void LogReport::used(std::uint64_t line, const std::vector<std::string>& left_out) {
  ++used_;
  left_out_ += left_out.size();
  for (const std::string& reason : left_out) note(line, reason);
}

void LogReport::refused(std::uint64_t line, const std::string& reason) {
  ++refused_;
  note(line, reason);
}

void LogReport::note(std::uint64_t line, const std::string& reason) {
  if (examples_.size() < kExamples) examples_.emplace_back(line, reason);
  // A log that is broken in a thousand ways must not fill the memory with them.
  const bool room = reasons_.size() < kDistinctReasons || reasons_.contains(reason);
  ++reasons_[room ? reason : "other reasons"];
}

void LogReport::print(std::ostream& out) const {
  out << "read " << lines_read() << " lines, used " << used_ << ", refused " << refused_;
  if (left_out_ > 0) out << "; " << left_out_ << " outcomes in used lines were left out";
  out << '\n';
  for (const auto& [line, reason] : examples_) out << "  line " << line << ": " << reason << '\n';
  if (refused_ + left_out_ <= examples_.size()) return;
  for (const auto& [reason, count] : reasons_) out << "  " << count << " x " << reason << '\n';
}

json::object LogReport::json() const {
  json::object reasons;
  for (const auto& [reason, count] : reasons_) reasons[reason] = count;
  json::array examples;
  for (const auto& [line, reason] : examples_) {
    examples.push_back(json::object{{"line", line}, {"reason", reason}});
  }
  return {{"read", lines_read()},          {"used", used_},
          {"refused", refused_},           {"left_out", left_out_},
          {"reasons", std::move(reasons)}, {"examples", std::move(examples)}};
}

}  // namespace yardmaster::agent
