#include "agent/budget/restore.h"

#include <algorithm>
#include <chrono>

namespace yardmaster::agent {
namespace {

constexpr std::uint64_t kDecisionsRead = 20'000;

/// The sequence of the first decision from `time` on; one past the newest if there is none.
Result<std::uint64_t> first_since(const replay::Store& store, Timestamp time, std::uint64_t low,
                                  std::uint64_t high) {
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    Timestamp found = time;
    const Status read = store.for_each_decision(middle, [&](const DecisionRecord& record) {
      found = record.decision.time;
      return false;
    });
    if (!read) return fail(read.error());
    if (found < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

Result<std::uint64_t> first_decision_today(const replay::Store& store, Timestamp now) {
  const replay::StoreStats stats = store.stats();
  return first_since(store, std::chrono::floor<std::chrono::days>(now), stats.first_decision,
                     stats.decisions + 1);
}

std::optional<double> cost_of(const Outcome& outcome) {
  if (outcome.cost_usd) return outcome.cost_usd;
  if (!is_billed(outcome.status)) return 0.0;
  return std::nullopt;
}

Status restore_budget(const replay::Store& store, const std::string& router,
                      double base_cost_weight, Timestamp now, BudgetPacer& pacer) {
  const std::uint64_t end = store.stats().decisions + 1;
  auto from = first_decision_today(store, now);
  if (!from) return fail(from.error());
  const std::uint64_t recent = end - std::min(end - 1, kDecisionsRead);
  return store.for_each_decision(std::min(*from, recent), [&](const DecisionRecord& record) {
    const Decision& decision = record.decision;
    if (decision.router != router) return true;
    pacer.decided(decision.id, decision.model(), decision.estimated_cost_usd, decision.time,
                  decision.hedge_of ? Spender::hedge : Spender::query);
    if (record.outcome) pacer.spent(decision.id, cost_of(*record.outcome));
    pacer.start_at(std::max(0.0, decision.weights.cost - base_cost_weight));
    return true;
  });
}

}  // namespace yardmaster::agent
