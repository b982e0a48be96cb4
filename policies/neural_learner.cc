#include "policies/neural_learner.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "policies/training_check.h"

namespace yardmaster::policies {

namespace {

constexpr std::uint64_t kMaxLag = 16384;  // rows that a row's policy may be behind

// Rows between updates: few while the first rows teach the most, more when they are many.
constexpr std::uint64_t kSmallestBlock = 32;
constexpr std::uint64_t kLargestBlock = 256;
constexpr std::uint64_t kBlocksRemembered = 32;

/// The size of the block that a row is in.
std::uint64_t size_at(std::uint64_t sequence) {
  return std::bit_floor(std::clamp(sequence / kBlocksRemembered, kSmallestBlock, kLargestBlock));
}

/// The first sequence number of the block; sizes are powers of two, so blocks lie end to end.
std::uint64_t block_of(std::uint64_t sequence) {
  return sequence / size_at(sequence) * size_at(sequence);
}

constexpr std::size_t kNumbers = 6;     // of the learner in an archive
constexpr std::size_t kArmNumbers = 7;  // of each arm

}  // namespace

std::vector<std::string> NeuralLearner::unique_models(const PolicyOptions& options) {
  std::vector<std::string> out;
  for (const std::string& model : options.models) {
    if (std::find(out.begin(), out.end(), model) == out.end()) out.push_back(model);
  }
  return out;
}

std::uint64_t NeuralLearner::block_size(std::uint64_t sequence) { return size_at(sequence); }

NeuralLearner::NeuralLearner(std::string format, const PolicyOptions& options, std::size_t window)
    : format_(std::move(format) + ' ' + std::to_string(options.dimension)),
      options_(options),
      arms_(unique_models(options)),
      window_(window, options.dimension) {}

void NeuralLearner::begin(NeuralView& view) {
  view_ = &view;
  view_->dimension = options_.dimension;
  view_->exploration_floor = options_.exploration_floor;
  for (const std::string& arm : arms_) {
    view_->index.emplace(arm, view_->index.size());
    view_->averages.add_arm();
  }
}

Status NeuralLearner::learn(const TrainingRow& row) {
  if (auto checked = check_training_row(row, options_.dimension); !checked) return checked;
  const std::uint64_t block = block_of(row.sequence);
  if (block != block_) finish_block();
  block_ = block;
  advance_clock(row.decision_sequence);
  std::vector<std::size_t> arms;
  for (const ArmOutcome& outcome : row.outcomes) {
    add_arm(outcome.model);
    arms.push_back(view_->index.at(outcome.model));
  }
  count_features(row.features.values);
  const double weight = age_weight(row.decision_sequence);
  if (row.replaces) {
    const auto replaced = view_->arm(row.replaces->model);
    if (replaced) view_->averages.add(*replaced, *row.replaces, -weight);
  }
  for (std::size_t i = 0; i < arms.size(); ++i) {
    view_->averages.add(arms[i], row.outcomes[i], weight);
  }
  row_counted(row, arms);
  // Imported rows say nothing of the policy that chose; theirs is the propensity alone.
  const bool stale = row.decision != DecisionId{} && row.sequence > row.policy_version + kMaxLag;
  if (!stale) window_.add(row, arms);
  newest_ = row.sequence;
  if (block_of(row.sequence + 1) != block) finish_block();
  return {};
}

void NeuralLearner::finish_block() {
  const auto& samples = window_.samples();
  std::size_t fresh = samples.size();
  while (fresh > 0 && samples[fresh - 1].sequence > updated_) --fresh;
  updated_ = newest_;
  if (fresh == samples.size()) return;
  update(block_, fresh);
  refresh();
}

void NeuralLearner::add_arm(std::string_view model) {
  if (!view_->index.emplace(model, arms_.size()).second) return;
  arms_.emplace_back(model);
  view_->averages.add_arm();
  arm_added();
  refresh();
}

void NeuralLearner::remove_arm(std::string_view model) {
  const auto arm = view_->arm(model);
  if (!arm) return;
  arms_.erase(arms_.begin() + static_cast<std::ptrdiff_t>(*arm));
  view_->averages.remove_arm(*arm);
  window_.remove_arm(*arm);
  view_->index.clear();
  for (const std::string& name : arms_) view_->index.emplace(name, view_->index.size());
  arm_removed(*arm);
  refresh();
}

void NeuralLearner::advance_clock(std::uint64_t decision) {
  if (decision <= clock_) return;
  if (options_.half_life_decisions > 0) {
    view_->averages.decay(
        std::exp2(-static_cast<double>(decision - clock_) / options_.half_life_decisions));
  }
  clock_ = decision;
}

double NeuralLearner::age_weight(std::uint64_t decision) const {
  if (options_.half_life_decisions <= 0 || decision >= clock_) return 1;
  return std::exp2(-static_cast<double>(clock_ - decision) / options_.half_life_decisions);
}

double NeuralLearner::present_cost(const WindowSample& sample, double mean_cost) const {
  if (!sample.cost_usd) return mean_cost;
  const double price = view_->averages.arms()[sample.arm].price_reference;
  const bool priced = sample.price_reference > 0 && price > 0;
  return priced ? *sample.cost_usd * price / sample.price_reference : *sample.cost_usd;
}

void NeuralLearner::count_features(const std::vector<float>& values) {
  for (const float value : values) {
    feature_squares_ += static_cast<double>(value) * static_cast<double>(value);
  }
  feature_count_ += static_cast<double>(values.size());
  const double mean_square = feature_squares_ / std::max(feature_count_, 1.0);
  view_->feature_scale = mean_square > 1e-30 ? 1 / std::sqrt(mean_square) : 1;
}

Status NeuralLearner::save(std::ostream& out) const {
  TensorArchive archive;
  archive.put("format", format_);
  archive.put("arms", std::to_string(arms_.size()));
  auto numbers =
      DenseTensor::zeros({static_cast<std::int64_t>(kNumbers + kArmNumbers * arms_.size())});
  double* number = numbers.data();
  for (const std::uint64_t value : {block_, newest_, updated_, clock_}) {
    *number++ = static_cast<double>(value);
  }
  *number++ = feature_squares_;
  *number++ = feature_count_;
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
    archive.put("arm" + std::to_string(arm), arms_[arm]);
    const ArmAverages::Arm& sums = view_->averages.arms()[arm];
    for (const double value : {sums.quality, sums.quality_weight, sums.cost, sums.cost_weight,
                               sums.latency, sums.latency_weight, sums.price_reference}) {
      *number++ = value;
    }
  }
  archive.put("numbers", numbers);
  window_.put(archive);
  put(archive);
  return archive.write(out);
}

Status NeuralLearner::load(std::istream& in) {
  TensorArchive archive;
  if (auto read = archive.read(in); !read) return read;
  const auto format = archive.bytes("format");
  if (!format) return fail(format.error());
  if (*format != format_) {
    return fail(ErrorCode::unsupported,
                "policy state: saved by another policy or version, or for other features; learn "
                "anew from the store");
  }
  const auto count = archive.bytes("arms");
  if (!count) return fail(count.error());
  std::vector<std::string> arms;
  for (long long i = std::atoll(count->c_str()); i > 0; --i) {
    auto name = archive.bytes("arm" + std::to_string(arms.size()));
    if (!name) return fail(name.error());
    arms.push_back(std::move(*name));
  }
  const auto numbers = archive.tensor("numbers", kNumbers + kArmNumbers * arms.size());
  if (!numbers) return fail(numbers.error());
  RowWindow window = window_;
  if (auto taken = window.take(archive, arms.size()); !taken) return taken;
  if (auto taken = take(archive, arms.size()); !taken) return taken;

  arms_ = std::move(arms);
  window_ = std::move(window);
  const double* number = numbers->data();
  for (std::uint64_t* value : {&block_, &newest_, &updated_, &clock_}) {
    *value = static_cast<std::uint64_t>(*number++);
  }
  feature_squares_ = *number++;
  feature_count_ = *number++;
  std::vector<ArmAverages::Arm> sums(arms_.size());
  for (ArmAverages::Arm& arm : sums) {
    for (double* value : {&arm.quality, &arm.quality_weight, &arm.cost, &arm.cost_weight,
                          &arm.latency, &arm.latency_weight, &arm.price_reference}) {
      *value = *number++;
    }
  }
  view_->averages.restore(std::move(sums));
  view_->index.clear();
  for (const std::string& name : arms_) view_->index.emplace(name, view_->index.size());
  count_features({});
  refresh();
  return {};
}

}  // namespace yardmaster::policies
