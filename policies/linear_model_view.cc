// What of LinearModel's state serves: the level of each design, and the view of it.

#include <algorithm>
#include <cmath>

#include "policies/linear_model.h"

namespace yardmaster::policies {

namespace {

// Log-likelihood by which a weaker prior may be behind and still say how much to explore.
constexpr double kExploredEvidence = 3;

}  // namespace

// The first head of a design decides for all of its heads. Quality is the first, and the one that
// choices hang on; a level for each head would double the price of a score and gained nothing.
const LinearModel::HeadState& LinearModel::leading_head(std::size_t design) const {
  return *std::find_if(heads_.begin(), heads_.end(),
                       [&](const HeadState& head) { return head.design == design; });
}

std::size_t LinearModel::chosen_level(std::size_t design) const {
  const auto& evidence = leading_head(design).evidence;
  const auto support = [&](std::size_t level) {
    const auto steps =
        std::abs(static_cast<double>(level) - static_cast<double>(options_.prior.default_level));
    return evidence[level].log_likelihood - options_.prior.evidence_per_step * steps;
  };
  std::size_t best = options_.prior.default_level;
  for (std::size_t level = 0; level < evidence.size(); ++level) {
    if (support(level) > support(best)) best = level;
  }
  return best;
}

// The weakest prior that the evidence has not turned down, one step weaker than the default at
// most: what is weaker still is only explored once the means believe it.
std::size_t LinearModel::explored_level(std::size_t design, std::size_t chosen) const {
  const auto& evidence = leading_head(design).evidence;
  const auto best = std::max_element(
      evidence.begin(), evidence.end(),
      [](const Evidence& a, const Evidence& b) { return a.log_likelihood < b.log_likelihood; });
  const std::size_t weakest = std::max<std::size_t>(options_.prior.default_level, 1) - 1;
  const double least = best->log_likelihood - kExploredEvidence;
  std::size_t level = std::min(chosen, weakest);
  while (level < chosen && evidence[level].log_likelihood < least) ++level;
  return level;
}

void LinearModel::refresh_view() {
  view_.dimension = options_.dimension;
  view_.stride = stride_;
  view_.traits = designs_[0].shared_n() - n_;
  view_.shared_stride = designs_[0].shared_stride();
  view_.longest_age = options_.half_life_decisions;
  if (view_.index.size() != names_.size() || view_.arms.size() != names_.size()) {
    view_.index.clear();
    for (std::size_t arm = 0; arm < names_.size(); ++arm) view_.index.emplace(names_[arm], arm);
    view_.arms.resize(names_.size());
  }
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
    view_.arms[arm].traits = designs_[0].traits()[arm].data();
    view_.arms[arm].price_reference = arms_[arm].price_reference;
    view_.arms[arm].born = static_cast<double>(arms_[arm].born);
  }
  for (std::size_t head = 0; head < kHeads; ++head) {
    const HeadState& state = heads_[head];
    const PooledDesign& design = designs_[state.design];
    const std::size_t level = chosen_level(state.design);
    LinearView::HeadView& out = view_.heads[head];
    out.learned = head == kQuality || state.rows > 0;
    out.shared_mean = state.shared_mean[level].data();
    out.shared_covariance = design.shared_covariance(level);
    out.own_intercept = design.prior().own_intercept;
    out.own_weight = design.prior().own_weights[level];
    const bool context_decides = level < design.prior().default_level;
    out.context_fading = context_decides ? 0 : options_.context_fading_decisions;
    out.noise_variance = state.evidence[level].rate / state.evidence[level].shape;
    const std::size_t explored = explored_level(state.design, level);
    out.explored_weight = design.prior().own_weights[explored];
    out.explored_noise_variance = state.evidence[explored].rate / state.evidence[explored].shape;
    out.unseen_scale_priced = unseen_scale(static_cast<Head>(head), true);
    out.unseen_scale_usd = unseen_scale(static_cast<Head>(head), false);
    for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
      const ArmHead& sums = arms_[arm].heads[head];
      LinearView::ArmHeadView& view = view_.arms[arm].heads[head];
      view.moment = sums.moment.empty() ? nullptr : sums.moment.data();
      view.explored_covariance =
          sums.moment.empty() ? nullptr : design.own_covariance(arm, explored);
      view.own_covariance = sums.moment.empty() ? nullptr : design.own_covariance(arm, level);
      const bool priced = head == kCost && arms_[arm].price_reference > 0;
      view.scale = head == kQuality
                       ? 1
                       : scale_among(sums, priced ? out.unseen_scale_priced : out.unseen_scale_usd);
    }
  }
}

}  // namespace yardmaster::policies
