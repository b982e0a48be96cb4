#include "agent/keys/restore.h"

#include "agent/budget/restore.h"

namespace yardmaster::agent {

std::optional<double> tokens_of(const Outcome& outcome) {
  if (outcome.input_tokens && outcome.output_tokens) {
    return static_cast<double>(*outcome.input_tokens) + static_cast<double>(*outcome.output_tokens);
  }
  if (!is_billed(outcome.status)) return 0.0;
  return std::nullopt;
}

Status restore_charges(const replay::Store& store, Timestamp now, const Keyring& keys,
                       KeyCharges& charges) {
  if (!keys.has_budgets()) return {};
  const auto from = first_decision_today(store, now);
  if (!from) return fail(from.error());
  return store.for_each_decision(*from, [&](const DecisionRecord& record) {
    const Decision& decision = record.decision;
    auto account = decision.key.empty() ? nullptr : keys.account(decision.key);
    if (account == nullptr) return true;
    const auto cost = record.outcome ? cost_of(*record.outcome) : std::nullopt;
    if (cost) {
      account->charge_usd(*cost, decision.time);
    } else {
      charges.open(decision.id, std::move(account), 0, decision.estimated_cost_usd, decision.time);
    }
    return true;
  });
}

}  // namespace yardmaster::agent
