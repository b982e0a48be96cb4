#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cmath>

#include "policies/choosers.h"

namespace yardmaster::policies {

namespace {

class FixedChooser final : public Chooser {
 public:
  explicit FixedChooser(std::string model) : model_(std::move(model)) {}

  void choose(const env::Observation& observation, std::span<const Score>,
              std::span<double> probabilities) const override {
    const auto& candidates = observation.candidates;
    const auto found =
        std::find_if(candidates.begin(), candidates.end(),
                     [&](const env::Candidate& candidate) { return candidate.model == model_; });
    const auto chosen = found == candidates.end() ? 0 : found - candidates.begin();
    std::fill(probabilities.begin(), probabilities.end(), 0.0);
    probabilities[static_cast<std::size_t>(chosen)] = 1;
  }

 private:
  std::string model_;
};

class UniformChooser final : public Chooser {
 public:
  void choose(const env::Observation&, std::span<const Score>,
              std::span<double> probabilities) const override {
    std::fill(probabilities.begin(), probabilities.end(),
              1.0 / static_cast<double>(probabilities.size()));
  }
};

class EpsilonGreedyChooser final : public Chooser {
 public:
  explicit EpsilonGreedyChooser(double scale) : scale_(scale) {}

  void choose(const env::Observation& observation, std::span<const Score> scores,
              std::span<double> probabilities) const override {
    boost::container::small_vector<double, 64> rewards(scores.size());
    for (std::size_t i = 0; i < scores.size(); ++i) rewards[i] = scores[i].reward;
    choose_highest({rewards.data(), rewards.size()}, probabilities);
    const double epsilon =
        std::min(1.0, scale_ / std::cbrt(static_cast<double>(observation.decisions) + 1));
    mix_floor(epsilon, probabilities);
  }

 private:
  double scale_;
};

class UcbChooser final : public Chooser {
 public:
  explicit UcbChooser(double alpha) : alpha_(alpha) {}

  void choose(const env::Observation&, std::span<const Score> scores,
              std::span<double> probabilities) const override {
    boost::container::small_vector<double, 64> bounds(scores.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      bounds[i] = scores[i].reward + alpha_ * scores[i].choice_sd;
    }
    choose_highest({bounds.data(), bounds.size()}, probabilities);
  }

 private:
  double alpha_;
};

class SquareCbChooser final : public Chooser {
 public:
  explicit SquareCbChooser(double scale) : scale_(scale) {}

  void choose(const env::Observation& observation, std::span<const Score> scores,
              std::span<double> probabilities) const override {
    const auto best =
        std::max_element(scores.begin(), scores.end(),
                         [](const Score& a, const Score& b) { return a.reward < b.reward; });
    const double gamma = scale_ * std::sqrt(static_cast<double>(observation.decisions));
    const auto models = static_cast<double>(scores.size());
    double rest = 1;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      probabilities[i] = 1 / (models + gamma * (best->reward - scores[i].reward));
      rest -= probabilities[i];
    }
    probabilities[static_cast<std::size_t>(best - scores.begin())] += std::max(0.0, rest);
  }

 private:
  double scale_;
};

}  // namespace

std::shared_ptr<const Chooser> make_fixed_chooser(std::string model) {
  return std::make_shared<FixedChooser>(std::move(model));
}

std::shared_ptr<const Chooser> make_uniform_chooser() { return std::make_shared<UniformChooser>(); }

std::shared_ptr<const Chooser> make_epsilon_greedy_chooser(double scale) {
  return std::make_shared<EpsilonGreedyChooser>(scale);
}

std::shared_ptr<const Chooser> make_ucb_chooser(double alpha) {
  return std::make_shared<UcbChooser>(alpha);
}

std::shared_ptr<const Chooser> make_squarecb_chooser(double scale) {
  return std::make_shared<SquareCbChooser>(scale);
}

}  // namespace yardmaster::policies
