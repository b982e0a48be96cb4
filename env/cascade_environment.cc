#include "env/cascade_environment.h"

#include <algorithm>

namespace yardmaster::env {

CascadeEnvironment::CascadeEnvironment(const CascadeTable& table, const CascadeRules& rules,
                                       std::uint64_t seed)
    : table_(table), rules_(rules), judge_(seed) {}

void CascadeEnvironment::reset(std::size_t row) {
  row_ = row;
  drafts_.clear();
  cost_usd_ = 0;
}

bool CascadeEnvironment::may_draft(std::size_t model) const {
  return quality(model) >= 0 &&
         std::none_of(drafts_.begin(), drafts_.end(),
                      [&](const Draft& draft) { return draft.model == model; });
}

const CascadeEnvironment::Draft* CascadeEnvironment::best() const {
  const Draft* best = nullptr;
  for (const Draft& draft : drafts_) {
    if (best == nullptr || draft.score >= best->score) best = &draft;
  }
  return best;
}

void CascadeEnvironment::observe(std::span<float> out) const {
  const auto features = table_.features.subspan(row_ * table_.dimension, table_.dimension);
  std::copy(features.begin(), features.end(), out.begin());
  const auto scores = out.subspan(table_.dimension, table_.models);
  const auto tried = out.subspan(table_.dimension + table_.models, table_.models);
  std::fill(scores.begin(), scores.end(), 0.0F);
  std::fill(tried.begin(), tried.end(), 0.0F);
  for (const Draft& draft : drafts_) {
    scores[draft.model] = static_cast<float>(draft.score);
    tried[draft.model] = 1;
  }
  const Draft* top = best();
  out[out.size() - 2] = top == nullptr ? 0.0F : static_cast<float>(top->score);
  out[out.size() - 1] = static_cast<float>(drafts_.size()) / static_cast<float>(rules_.tries);
}

void CascadeEnvironment::allowed(std::span<std::uint8_t> out) const {
  for (std::size_t model = 0; model < table_.models; ++model) {
    out[model] = may_draft(model) ? 1 : 0;
  }
  out[stop()] = drafts_.empty() ? 0 : 1;
}

CascadeEnvironment::Step CascadeEnvironment::step(std::size_t action) {
  if (action == stop()) return {delivered_quality(), true, false};
  const double q = quality(action);
  drafts_.push_back({action, judge_.uniform() < rules_.judge_error ? 1 - q : q});
  const double cost = table_.cost[row_ * table_.models + action];
  cost_usd_ += cost;
  bool more = false;
  for (std::size_t model = 0; model < table_.models && !more; ++model) more = may_draft(model);
  const bool cut_off = drafts_.size() >= rules_.tries || !more;
  return {-rules_.cost_weight * cost, false, cut_off};
}

double CascadeEnvironment::delivered_quality() const {
  const Draft* top = best();
  return top == nullptr ? 0 : quality(top->model);
}

}  // namespace yardmaster::env
