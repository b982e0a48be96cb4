#include "replay/join_cache.h"

#include <utility>

namespace yardmaster::replay {

Join* JoinCache::find(std::uint64_t sequence) {
  const auto found = by_sequence_.find(sequence);
  if (found == by_sequence_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return &*found->second;
}

Join* JoinCache::find(const DecisionId& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return &*found->second;
}

Join& JoinCache::add(Join join) {
  order_.push_front(std::move(join));
  by_sequence_.emplace(order_.front().sequence, order_.begin());
  by_id_.emplace(order_.front().id, order_.begin());
  return order_.front();
}

void JoinCache::erase(std::uint64_t sequence) {
  const auto found = by_sequence_.find(sequence);
  if (found == by_sequence_.end()) return;
  by_id_.erase(found->second->id);
  order_.erase(found->second);
  by_sequence_.erase(found);
}

void JoinCache::clear() {
  by_id_.clear();
  by_sequence_.clear();
  order_.clear();
}

void JoinCache::trim() {
  while (order_.size() > capacity_) erase(order_.back().sequence);
}

}  // namespace yardmaster::replay
