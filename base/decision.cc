#include "base/decision.h"

#include <algorithm>
#include <array>

namespace yardmaster {
namespace {

constexpr std::array<std::pair<Outcome::Status, std::string_view>, 4> kOutcomeStatuses{
    {{Outcome::Status::ok, "ok"},
     {Outcome::Status::error, "error"},
     {Outcome::Status::rejected, "rejected"},
     {Outcome::Status::cancelled, "cancelled"}}};

}  // namespace

std::string_view to_string(Outcome::Status status) {
  const auto found = std::find_if(kOutcomeStatuses.begin(), kOutcomeStatuses.end(),
                                  [status](const auto& each) { return each.first == status; });
  return found->second;
}

std::optional<Outcome::Status> parse_outcome_status(std::string_view name) {
  const auto found = std::find_if(kOutcomeStatuses.begin(), kOutcomeStatuses.end(),
                                  [name](const auto& each) { return each.second == name; });
  if (found == kOutcomeStatuses.end()) return std::nullopt;
  return found->first;
}

bool is_billed(Outcome::Status status) {
  return status == Outcome::Status::ok || status == Outcome::Status::cancelled;
}

}  // namespace yardmaster
