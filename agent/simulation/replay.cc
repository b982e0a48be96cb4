#include "agent/simulation/replay.h"

#include <chrono>

namespace yardmaster::agent {
namespace {

enum Stream : std::uint64_t { kChoice = 1, kWarmChoice = 5, kPacing = 6 };

constexpr std::uint64_t kRoundsBetweenProgress = 512;

}  // namespace

Replay::Replay(const World& world, const SimulationOptions& options, std::uint64_t seed,
               policies::Learner& learner, FeedbackChannel channel)
    : world_(world),
      options_(options),
      learner_(learner),
      channel_(std::move(channel)),
      order_(world.data().rows(), options.warm_rows, seed),
      choice_(seed, kChoice),
      warm_choice_(seed, kWarmChoice),
      pacer_(options.budget.any() ? std::make_unique<BudgetPacer>(options.budget) : nullptr),
      pacing_(seed, kPacing),
      tally_(world) {}

Result<Replay> Replay::make(const World& world, const SimulationOptions& options,
                            std::uint64_t seed, policies::Learner& learner) {
  auto channel = FeedbackChannel::make(options.feedback, world, seed);
  if (!channel) return fail(channel.error());
  return Replay(world, options, seed, learner, std::move(*channel));
}

Status Replay::run(const Progress& progress) {
  if (options_.warm_start != nullptr) {
    if (auto done = learn_file(*options_.warm_start); !done) return done;
  }
  if (auto done = learn_logs(); !done) return done;
  first_sequence_ = learned_;
  const auto start = std::chrono::steady_clock::now();
  for (const Stretch& stretch : world_.stretches()) {
    if (stretch.first > 0) change_arms(stretch);
    for (std::uint64_t round = stretch.first; round < stretch.end; ++round) {
      if (auto done = step(round, stretch); !done) return done;
      if (round % kRoundsBetweenProgress == 0) {
        progress(static_cast<double>(round) / static_cast<double>(world_.rounds()));
      }
    }
  }
  const auto end = std::chrono::steady_clock::now();
  tally_.set_seconds(std::chrono::duration<double>(end - start).count());
  return {};
}

Status Replay::learn_file(const SimulationData& data) {
  for (std::size_t row = 0; row < data.rows(); ++row) {
    TrainingRow full = full_training_row(data, row, options_.weights);
    full.sequence = full.decision_sequence = ++learned_;
    if (auto done = learner_.learn(full); !done) return done;
  }
  return {};
}

Status Replay::learn_logs() {
  const Stretch& stretch = world_.stretches().front();
  for (const std::size_t row : order_.warm_rows()) {
    world_.candidates(stretch, row, present_);
    if (present_.empty()) continue;
    TrainingRow logged;
    if (options_.warm_full) {
      logged = observed(stretch, row, present_.front(), 1);
      for (std::size_t i = 1; i < present_.size(); ++i) {
        logged.outcomes.push_back(observed(stretch, row, present_[i], 1).outcomes.front());
      }
    } else {
      const auto drawn = static_cast<std::size_t>(warm_choice_.below(present_.size()));
      logged = observed(stretch, row, present_[drawn], 1 / static_cast<double>(present_.size()));
    }
    logged.sequence = logged.decision_sequence = ++learned_;
    if (auto done = learner_.learn(logged); !done) return done;
  }
  return {};
}

void Replay::change_arms(const Stretch& stretch) {
  for (const std::size_t model : stretch.changed) {
    if (stretch.present[model]) {
      learner_.add_arm(world_.data().models[model]);
    } else {
      learner_.remove_arm(world_.data().models[model]);
    }
  }
}

Status Replay::step(std::uint64_t round, const Stretch& stretch) {
  auto row = order_.next(world_, stretch);
  if (!row) return fail(row.error());
  auto chosen = choose(stretch, *row, round);
  if (!chosen) return fail(chosen.error());
  const std::size_t model = present_[*chosen];
  const RoundScore score = world_.score(stretch, *row, model);
  tally_.add(score);
  if (pacer_) pacer_->spent(decision_, score.cost_usd);
  TrainingRow seen = observed(stretch, *row, model, probabilities_[*chosen]);
  seen.weights = weights_;
  seen.decision_sequence = first_sequence_ + round + 1;
  channel_.send(round, std::move(seen));
  return channel_.deliver(round, learned_, learner_);
}

/// The index in present_ of the model drawn; fills what is known of the choice.
Result<std::size_t> Replay::choose(const Stretch& stretch, std::size_t row, std::uint64_t round) {
  world_.candidates(stretch, row, present_);
  candidates_.clear();
  for (const std::size_t model : present_) {
    candidates_.push_back({world_.data().models[model], world_.price_reference(stretch, model), 0});
  }
  const env::Observation observation{world_.data().features_of(row), candidates_, options_.weights,
                                     first_sequence_ + round};
  if (pacer_) return choose_paced(observation);
  weights_ = options_.weights;
  probabilities_.resize(candidates_.size());
  if (auto made = learner_.live().distribution(observation, probabilities_, {}); !made) {
    return fail(made.error());
  }
  return draw();
}

/// The same within the budget: present_ is what the ceiling leaves.
Result<std::size_t> Replay::choose_paced(const env::Observation& observation) {
  auto paced = choose_within_budget(*pacer_, &learner_.live(), observation, Timestamp(), pacing_);
  if (!paced) return fail(paced.error());
  if (paced->probabilities.empty()) {
    return fail(ErrorCode::invalid_argument, "the policy gave no valid distribution");
  }
  for (std::size_t i = 0; i < paced->kept.size(); ++i) present_[i] = present_[paced->kept[i]];
  present_.resize(paced->kept.size());
  weights_ = options_.weights;
  weights_.cost += paced->added_cost_weight;
  probabilities_ = std::move(paced->probabilities);
  const std::size_t chosen = draw();
  decision_ = DecisionId::make(Timestamp(), pacing_);
  pacer_->decided(decision_, world_.data().models[present_[chosen]], paced->expected_usd[chosen],
                  Timestamp());
  return chosen;
}

std::size_t Replay::draw() {
  double left = choice_.uniform();
  std::size_t chosen = 0;
  while (chosen + 1 < probabilities_.size() && left >= probabilities_[chosen]) {
    left -= probabilities_[chosen++];
  }
  return chosen;
}

/// What is learned of a choice: its outcome as the judge sees it.
TrainingRow Replay::observed(const Stretch& stretch, std::size_t row, std::size_t model,
                             double propensity) {
  const SimulationData::Cell cell = channel_.judge(world_.cell(stretch, row, model), model);
  TrainingRow out = empty_training_row(world_.data(), row, options_.weights);
  out.outcomes.push_back({world_.data().models[model], propensity,
                          world_.price_reference(stretch, model), cell.quality, cell.cost_usd,
                          cell.latency_s});
  return out;
}

}  // namespace yardmaster::agent
