#include "agent/sessions.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "replay/store.h"

namespace yardmaster::agent {
namespace {

constexpr std::uint64_t kDecisionsRead = 20'000;

/// FNV-1a: the same on every machine and in every version, since ids made of it are stored.
std::uint64_t hash_more(std::uint64_t hash, std::string_view bytes) {
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  return (hash ^ 0xff) * 0x100000001b3;  // so that "ab", "c" is not "a", "bc"
}

}  // namespace

SessionKey session_key(std::string_view given, std::string_view caller, const env::Query& query) {
  if (!given.empty()) return {std::string(given), true};
  if (query.is_short_form) return {};
  std::uint64_t hash = 0xcbf29ce484222325;
  hash = hash_more(hash, caller);
  hash = hash_more(hash, query.user);
  hash = hash_more(hash, query.prompt_cache_key);
  hash = hash_more(hash, query.beginning);
  char id[32];
  std::snprintf(id, sizeof id, "auto-%016llx", static_cast<unsigned long long>(hash));
  return {id, query.has_answers};
}

std::optional<SessionTurn> Sessions::find(const SessionKey& key, Timestamp now) {
  if (!settings_.enabled || !key.in_session()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(key.id);
  if (found == by_id_.end()) return std::nullopt;
  const SessionTurn& turn = found->second->second;
  if (now - turn.time > settings_.idle) return std::nullopt;
  return turn;
}

void Sessions::record(const SessionKey& key, SessionTurn turn) {
  if (!settings_.enabled || key.id.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(key.id);
  if (found != by_id_.end()) {
    found->second->second = std::move(turn);
    latest_.splice(latest_.begin(), latest_, found->second);
    return;
  }
  latest_.emplace_front(key.id, std::move(turn));
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
    if (decision.session_id.empty() || now - decision.time > sessions.settings().idle) return true;
    sessions.record({decision.session_id, true}, {decision.model(), decision.estimated_input_tokens,
                                                  decision.time, decision.would_choose.empty()});
    return true;
  });
}

}  // namespace yardmaster::agent
