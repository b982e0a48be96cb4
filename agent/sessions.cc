#include "agent/sessions.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "replay/store.h"

namespace yardmaster::agent {
namespace {

constexpr std::uint64_t kDecisionsRead = 20'000;

std::string key_of(std::uint64_t conversation, std::string_view caller, const env::Query& query) {
  if (conversation == 0) return {};
  std::string key = "auto-";
  char digits[20];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(conversation));
  key += digits;
  for (const std::string_view part :
       {caller, std::string_view(query.user), std::string_view(query.prompt_cache_key)}) {
    key += '/';
    key += part;
  }
  return key;
}

}  // namespace

SessionKey session_key(std::string_view given, std::string_view caller, const env::Query& query) {
  const std::string id(given);
  if (!id.empty()) return {id, id, id};
  return {key_of(query.continues, caller, query), key_of(query.conversation, caller, query), {}};
}

std::string own_id(const SessionKey& key) { return key.next.substr(0, key.next.find('/')); }

Sessions::Sessions(SessionSettings settings, const Sessions& before) : settings_(settings) {
  const std::lock_guard lock(before.mutex_);
  for (auto entry = before.latest_.rbegin(); entry != before.latest_.rend(); ++entry) {
    put(entry->first, entry->second);
  }
}

std::optional<SessionTurn> Sessions::find(const SessionKey& key, std::string_view router,
                                          Timestamp now) const {
  if (!settings_.enabled || key.latest.empty()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(key.latest);
  if (found == by_id_.end()) return std::nullopt;
  const SessionTurn& turn = found->second->second;
  if (turn.router != router || now - turn.time > settings_.idle) return std::nullopt;
  return turn;
}

void Sessions::record(const SessionKey& key, SessionTurn turn) {
  if (!settings_.enabled || key.next.empty()) return;
  const std::lock_guard lock(mutex_);
  put(key.next, std::move(turn));
}

void Sessions::put(const std::string& key, SessionTurn turn) {
  const auto found = by_id_.find(key);
  if (found != by_id_.end()) {
    found->second->second = std::move(turn);
    latest_.splice(latest_.begin(), latest_, found->second);
    return;
  }
  latest_.emplace_front(key, std::move(turn));
  by_id_.emplace(latest_.front().first, latest_.begin());
  if (latest_.size() <= settings_.max) return;
  by_id_.erase(latest_.back().first);
  latest_.pop_back();
}

std::size_t Sessions::size() const {
  const std::lock_guard lock(mutex_);
  return latest_.size();
}

Status restore_sessions(const replay::Store& store, Timestamp now, Sessions& sessions) {
  if (!sessions.settings().enabled) return {};
  const std::uint64_t end = store.stats().decisions + 1;
  const std::uint64_t from = end - std::min(end - 1, kDecisionsRead);
  return store.for_each_decision(from, [&](const DecisionRecord& record) {
    const Decision& decision = record.decision;
    const std::string& id = decision.session_id;
    const bool named_by_client = decision.router.empty();  // the model was
    if (id.empty() || named_by_client || now - decision.time > sessions.settings().idle)
      return true;
    // Its model read nothing of the conversation to its end.
    const bool cancelled = record.outcome && record.outcome->status == Outcome::Status::cancelled;
    const bool answered = record.outcome && record.outcome->status == Outcome::Status::ok;
    if (cancelled || (decision.hedge_of && !answered)) return true;
    sessions.record({id, id, id},
                    {decision.router, decision.model(), decision.estimated_input_tokens,
                     decision.time, decision.would_choose.empty(), id});
    return true;
  });
}

}  // namespace yardmaster::agent
