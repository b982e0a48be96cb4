#pragma once

#include <optional>
#include <string>

#include "agent/budget/pacer.h"
#include "base/decision.h"
#include "base/result.h"
#include "base/time.h"
#include "replay/store.h"

namespace yardmaster::agent {

/// What a decision's outcome says that it cost; nothing where its estimate has to stand in. A
/// failed call costs nothing unless it says so.
std::optional<double> cost_of(const Outcome& outcome);

/// The sequence of the first decision of the UTC day of `now`; one past the newest if there is
/// none.
Result<std::uint64_t> first_decision_today(const replay::Store& store, Timestamp now);

/// Counts the router's stored decisions again in a new pacer: the last 20,000 of the store, and all
/// of the UTC day of `now`. `base_cost_weight` is what the router's decisions have without a price.
/// Fails with what reading the store fails with.
Status restore_budget(const replay::Store& store, const std::string& router,
                      double base_cost_weight, Timestamp now, BudgetPacer& pacer);

}  // namespace yardmaster::agent
