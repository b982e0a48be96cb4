#include "agent/simulation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <numeric>
#include <unordered_map>

#include "base/random.h"
#include "env/objective.h"
#include "policies/policy.h"

namespace yardmaster::agent {

namespace {

using Cell = SimulationData::Cell;

// Keys of the random streams of one seed: what one draws does not depend on the others.
enum Stream : std::uint64_t { kShuffle, kChoice, kFeedback };

double reward_of(const Cell& cell, const ObjectiveWeights& weights) {
  return env::reward(cell.quality.value_or(0), cell.cost_usd, cell.latency_s.value_or(0), weights);
}

/// Rows in a seed's order: a permutation, then another for every further pass.
class RowOrder {
 public:
  RowOrder(std::size_t rows, std::uint64_t seed) : order_(rows), rng_(seed, kShuffle) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  std::size_t next() {
    if (place_ == 0) shuffle();
    const std::size_t row = order_[place_];
    place_ = (place_ + 1) % order_.size();
    return row;
  }

 private:
  void shuffle() {
    for (std::size_t i = order_.size(); i > 1; --i) {
      std::swap(order_[i - 1], order_[static_cast<std::size_t>(rng_.below(i))]);
    }
  }

  std::vector<std::size_t> order_;
  std::size_t place_ = 0;
  Rng rng_;
};

/// Sums of one replay.
struct Tally {
  explicit Tally(std::uint64_t total)
      : last_quarter_from(total - std::max(total / 4, std::uint64_t{1})) {}

  void add(const Cell& cell, double best_reward, const ObjectiveWeights& weights) {
    const double reward = reward_of(cell, weights);
    reward_sum += reward;
    quality_sum += cell.quality.value_or(0);
    cost_sum += cell.cost_usd;
    regret += best_reward - reward;
    if (rounds++ >= last_quarter_from) {
      last_quarter_sum += reward;
      ++last_quarter_rounds;
    }
  }

  std::uint64_t last_quarter_from;
  std::uint64_t rounds = 0;
  std::uint64_t last_quarter_rounds = 0;
  double reward_sum = 0, quality_sum = 0, cost_sum = 0, regret = 0, last_quarter_sum = 0;
  double seconds = 0;
};

// 97.5% quantile of Student's t; beyond the table the normal's is near enough.
double student_t(std::size_t degrees) {
  constexpr std::array kQuantiles = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                     2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                     2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                     2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
  return degrees <= kQuantiles.size() ? kQuantiles[degrees - 1] : 1.96;
}

SimulationResult summarise(std::string policy, const std::vector<Tally>& tallies) {
  SimulationResult out;
  out.policy = std::move(policy);
  const auto seeds = static_cast<double>(tallies.size());
  double seconds = 0, rounds = 0;
  for (const Tally& tally : tallies) {
    const auto count = static_cast<double>(tally.rounds);
    out.mean_reward += tally.reward_sum / count / seeds;
    out.mean_quality += tally.quality_sum / count / seeds;
    out.mean_cost_usd += tally.cost_sum / count / seeds;
    out.last_quarter_reward +=
        tally.last_quarter_sum / static_cast<double>(tally.last_quarter_rounds) / seeds;
    out.regret += tally.regret / seeds;
    seconds += tally.seconds;
    rounds += count;
  }
  double squares = 0;
  for (const Tally& tally : tallies) {
    const double mean = tally.reward_sum / static_cast<double>(tally.rounds);
    squares += (mean - out.mean_reward) * (mean - out.mean_reward);
  }
  const double half =
      tallies.size() < 2 ? 0
                         : student_t(tallies.size() - 1) * std::sqrt(squares / (seeds - 1) / seeds);
  out.ci95 = {out.mean_reward - half, out.mean_reward + half};
  out.decisions_per_s = seconds > 0 ? rounds / seconds : 0;
  return out;
}

std::uint64_t round_count(const SimulationData& data, const SimulationOptions& options) {
  return options.rounds == 0 ? data.rows() : options.rounds;
}

double best_reward(const SimulationData& data, std::size_t row, const ObjectiveWeights& weights) {
  double best = -INFINITY;
  for (std::size_t model = 0; model < data.models.size(); ++model) {
    const Cell& cell = data.cell(row, model);
    if (cell.present) best = std::max(best, reward_of(cell, weights));
  }
  return best;
}

/// One replay with one seed.
class Replay {
 public:
  Replay(const SimulationData& data, const SimulationOptions& options, std::uint64_t seed,
         policies::Learner& learner)
      : data_(data),
        options_(options),
        learner_(learner),
        order_(data.rows(), seed),
        choice_(seed, kChoice),
        feedback_(seed, kFeedback),
        first_sequence_(options.warm_start == nullptr ? 0 : options.warm_start->rows()),
        tally_(round_count(data, options)) {}

  Status run(const Progress& progress) {
    const std::uint64_t rounds = round_count(data_, options_);
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t round = 0; round < rounds; ++round) {
      if (auto done = step(round); !done) return done;
      if (round % 512 == 0) progress(static_cast<double>(round) / static_cast<double>(rounds));
    }
    tally_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return {};
  }

  const Tally& tally() const { return tally_; }

 private:
  Status step(std::uint64_t round) {
    const std::size_t row = order_.next();
    auto chosen = choose(row, round);
    if (!chosen) return fail(chosen.error());
    const std::size_t model = present_[*chosen];
    tally_.add(data_.cell(row, model), best_reward(data_, row, options_.weights), options_.weights);

    TrainingRow learned = training_row(data_, row, model, options_.weights);
    learned.decision_sequence = first_sequence_ + round + 1;
    learned.outcomes[0].propensity = probabilities_[*chosen];
    if (options_.feedback_rate < 1 && feedback_.uniform() >= options_.feedback_rate) {
      learned.outcomes[0].quality.reset();
    }
    waiting_.push_back(std::move(learned));
    while (waiting_.size() > options_.feedback_delay) {
      waiting_.front().sequence = first_sequence_ + ++learned_;
      if (auto done = learner_.learn(waiting_.front()); !done) return done;
      waiting_.pop_front();
    }
    return {};
  }

  /// The index among the row's candidates of the model drawn.
  Result<std::size_t> choose(std::size_t row, std::uint64_t round) {
    candidates_.clear();
    present_.clear();
    for (std::size_t model = 0; model < data_.models.size(); ++model) {
      if (!data_.cell(row, model).present) continue;
      present_.push_back(model);
      candidates_.push_back({data_.models[model], data_.price_references[model], 0});
    }
    probabilities_.resize(candidates_.size());
    const env::Observation observation{data_.features_of(row), candidates_, options_.weights,
                                       first_sequence_ + round};
    if (auto made = learner_.live().distribution(observation, probabilities_, {}); !made) {
      return fail(made.error());
    }
    double left = choice_.uniform();
    std::size_t chosen = 0;
    while (chosen + 1 < probabilities_.size() && left >= probabilities_[chosen]) {
      left -= probabilities_[chosen++];
    }
    return chosen;
  }

  const SimulationData& data_;
  const SimulationOptions& options_;
  policies::Learner& learner_;
  RowOrder order_;
  Rng choice_, feedback_;
  std::uint64_t first_sequence_;
  std::uint64_t learned_ = 0;
  std::deque<TrainingRow> waiting_;
  std::vector<env::Candidate> candidates_;
  std::vector<std::size_t> present_;
  std::vector<double> probabilities_;
  Tally tally_;
};

Status learn_warm_start(const SimulationData& data, const ObjectiveWeights& weights,
                        policies::Learner& learner) {
  for (std::size_t row = 0; row < data.rows(); ++row) {
    TrainingRow full = training_row(data, row, std::nullopt, weights);
    full.sequence = full.decision_sequence = row + 1;
    if (auto done = learner.learn(full); !done) return done;
  }
  return {};
}

}  // namespace

TrainingRow training_row(const SimulationData& data, std::size_t row,
                         std::optional<std::size_t> model, const ObjectiveWeights& weights) {
  TrainingRow out;
  out.features.encoder = data.encoder;
  out.features.version = data.encoder_version;
  const auto features = data.features_of(row);
  out.features.values.assign(features.begin(), features.end());
  out.weights = weights;
  const std::size_t first = model.value_or(0);
  const std::size_t last = model ? first + 1 : data.models.size();
  for (std::size_t i = first; i < last; ++i) {
    const Cell& cell = data.cell(row, i);
    if (!cell.present) continue;
    out.outcomes.push_back(
        {data.models[i], 1, data.price_references[i], cell.quality, cell.cost_usd, cell.latency_s});
  }
  return out;
}

Result<SimulationData> load_simulation_data(const std::string& path, const env::Encoder& encoder,
                                            const Progress& progress) {
  auto reader = env::OutcomeReader::open(path);
  if (!reader) return fail(reader.error());
  auto prices = env::read_model_prices(path);
  if (!prices) return fail(prices.error());

  std::vector<env::OutcomeExample> examples;
  SimulationData data;
  std::unordered_map<std::string, std::size_t> index;
  data.dimension = encoder.dimension();
  data.encoder = encoder.name();
  data.encoder_version = encoder.version();
  while (auto example = reader->next()) {
    for (const env::LoggedOutcome& outcome : example->outcomes) {
      if (index.emplace(outcome.model, data.models.size()).second) {
        data.models.push_back(outcome.model);
      }
    }
    data.features.resize(data.features.size() + data.dimension);
    encoder.encode(env::query_from_text(example->query),
                   std::span(data.features).last(data.dimension));
    example->query.clear();
    examples.push_back(std::move(*example));
    if (examples.size() % 512 == 0) {
      progress(static_cast<double>(reader->bytes_read()) /
               static_cast<double>(reader->file_bytes()));
    }
  }
  data.refused = reader->refused();
  if (examples.empty()) {
    return fail(ErrorCode::invalid_argument,
                "outcome data '" + path + "' holds no usable line" +
                    (data.refused.empty() ? std::string("; it is empty")
                                          : "; line " + std::to_string(data.refused[0].line) +
                                                ": " + data.refused[0].reason));
  }
  data.price_references.assign(data.models.size(), 0);
  for (const env::ModelSpec& model : *prices) {
    const auto found = index.find(model.name);
    if (found != index.end()) data.price_references[found->second] = model.price_reference();
  }
  data.cells.resize(examples.size() * data.models.size());
  for (std::size_t row = 0; row < examples.size(); ++row) {
    for (const env::LoggedOutcome& outcome : examples[row].outcomes) {
      data.cells[row * data.models.size() + index[outcome.model]] = {
          true, outcome.quality, outcome.cost_usd.value_or(0), outcome.latency_s};
    }
  }
  return data;
}

Result<SimulationResult> simulate(const SimulationData& data, std::string_view policy,
                                  const SimulationOptions& options, const Progress& progress) {
  const auto make_learner = [&](std::uint64_t seed) {
    policies::PolicyOptions made;
    made.dimension = data.dimension;
    made.seed = seed;
    made.models = data.models;
    made.exploration_floor = options.exploration_floor;
    made.half_life_decisions = options.half_life_decisions;
    return policies::make_learner(policy, made);
  };
  return simulate(data, policy, make_learner, options, progress);
}

Result<SimulationResult> simulate(const SimulationData& data, std::string_view name,
                                  const LearnerFactory& make_learner,
                                  const SimulationOptions& options, const Progress& progress) {
  std::vector<Tally> tallies;
  for (const std::uint64_t seed : options.seeds) {
    auto learner = make_learner(seed);
    if (!learner) return fail(learner.error());
    if (options.warm_start != nullptr) {
      auto warmed = learn_warm_start(*options.warm_start, options.weights, **learner);
      if (!warmed) return fail(warmed.error());
    }
    Replay replay(data, options, seed, **learner);
    const auto done_seeds = static_cast<double>(tallies.size());
    const auto seeds = static_cast<double>(options.seeds.size());
    auto run = replay.run([&](double part) { progress((done_seeds + part) / seeds); });
    if (!run) return fail(run.error());
    tallies.push_back(replay.tally());
  }
  return summarise(std::string(name), tallies);
}

std::vector<SimulationResult> simulate_baselines(const SimulationData& data,
                                                 const SimulationOptions& options) {
  const std::size_t models = data.models.size();
  std::vector<double> sums(models), counts(models);
  for (std::size_t row = 0; row < data.rows(); ++row) {
    for (std::size_t model = 0; model < models; ++model) {
      if (!data.cell(row, model).present) continue;
      sums[model] += reward_of(data.cell(row, model), options.weights);
      ++counts[model];
    }
  }
  std::size_t best = 0;
  for (std::size_t model = 1; model < models; ++model) {
    if (sums[model] / counts[model] > sums[best] / counts[best]) best = model;
  }
  std::vector<Tally> fixed, uniform, oracle;
  const std::uint64_t rounds = round_count(data, options);
  for (const std::uint64_t seed : options.seeds) {
    RowOrder order(data.rows(), seed);
    Rng rng(seed, kChoice);
    fixed.emplace_back(rounds);
    uniform.emplace_back(rounds);
    oracle.emplace_back(rounds);
    std::vector<std::size_t> present;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      const std::size_t row = order.next();
      present.clear();
      std::size_t best_here = models;
      for (std::size_t model = 0; model < models; ++model) {
        if (!data.cell(row, model).present) continue;
        present.push_back(model);
        if (best_here == models || reward_of(data.cell(row, model), options.weights) >
                                       reward_of(data.cell(row, best_here), options.weights)) {
          best_here = model;
        }
      }
      const Cell& top = data.cell(row, best_here);
      const double ceiling = reward_of(top, options.weights);
      const std::size_t drawn = present[static_cast<std::size_t>(rng.below(present.size()))];
      const std::size_t steady = data.cell(row, best).present ? best : present.front();
      oracle.back().add(top, ceiling, options.weights);
      uniform.back().add(data.cell(row, drawn), ceiling, options.weights);
      fixed.back().add(data.cell(row, steady), ceiling, options.weights);
    }
  }
  return {summarise("best_fixed", fixed), summarise("random", uniform),
          summarise("oracle", oracle)};
}

}  // namespace yardmaster::agent
