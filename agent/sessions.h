#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "env/query.h"

namespace yardmaster::replay {
class Store;
}

namespace yardmaster::agent {

/// `sessions`: conversations that keep their model.
struct SessionSettings {
  bool enabled = true;
  std::chrono::milliseconds idle{3'600'000};  ///< a conversation without a turn for so long is over
  std::uint32_t max = 100'000;                ///< remembered; the longest idle go first
  double switch_margin = 0.02;  ///< a switch must gain this much reward beyond what it costs
};

/// The latest turn of a conversation.
struct SessionTurn {
  std::string router;
  std::string model;
  std::uint64_t prompt_tokens = 0;  ///< estimated; what the model's prompt cache may hold
  Timestamp time;
  bool by_policy = true;   ///< false: of the part of the traffic that the baseline serves
  std::string session_id;  ///< that the conversation's later decisions are logged with
};

/// Where a conversation's latest turn is found, and where the present one is put.
struct SessionKey {
  std::string latest;  ///< empty: it has none
  std::string next;    ///< empty: it cannot go on
  std::string given;   ///< the id that the client gave, if it did

  /// Decision::conversation: what `next` is made of where the client gave no id.
  std::uint64_t conversation = 0;
};

/// By the id that the client gave; otherwise by the messages: a request goes on with the
/// conversation whose request had all of them up to the last answer, of the same caller, `user` and
/// `prompt_cache_key`. Examples in a prompt are no conversation, since nobody asked them.
/// The id of a conversation that the client gave none is the `next` of its first turn.
/// With `secret`, which no copy of the log has, the ids tell nothing of the messages.
SessionKey session_key(std::string_view given, std::string_view caller, const env::Query& query,
                       std::string_view secret = {});

/// The secret of a data directory, made at its first start. Without the file the conversations of
/// before are not found again. Fails as files do.
Result<std::string> conversation_secret(const std::string& file);

/// The conversations that are going on. Thread-safe.
class Sessions {
 public:
  explicit Sessions(SessionSettings settings) : settings_(settings) {}

  /// Those of `before` go on, by new settings.
  Sessions(SessionSettings settings, const Sessions& before);

  const SessionSettings& settings() const { return settings_; }

  /// The latest turn at that router; nothing where it is not known, or idle for too long.
  std::optional<SessionTurn> find(const SessionKey& key, std::string_view router,
                                  Timestamp now) const;

  void record(const SessionKey& key, SessionTurn turn);

  std::size_t size() const;

 private:
  using Entry = std::pair<std::string, SessionTurn>;

  void put(const std::string& key, SessionTurn turn);

  const SessionSettings settings_;
  mutable std::mutex mutex_;
  std::list<Entry> latest_;  // most recent first; guarded by mutex_, like by_id_
  // Keys in latest_. Ordered, since clients choose them and a hash could be made to collide.
  std::map<std::string_view, std::list<Entry>::iterator> by_id_;
};

/// Records the turns that the store's newest 20,000 decisions were, so that their conversations go
/// on. Fails as reading them does.
Status restore_sessions(const replay::Store& store, Timestamp now, Sessions& sessions);

}  // namespace yardmaster::agent
