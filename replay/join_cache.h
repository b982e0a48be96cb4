#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>

#include "base/decision_id.h"
#include "replay/join.h"

namespace yardmaster::replay {

/// The joins used last, by sequence and by decision id. Not thread-safe: the writer's own.
/// References stay valid until trim(), erase() or clear().
class JoinCache {
 public:
  explicit JoinCache(std::size_t capacity) : capacity_(capacity) {}

  /// nullptr if it is not here. A join that was found is the newest again.
  Join* find(std::uint64_t sequence);
  Join* find(const DecisionId& id);

  /// Adds one that is not here yet.
  Join& add(Join join);

  void erase(std::uint64_t sequence);
  void clear();

  /// Drops the oldest until at most `capacity` are left.
  void trim();

 private:
  using Order = std::list<Join>;  // newest first

  std::size_t capacity_;
  Order order_;
  std::unordered_map<std::uint64_t, Order::iterator> by_sequence_;
  std::unordered_map<DecisionId, Order::iterator, DecisionIdHash> by_id_;
};

}  // namespace yardmaster::replay
