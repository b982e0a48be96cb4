#include "policies/linear_model.h"

#include <algorithm>
#include <cmath>

#include "policies/training_check.h"

namespace yardmaster::policies {

namespace {

// Means below this are taken for 0: nothing can be learned from ratios to them.
constexpr double kTinyScale = 1e-15;
// Rows that weigh less are taken for forgotten: they would change nothing but divide by 0.
constexpr double kForgottenWeight = 1e-9;
// A cost or latency counts as at most so many times its model's mean: one wrong report must not
// decide what a model is thought to cost, while a true rise is followed within a few rows.
constexpr double kOutlierRatio = 30;
// Weight, in rows, of the other arms' mean in an arm's scale.
constexpr double kScalePriorRows = 0.25;
// Before any row: noise of quality .4 with the weight of four rows; for ratios likewise.
constexpr double kNoiseShape = 2;
constexpr double kNoiseRate = kNoiseShape * 0.16;
constexpr double kPriorQuality = 0.5;
// Weight, in rows, that an arm's evidence from before a change keeps.
constexpr double kRowsKeptAtChange = 40;

}  // namespace

LinearModel::LinearModel(const LinearOptions& options)
    : options_(options), n_(options.dimension + 1), stride_(padded(n_)), x_(stride_) {
  reset();
}

void LinearModel::reset() {
  names_.clear();
  arms_.clear();
  designs_.clear();
  designs_.emplace_back(n_, options_.traits.size(), options_.prior);
  for (HeadState& head : heads_) {
    head = {};
    head.evidence.assign(designs_[0].levels(), {kNoiseShape, kNoiseRate, 0});
  }
  clock_ = reference_ = rows_since_rebuild_ = 0;
  rebuild_shared_means();
  refresh_view();
}

PooledDesign::Traits LinearModel::traits_of_arms() const {
  PooledDesign::Traits out;
  for (const std::string& name : names_) {
    const auto traits = options_.traits.of(name);
    out.emplace_back(traits.begin(), traits.end());
  }
  return out;
}

/// After a state was loaded that may have been made with other traits.
void LinearModel::use_traits() {
  const PooledDesign::Traits traits = traits_of_arms();
  if (designs_[0].traits() == traits) return;
  for (PooledDesign& design : designs_) design.set_traits(options_.traits.size(), traits);
  rebuild_shared_means();
}

std::size_t LinearModel::arm_index(std::string_view model) const {
  return static_cast<std::size_t>(std::find(names_.begin(), names_.end(), model) - names_.begin());
}

void LinearModel::add_arm(std::string_view model) {
  if (view_.index.contains(model)) return;
  names_.emplace_back(model);
  arms_.emplace_back().born = clock_;
  for (PooledDesign& design : designs_) design.add_arm(options_.traits.of(model));
  refresh_view();
}

void LinearModel::remove_arm(std::string_view model) {
  const std::size_t arm = arm_index(model);
  if (arm == names_.size()) return;
  names_.erase(names_.begin() + static_cast<std::ptrdiff_t>(arm));
  arms_.erase(arms_.begin() + static_cast<std::ptrdiff_t>(arm));
  for (PooledDesign& design : designs_) design.remove_arm(arm);
  rebuild();
  refresh_view();
}

Status LinearModel::learn(const TrainingRow& row) {
  if (auto checked = check_training_row(row, options_.dimension); !checked) return checked;
  if (auto augmented = augment(row.features.values, x_); !augmented) return augmented;
  advance_clock(row.decision_sequence);
  const double weight = clock_weight(row.decision_sequence);
  if (weight < kForgottenWeight) return {};
  watching_ = row.outcomes.size() == 1 && !row.replaces;
  for (const ArmOutcome& outcome : row.outcomes) {
    const bool known = view_.index.contains(outcome.model);
    if (!known) add_arm(outcome.model);
    const bool corrects = known && row.replaces && row.replaces->model == outcome.model;
    learn_outcome(outcome, corrects ? &*row.replaces : nullptr, weight);
  }
  if (changed_) forget_before_change(changed_->first, changed_->second);
  if (++rows_since_rebuild_ >= options_.rebuild_rows) rebuild();
  refresh_view();
  return {};
}

LinearModel::Values LinearModel::values(const Arm& arm, const ArmOutcome& outcome) const {
  Values out{outcome.quality, outcome.cost_usd, outcome.latency_s};
  if (out[kCost] && arm.price_reference > 0) {
    const double unit = outcome.price_reference > 0 ? outcome.price_reference : arm.price_reference;
    *out[kCost] /= unit;
  }
  return out;
}

LinearModel::Values LinearModel::bounded(std::size_t index, Values values) const {
  for (const Head head : {kCost, kLatency}) {
    const double usual = scale(index, head);
    if (values[head] && usual > kTinyScale) {
      values[head] = std::min(*values[head], kOutlierRatio * usual);
    }
  }
  return values;
}

// Costs learned in USD become costs in price references when the price becomes known.
void LinearModel::set_price_reference(Arm& arm, double price_reference) {
  if (price_reference <= 0) return;
  ArmHead& cost = arm.heads[kCost];
  if (arm.price_reference <= 0 && !cost.moment.empty()) {
    for (double& value : cost.moment.values()) value /= price_reference;
    cost.scale_sum /= price_reference;
  }
  if (price_changed(arm.price_reference, price_reference)) arm.born = clock_;
  arm.price_reference = price_reference;
}

void LinearModel::learn_outcome(const ArmOutcome& outcome, const ArmOutcome* replaced,
                                double weight) {
  const std::size_t index = view_.index.find(outcome.model)->second;
  Arm& arm = arms_[index];
  set_price_reference(arm, outcome.price_reference);
  const Values now = bounded(index, values(arm, outcome));
  const Values before = replaced == nullptr ? Values{} : bounded(index, values(arm, *replaced));
  HeadMask added{}, taken_back{};
  for (std::size_t head = 0; head < kHeads; ++head) {
    // A value cannot be taken back from a head that holds none: its arm was removed since.
    const bool had = before[head] && !arm.heads[head].moment.empty();
    if (now[head] && had) {
      shift_value(index, static_cast<Head>(head), *now[head] - *before[head], weight);
    }
    added[head] = now[head] && !had;
    taken_back[head] = !now[head] && had;
  }
  add_rows(index, taken_back, before, -weight);
  add_rows(index, added, now, weight);
}

// A correction leaves the covariances alone: the shared mean is S D P_arm (sum of w x y).
void LinearModel::shift_value(std::size_t index, Head head, double change, double weight) {
  ArmHead& arm = arms_[index].heads[head];
  HeadState& state = heads_[head];
  const PooledDesign& design = designs_[state.design];
  arm.scale_sum += weight * change;
  const double unit = scale(index, head);
  for (std::size_t level = 0; level < design.levels() && unit > kTinyScale; ++level) {
    design.direction(index, level, x_.data(), direction_);
    for (std::size_t i = 0; i < design.shared_n(); ++i) {
      state.shared_mean[level].data()[i] += weight * change / unit * direction_.shared[i];
    }
  }
  for (std::size_t i = 0; i < n_; ++i) arm.moment.data()[i] += weight * change * x_[i];
}

void LinearModel::add_rows(std::size_t arm, const HeadMask& heads, const Values& values,
                           double weight) {
  for (std::size_t first = 0; first < kHeads; ++first) {
    const std::size_t design = heads_[first].design;
    bool done = false;  // with an earlier head of the same design
    HeadMask together{};
    bool all = true;
    for (std::size_t head = 0; head < kHeads; ++head) {
      if (heads_[head].design != design) continue;
      together[head] = heads[head];
      all = all && heads[head];
      done = done || (heads[head] && head < first);
    }
    if (!heads[first] || done) continue;
    if (!all) part_design(design, together);
    add_row(arm, heads_[first].design, together, values, weight);
  }
}

void LinearModel::part_design(std::size_t design, const HeadMask& heads) {
  designs_.push_back(designs_[design]);
  for (std::size_t head = 0; head < kHeads; ++head) {
    if (heads[head]) heads_[head].design = designs_.size() - 1;
  }
}

void LinearModel::add_row(std::size_t index, std::size_t design_index, const HeadMask& heads,
                          const Values& values, double weight) {
  PooledDesign& design = designs_[design_index];
  Arm& arm = arms_[index];
  for (std::size_t head = 0; head < kHeads; ++head) {
    if (!heads[head]) continue;
    ArmHead& sums = arm.heads[head];
    if (sums.moment.empty()) {
      sums.moment = DenseTensor::zeros({static_cast<std::int64_t>(stride_)});
    }
    sums.scale_sum += weight * *values[head];
    sums.scale_weight += weight;
    if (weight > 0) ++heads_[head].rows;
  }
  std::array<double, kHeads> units{};
  for (std::size_t head = 0; head < kHeads; ++head)
    units[head] = scale(index, static_cast<Head>(head));
  const std::size_t watched_level = chosen_level(design_index);
  for (std::size_t level = 0; level < design.levels(); ++level) {
    design.absorb(index, level, x_.data(), weight, direction_);
    const double variance = 1 / weight + direction_.own_variance + direction_.shared_variance;
    for (std::size_t head = 0; head < kHeads; ++head) {
      const double unit = units[head];
      if (!heads[head] || !(unit > kTinyScale)) continue;
      HeadState& state = heads_[head];
      double* shared = state.shared_mean[level].data();
      const double mean = dot(direction_.own.data(), arm.heads[head].moment.data(), n_) / unit +
                          dot(direction_.precise.data(), shared, design.shared_n());
      const double residual = *values[head] / unit - mean;
      for (std::size_t i = 0; i < design.shared_n(); ++i) {
        shared[i] += direction_.shared[i] * (residual / variance);
      }
      if (weight <= 0) continue;
      Evidence& fit = state.evidence[level];
      if (level == watched_level) {
        const double deviation = std::sqrt(fit.rate / fit.shape * variance);
        watch(index, static_cast<Head>(head), residual * unit, deviation * unit);
      }
      const double squares = residual * residual / (2 * variance);
      fit.log_likelihood -=
          0.5 * std::log(fit.rate * variance) + (fit.shape + 0.5) * std::log1p(squares / fit.rate);
      fit.shape += 0.5;
      fit.rate += squares;
    }
  }
  design.count(index, x_.data(), weight);
  for (std::size_t head = 0; head < kHeads; ++head) {
    if (!heads[head]) continue;
    double* moment = arm.heads[head].moment.data();
    for (std::size_t i = 0; i < n_; ++i) moment[i] += weight * *values[head] * x_[i];
  }
}

void LinearModel::watch(std::size_t index, Head head, double residual, double deviation) {
  if (watching_ && arms_[index].heads[head].detector.add(residual, deviation)) {
    changed_ = {index, head};
  }
}

// All of the arm's heads lose weight, as they share its matrices; only the changed one is moved.
void LinearModel::forget_before_change(std::size_t index, Head head) {
  changed_.reset();
  Arm& arm = arms_[index];
  arm.born = clock_;
  ArmHead& changed = arm.heads[head];
  const double shift = changed.detector.shift();
  const bool in_references = head == kCost && arm.price_reference > 0;
  changes_.push_back(
      {names_[index], kHeadNames[head], in_references ? shift * arm.price_reference : shift});
  const double* counts = designs_[heads_[head].design].counts(index);
  for (std::size_t i = 0; i < n_; ++i) {
    changed.moment.data()[i] += shift * entry(counts, i, 0, stride_);
  }
  changed.scale_sum += shift * changed.scale_weight;
  const double factor = std::min(1.0, kRowsKeptAtChange / changed.scale_weight);
  for (ArmHead& sums : arm.heads) {
    for (double& value : sums.moment.values()) value *= factor;
    sums.scale_sum *= factor;
    sums.scale_weight *= factor;
    sums.detector.reset();
  }
  for (PooledDesign& design : designs_) design.discount(index, factor);
  rebuild();
}

double LinearModel::unseen_scale(Head head, bool priced) const {
  double sum = 0;
  int count = 0;
  for (const Arm& arm : arms_) {
    const ArmHead& sums = arm.heads[head];
    const bool in_references = head == kCost && arm.price_reference > 0;
    if (in_references != priced || !(sums.scale_weight > 0)) continue;
    sum += sums.scale_sum / sums.scale_weight;
    ++count;
  }
  return count == 0 ? 0 : sum / count;
}

double LinearModel::scale(std::size_t index, Head head) const {
  if (head == kQuality) return 1;
  const bool priced = head == kCost && arms_[index].price_reference > 0;
  return scale_among(arms_[index].heads[head], unseen_scale(head, priced));
}

double LinearModel::scale_among(const ArmHead& sums, double others) {
  return (sums.scale_sum + kScalePriorRows * others) / (sums.scale_weight + kScalePriorRows);
}

double LinearModel::clock_weight(std::uint64_t decision_sequence) const {
  if (options_.half_life_decisions <= 0) return 1;
  const double age = static_cast<double>(reference_) - static_cast<double>(decision_sequence);
  return std::exp2(-age / options_.half_life_decisions);
}

void LinearModel::advance_clock(std::uint64_t decision_sequence) {
  clock_ = std::max(clock_, decision_sequence);
  if (options_.half_life_decisions <= 0) return;
  // Up to here the prior is too weak by at most 2^(1/16), which is 4%.
  const double patience = std::max(options_.half_life_decisions / 16, 64.0);
  if (static_cast<double>(clock_ - reference_) >= patience) rebuild();
}

void LinearModel::rebuild() {
  rows_since_rebuild_ = 0;
  double factor = 1;
  if (options_.half_life_decisions > 0) {
    factor = std::exp2(-static_cast<double>(clock_ - reference_) / options_.half_life_decisions);
    reference_ = clock_;
  }
  for (Arm& arm : arms_) {
    for (ArmHead& sums : arm.heads) {
      for (double& value : sums.moment.values()) value *= factor;
      sums.scale_sum *= factor;
      sums.scale_weight *= factor;
    }
  }
  for (HeadState& head : heads_) {
    for (Evidence& fit : head.evidence) {
      fit.shape = kNoiseShape + factor * (fit.shape - kNoiseShape);
      fit.rate = kNoiseRate + factor * (fit.rate - kNoiseRate);
      fit.log_likelihood *= factor;
    }
  }
  for (PooledDesign& design : designs_) design.rebuild(factor);
  rebuild_shared_means();
}

void LinearModel::rebuild_shared_means() {
  for (std::size_t head = 0; head < kHeads; ++head) {
    HeadState& state = heads_[head];
    const PooledDesign& design = designs_[state.design];
    const auto size = static_cast<std::int64_t>(design.shared_stride());
    const double prior_mean = head == kQuality ? kPriorQuality : 1;
    state.shared_mean.assign(design.levels(), DenseTensor::zeros({size}));
    std::vector<double> sum(design.shared_stride());
    for (std::size_t level = 0; level < design.levels(); ++level) {
      double* mean = state.shared_mean[level].data();
      mean[0] = prior_mean;
      if (state.rows == 0) continue;
      std::fill(sum.begin(), sum.end(), 0.0);
      sum[0] = design.prior().shared_intercept * prior_mean;
      for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
        const double unit = scale(arm, static_cast<Head>(head));
        const DenseTensor& moment = arms_[arm].heads[head].moment;
        if (moment.empty() || !(unit > kTinyScale)) continue;
        design.add_evidence(arm, level, moment.data(), 1 / unit, sum.data());
      }
      symmetric_times(design.shared_covariance(level), sum.data(), design.shared_n(),
                      design.shared_stride(), mean);
    }
  }
}

}  // namespace yardmaster::policies
