#include "policies/row_window.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace yardmaster::policies {

namespace {

constexpr double kLowestPropensity = 1e-6;
constexpr std::size_t kNumbers = 11;  // of a sample in an archive, its features apart

// Costs and latencies are not negative, so -1 stands for none.
std::optional<double> unless_negative(double value) {
  return value < 0 ? std::nullopt : std::optional(value);
}

}  // namespace

WindowSample* RowWindow::find(std::uint64_t decision_sequence, std::size_t arm) {
  const auto found = std::find_if(samples_.rbegin(), samples_.rend(), [&](const auto& sample) {
    return sample.decision_sequence == decision_sequence && sample.arm == arm;
  });
  return found == samples_.rend() ? nullptr : &*found;
}

void RowWindow::add(const TrainingRow& row, const std::vector<std::size_t>& arm_of) {
  const auto outcomes = static_cast<double>(row.outcomes.size());
  for (std::size_t i = 0; i < row.outcomes.size(); ++i) {
    const ArmOutcome& outcome = row.outcomes[i];
    if (!outcome.quality) continue;
    WindowSample* old = row.replaces ? find(row.decision_sequence, arm_of[i]) : nullptr;
    WindowSample sample;
    sample.sequence = row.sequence;
    sample.decision_sequence = row.decision_sequence;
    sample.arm = arm_of[i];
    const bool possible = outcome.propensity > kLowestPropensity;
    sample.propensity = outcomes > 1 ? 1 / outcomes
                        : possible   ? std::min(outcome.propensity, 1.0)
                                     : kLowestPropensity;
    sample.share = 1 / outcomes;
    sample.price_reference = outcome.price_reference;
    sample.quality = *outcome.quality;
    sample.cost_usd = outcome.cost_usd;
    sample.latency_s = outcome.latency_s;
    sample.weights = row.weights;
    sample.features = row.features.values;
    if (old != nullptr) {
      sample.sequence = old->sequence;
      *old = std::move(sample);
    } else {
      samples_.push_back(std::move(sample));
    }
  }
  while (samples_.size() > capacity_) samples_.pop_front();
}

void RowWindow::remove_arm(std::size_t arm) {
  std::erase_if(samples_, [&](const WindowSample& sample) { return sample.arm == arm; });
  for (WindowSample& sample : samples_) sample.arm -= sample.arm > arm ? 1 : 0;
}

void RowWindow::put(TensorArchive& archive) const {
  const auto count = static_cast<std::int64_t>(samples_.size());
  auto numbers = DenseTensor::zeros({count, static_cast<std::int64_t>(kNumbers)});
  auto features = DenseTensor::zeros({count, static_cast<std::int64_t>(dimension_)});
  double* number = numbers.data();
  double* feature = features.data();
  for (const WindowSample& sample : samples_) {
    const double values[kNumbers] = {static_cast<double>(sample.sequence),
                                     static_cast<double>(sample.decision_sequence),
                                     static_cast<double>(sample.arm),
                                     sample.propensity,
                                     sample.share,
                                     sample.price_reference,
                                     sample.quality,
                                     sample.cost_usd.value_or(-1),
                                     sample.latency_s.value_or(-1),
                                     sample.weights.cost,
                                     sample.weights.latency};
    number = std::copy(std::begin(values), std::end(values), number);
    feature = std::copy(sample.features.begin(), sample.features.end(), feature);
  }
  archive.put("window.samples", std::to_string(samples_.size()));
  archive.put("window.numbers", numbers);
  archive.put("window.features", features);
}

Status RowWindow::take(const TensorArchive& archive, std::size_t arms) {
  const auto corrupt = [] {
    return fail(ErrorCode::corrupt, "policy state: bad window of rows; use an older snapshot");
  };
  const auto stored = archive.bytes("window.samples");
  if (!stored) return fail(stored.error());
  const auto count = static_cast<std::size_t>(std::atoll(stored->c_str()));
  if (count > capacity_) return corrupt();
  const auto numbers = archive.tensor("window.numbers", count * kNumbers);
  if (!numbers) return fail(numbers.error());
  const auto features = archive.tensor("window.features", count * dimension_);
  if (!features) return fail(features.error());
  std::deque<WindowSample> samples;
  for (std::size_t i = 0; i < count; ++i) {
    const double* n = numbers->data() + i * kNumbers;
    if (!(n[0] >= 0 && n[1] >= 0 && n[2] >= 0 && n[2] < static_cast<double>(arms))) {
      return corrupt();
    }
    WindowSample sample;
    sample.sequence = static_cast<std::uint64_t>(n[0]);
    sample.decision_sequence = static_cast<std::uint64_t>(n[1]);
    sample.arm = static_cast<std::size_t>(n[2]);
    sample.propensity = n[3];
    sample.share = n[4];
    sample.price_reference = n[5];
    sample.quality = n[6];
    sample.cost_usd = unless_negative(n[7]);
    sample.latency_s = unless_negative(n[8]);
    sample.weights = {n[9], n[10]};
    const double* feature = features->data() + i * dimension_;
    for (std::size_t j = 0; j < dimension_; ++j) {
      sample.features.push_back(static_cast<float>(feature[j]));
    }
    samples.push_back(std::move(sample));
  }
  samples_ = std::move(samples);
  return {};
}

}  // namespace yardmaster::policies
