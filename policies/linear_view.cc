#include "policies/linear_view.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cmath>
#include <string>
#include <unordered_map>

#include "env/objective.h"
#include "policies/kernels.h"

namespace yardmaster::policies {

namespace {

using Vector = boost::container::small_vector<double, 264>;

// How many directions of the context choices explore of a new arm; with more, each gets its share.
// Which model is best on the whole must be explored; which is best for whom is mostly told by the
// variety of queries (Bastani, Bayati and Khosravi 2021), and exploring every direction of a long
// vector in full cost reward on every real data set tried.
constexpr double kExploredDirections = 15;

struct Prediction {
  double mean = 0;
  double own_variance = 0;     ///< of the arm's own part
  double choice_variance = 0;  ///< of it, what choices explore
  double shared_variance = 0;  ///< of the part that all arms share
};

// One candidate's predictions. Heads that read the same covariance share the matrix product.
class Predictor {
 public:
  Predictor(const LinearView& view, const Vector& x, bool full_deviation)
      : view_(view),
        x_(x),
        full_deviation_(full_deviation),
        new_context_share_(std::min(1.0, kExploredDirections / static_cast<double>(n() - 1))),
        own_(x.size()),
        precise_(view.shared_stride),
        shared_(view.shared_stride) {}

  /// From now on, for an arm of this age.
  void set_age(double decisions) { age_decisions_ = decisions; }

  /// The mean and, where choices need it, the variance that they explore: all that a choice takes.
  Prediction predict_for_choice(Head head, const LinearView::ArmHeadView& arm, double scale,
                                bool with_variance) {
    Prediction out;
    out.mean = dot(x_.data(), arm.mean_weights, n());
    if (with_variance)
      out.choice_variance = scale * scale * explored_variance(view_.heads[head], &arm);
    return out;
  }

  /// `known` is nullptr for a model that is no arm.
  Prediction predict(Head head, const LinearView::ArmView* known, double scale) {
    const LinearView::HeadView& shared = view_.heads[head];
    const LinearView::ArmHeadView* arm =
        known == nullptr || known->heads[head].moment == nullptr ? nullptr : &known->heads[head];
    const double* covariance = arm == nullptr ? nullptr : arm->own_covariance;
    project(shared, covariance, known == nullptr ? nullptr : known->traits);
    Prediction out;
    out.mean = scale * dot(precise_.data(), shared.shared_mean, shared_n());
    if (covariance != nullptr) out.mean += dot(own_.data(), arm->moment, n());
    const double noise = shared.noise_variance * scale * scale;
    out.own_variance = noise * own_variance_;
    if (full_deviation_) {
      symmetric_times(shared.shared_covariance, precise_.data(), shared_n(), view_.shared_stride,
                      shared_.data());
      out.shared_variance = noise * dot(precise_.data(), shared_.data(), shared_n());
    }
    out.choice_variance = scale * scale * explored_variance(shared, arm);
    return out;
  }

 private:
  // The variance that choices explore, at a level of its own.
  double explored_variance(const LinearView::HeadView& head, const LinearView::ArmHeadView* arm) {
    double whole = 0, intercept = 0;
    if (arm == nullptr || arm->explored_covariance == nullptr) {
      intercept = 1 / head.own_intercept;
      whole = intercept + (dot(x_.data(), x_.data(), n()) - 1) / head.explored_weight;
    } else if (arm->explored_covariance == covariance_) {
      intercept = covariance_[0];
      whole = own_variance_;
    } else {
      if (arm->explored_covariance != explored_) {
        explored_ = arm->explored_covariance;
        explored_variance_ = quadratic_form(explored_, x_.data(), n(), view_.stride);
      }
      intercept = explored_[0];
      whole = explored_variance_;
    }
    double context_share = new_context_share_;
    if (head.context_fading > 0) context_share /= 1 + age_decisions_ / head.context_fading;
    return head.explored_noise_variance *
           (intercept + context_share * std::max(0.0, whole - intercept));
  }

  std::size_t n() const { return view_.dimension + 1; }
  std::size_t shared_n() const { return n() + view_.traits; }

  // own_ = P x, precise_ = D P x and its first entry times the traits, own_variance_ = x' P x.
  void project(const LinearView::HeadView& head, const double* covariance, const double* traits) {
    if (covariance != nullptr && covariance == covariance_) return;
    covariance_ = covariance;
    if (covariance != nullptr) {
      symmetric_times(covariance, x_.data(), n(), view_.stride, own_.data());
    } else {
      own_[0] = x_[0] / head.own_intercept;
      for (std::size_t i = 1; i < n(); ++i) own_[i] = x_[i] / head.own_weight;
    }
    precise_[0] = head.own_intercept * own_[0];
    for (std::size_t i = 1; i < n(); ++i) precise_[i] = head.own_weight * own_[i];
    for (std::size_t i = 0; i < view_.traits; ++i) {
      precise_[n() + i] = traits == nullptr ? 0 : precise_[0] * traits[i];
    }
    own_variance_ = std::max(0.0, dot(x_.data(), own_.data(), n()));
  }

  const LinearView& view_;
  const Vector& x_;
  const bool full_deviation_;
  const double new_context_share_;  ///< of what the context adds to a new arm's variance: explored
  double age_decisions_ = 0;
  const double* covariance_ = nullptr;  ///< that own_ and own_variance_ were made with
  double own_variance_ = 0;
  const double* explored_ = nullptr;  ///< that explored_variance_ was made with
  double explored_variance_ = 0;
  Vector own_, precise_, shared_;
};

double square(double value) { return value * value; }

double age_decisions(const LinearView& view, const LinearView::ArmView* arm,
                     const env::Candidate& candidate, std::uint64_t decisions) {
  if (arm == nullptr || price_changed(arm->price_reference, candidate.price_reference)) return 0;
  const double age = std::max(0.0, static_cast<double>(decisions) - arm->born);
  return view.longest_age > 0 ? std::min(age, view.longest_age) : age;
}

struct CostUnit {
  double scale = 0;   ///< the arm's mean cost, in `factor`
  double factor = 1;  ///< USD
};

CostUnit cost_unit(const LinearView& view, const LinearView::ArmView* arm,
                   const env::Candidate& candidate) {
  const LinearView::HeadView& head = view.heads[kCost];
  if (arm == nullptr || arm->heads[kCost].moment == nullptr) {
    const bool priced = candidate.price_reference > 0 && head.unseen_scale_priced > 0;
    return priced ? CostUnit{head.unseen_scale_priced, candidate.price_reference}
                  : CostUnit{head.unseen_scale_usd, 1};
  }
  const double scale = arm->heads[kCost].scale;
  if (arm->price_reference <= 0) return {scale, 1};
  return {scale, candidate.price_reference > 0 ? candidate.price_reference : arm->price_reference};
}

}  // namespace

Status augment(std::span<const float> features, std::span<double> out) {
  double norm = 0;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (!std::isfinite(features[i])) {
      return fail(ErrorCode::invalid_argument,
                  "feature " + std::to_string(i) + " is not finite: check the encoder");
    }
    norm += square(features[i]);
  }
  const double factor =
      norm > square(kFeatureNormBound) ? kFeatureNormBound / std::sqrt(norm) : 1.0;
  out[0] = 1;
  for (std::size_t i = 0; i < features.size(); ++i) out[1 + i] = factor * features[i];
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(features.size()) + 1, out.end(), 0.0);
  return {};
}

Status LinearView::score(const env::Observation& observation, bool full_deviation,
                         std::span<Score> scores) const {
  if (observation.features.size() != dimension) {
    return fail(ErrorCode::invalid_argument,
                "features: " + std::to_string(observation.features.size()) +
                    " values where the policy expects " + std::to_string(dimension));
  }
  Vector x(stride);
  if (auto augmented = augment(observation.features, std::span(x.data(), x.size())); !augmented) {
    return augmented;
  }
  const ObjectiveWeights& weights = observation.weights;
  Predictor predictor(*this, x, full_deviation);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const env::Candidate& candidate = observation.candidates[i];
    const auto found = index.find(candidate.model);
    const ArmView* arm = found == index.end() ? nullptr : &arms[found->second];
    const auto predict = [&](Head head, double scale, double weight) {
      if (!heads[head].learned) return Prediction{};
      if (!full_deviation && arm != nullptr && arm->heads[head].mean_weights != nullptr) {
        return predictor.predict_for_choice(head, arm->heads[head], scale, weight != 0);
      }
      return predictor.predict(head, arm, scale);
    };
    const auto scale_of = [&](Head head) {
      const bool seen = arm != nullptr && arm->heads[head].moment != nullptr;
      return seen ? arm->heads[head].scale : heads[head].unseen_scale_usd;
    };

    const double age = age_decisions(*this, arm, candidate, observation.decisions);
    predictor.set_age(age);
    const Prediction quality = predict(kQuality, 1, 1);
    const CostUnit unit = cost_unit(*this, arm, candidate);
    Prediction cost = predict(kCost, unit.scale, weights.cost);
    cost.mean *= unit.factor;
    if (candidate.estimated_cost_usd > 0 &&
        (arm == nullptr || arm->heads[kCost].moment == nullptr)) {
      cost.mean = candidate.estimated_cost_usd;
    }
    const Prediction latency = predict(kLatency, scale_of(kLatency), weights.latency);

    Score& score = scores[i];
    score.quality = quality.mean;
    score.cost_usd = std::max(0.0, cost.mean);
    score.latency_s = std::max(0.0, latency.mean);
    score.reward = env::reward(score.quality, score.cost_usd, score.latency_s, weights);
    const double cost_factor = square(weights.cost * unit.factor);
    const double latency_factor = square(weights.latency);
    const double own = quality.own_variance + cost_factor * cost.own_variance +
                       latency_factor * latency.own_variance;
    const double shared = quality.shared_variance + cost_factor * cost.shared_variance +
                          latency_factor * latency.shared_variance;
    score.quality_sd = std::sqrt(quality.own_variance + quality.shared_variance);
    score.reward_sd = std::sqrt(own + shared);
    score.choice_sd = std::sqrt(quality.choice_variance + cost_factor * cost.choice_variance +
                                latency_factor * latency.choice_variance);
    score.age_decisions = age;
  }
  return {};
}

LinearView LinearView::copy() const {
  LinearView out = *this;
  out.storage.clear();
  const std::size_t matrix = (dimension + 1) * stride;
  // Each matrix once, however many heads point to it.
  std::unordered_map<const double*, std::size_t> places;
  std::vector<std::span<const double>> blocks;
  std::size_t size = 0;
  const auto place = [&](const double* from, std::size_t count) {
    if (from == nullptr || !places.emplace(from, size).second) return;
    blocks.emplace_back(from, count);
    size += count;
  };
  const auto visit = [&](const auto& each) {
    for (auto& head : out.heads) {
      each(head.shared_mean, shared_stride);
      each(head.shared_covariance, (dimension + 1 + traits) * shared_stride);
    }
    for (auto& arm : out.arms) {
      each(arm.traits, traits);
      for (auto& head : arm.heads) {
        each(head.own_covariance, matrix);
        each(head.explored_covariance, matrix);
        each(head.moment, stride);
      }
    }
  };
  visit(place);
  out.storage.reserve(size);
  for (const auto block : blocks) {
    out.storage.insert(out.storage.end(), block.begin(), block.end());
  }
  visit([&](const double*& pointer, std::size_t) {
    if (pointer != nullptr) pointer = out.storage.data() + places.at(pointer);
  });
  out.add_mean_weights();
  return out;
}

/// Predictor's mean is linear in x: with P the arm's covariance, D the prior's precisions and s the
/// scale it is x' P (s (D shared_mean + what the traits add to the intercept) + moment).
void LinearView::add_mean_weights() {
  const std::size_t n = dimension + 1;
  std::vector<double> right(stride);
  mean_storage.assign(arms.size() * kHeads * stride, 0.0);
  double* place = mean_storage.data();
  for (ArmView& arm : arms) {
    for (std::size_t head = 0; head < kHeads; ++head, place += stride) {
      ArmHeadView& own = arm.heads[head];
      if (own.moment == nullptr) continue;
      const HeadView& shared = heads[head];
      double intercept = shared.shared_mean[0];
      if (arm.traits != nullptr) intercept += dot(arm.traits, shared.shared_mean + n, traits);
      right[0] = own.moment[0] + own.scale * shared.own_intercept * intercept;
      for (std::size_t i = 1; i < n; ++i) {
        right[i] = own.moment[i] + own.scale * shared.own_weight * shared.shared_mean[i];
      }
      symmetric_times(own.own_covariance, right.data(), n, stride, place);
      own.mean_weights = place;
    }
  }
}

}  // namespace yardmaster::policies
