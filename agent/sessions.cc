#include "agent/sessions.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>

#include "agent/atomic_file.h"
#include "agent/keys/api_key.h"
#include "replay/store.h"

namespace yardmaster::agent {
namespace {

constexpr std::uint64_t kDecisionsRead = 20'000;

/// 64 bits of a hash of all that tells a conversation from others: `user` and `prompt_cache_key`,
/// which may name people, are kept as no more than that, and nobody can make messages that lead
/// into another caller's conversation.
std::uint64_t number_of(std::uint64_t conversation, std::string_view caller,
                        const env::Query& query, std::string_view secret) {
  if (conversation == 0) return 0;
  std::string whole(secret);
  whole += std::to_string(conversation);
  for (const std::string_view part :
       {caller, std::string_view(query.user), std::string_view(query.prompt_cache_key)}) {
    whole += '/' + std::to_string(part.size()) + ':';
    whole += part;
  }
  const Sha256 hash = sha256(whole);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8 | hash[i];
  return number;
}

/// Empty of 0, which is no conversation.
std::string name_of(std::uint64_t number) {
  if (number == 0) return {};
  char name[32];
  std::snprintf(name, sizeof name, "auto-%016llx", static_cast<unsigned long long>(number));
  return name;
}

}  // namespace

SessionKey session_key(std::string_view given, std::string_view caller, const env::Query& query,
                       std::string_view secret) {
  const std::string id(given);
  if (!id.empty()) return {id, id, id};
  const std::uint64_t next = number_of(query.conversation, caller, query, secret);
  return {name_of(number_of(query.continues, caller, query, secret)), name_of(next), {}, next};
}

Result<std::string> conversation_secret(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string secret(std::istreambuf_iterator<char>(in), {});
  if (!secret.empty()) return secret;
  auto made = make_secret();
  if (!made) return made;
  if (Status written = write_file(file, *made); !written) return fail(written.error());
  return made;
}

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
    const std::string key =
        decision.conversation != 0 ? name_of(decision.conversation) : decision.session_id;
    const bool named_by_client = decision.router.empty();  // the model was
    if (named_by_client || now - decision.time > sessions.settings().idle) return true;
    // Its model read nothing of the conversation to its end.
    const bool cancelled = record.outcome && record.outcome->status == Outcome::Status::cancelled;
    const bool answered = record.outcome && record.outcome->status == Outcome::Status::ok;
    if (cancelled || (decision.hedge_of && !answered)) return true;
    sessions.record(
        {key, key, {}},
        {decision.router, decision.model(), decision.estimated_input_tokens, decision.time,
         decision.would_choose.empty(), decision.session_id.empty() ? key : decision.session_id});
    return true;
  });
}

}  // namespace yardmaster::agent
