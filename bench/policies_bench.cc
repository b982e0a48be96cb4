// What a decision and a learned row cost: 76 features, the state of 10,000 rows, 12 models where no
// number is named. `distribution` is what serves: a snapshot's.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "policies/choosers.h"
#include "policies/policy.h"

namespace {

using namespace yardmaster;

constexpr std::size_t kDimension = 76;
constexpr std::size_t kModels = 12;

struct Bench {
  explicit Bench(const std::string& policy, std::size_t models = kModels)
      : count(models), probabilities(models) {
    policies::PolicyOptions options;
    options.dimension = kDimension;
    for (std::size_t i = 0; i < count; ++i) options.models.push_back("m" + std::to_string(i));
    learner = std::move(policies::make_learner(policy, options).value());
    for (int i = 0; i < 512; ++i) rows.push_back(row());
    for (int row = 0; row < 10'000; ++row) learn();
    for (const std::string& model : learner->arms()) names.push_back(model);
    for (const std::string& name : names) candidates.push_back({name, 0.001, 0});
  }

  TrainingRow row() {
    TrainingRow out;
    for (std::size_t i = 0; i < kDimension; ++i) {
      out.features.values.push_back(static_cast<float>(0.11 * rng.normal()));
    }
    ArmOutcome outcome;
    outcome.model = "m" + std::to_string(rng.below(count));
    outcome.price_reference = 0.001;
    outcome.quality = rng.uniform() < 0.6 ? 1 : 0;
    outcome.cost_usd = 0.001 * rng.uniform();
    out.outcomes.push_back(outcome);
    return out;
  }

  void decide(const policies::Policy& policy) {
    const env::Observation observation{next().features.values, candidates, {30, 0}, learned};
    (void)policy.distribution(observation, probabilities, {});
    benchmark::DoNotOptimize(probabilities.data());
  }

  void learn() {
    TrainingRow& row = next();
    row.sequence = row.decision_sequence = row.policy_version = ++learned;
    (void)learner->learn(row);
  }

  TrainingRow& next() { return rows[learned % rows.size()]; }

  std::size_t count;
  Rng rng{1};
  std::uint64_t learned = 0;
  std::unique_ptr<policies::Learner> learner;
  std::vector<TrainingRow> rows;
  std::vector<std::string> names;
  std::vector<env::Candidate> candidates;
  std::vector<double> probabilities;
};

void distribution(benchmark::State& state, const std::string& policy) {
  Bench bench(policy, static_cast<std::size_t>(state.range(0)));
  const auto snapshot = bench.learner->snapshot();
  for (auto _ : state) bench.decide(*snapshot);
}

void decide(benchmark::State& state, const std::string& policy) {
  Bench bench(policy);
  for (auto _ : state) bench.decide(bench.learner->live());
}

void learn(benchmark::State& state, const std::string& policy) {
  Bench bench(policy);
  for (auto _ : state) bench.learn();
}

void decide_and_learn(benchmark::State& state, const std::string& policy) {
  Bench bench(policy);
  for (auto _ : state) {
    bench.decide(bench.learner->live());
    bench.learn();
  }
}

void snapshot(benchmark::State& state) {
  Bench bench("lints");
  for (auto _ : state) benchmark::DoNotOptimize(bench.learner->snapshot());
}

void best_of_normals(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::vector<double> means(count), deviations(count, 0.1), out(count);
  Rng rng(2);
  for (double& mean : means) mean = 0.2 * rng.normal();
  for (auto _ : state) {
    policies::best_of_normals(means, deviations, out);
    benchmark::DoNotOptimize(out.data());
  }
}

}  // namespace

BENCHMARK(best_of_normals)->Arg(2)->Arg(12)->Arg(64)->Arg(200);
BENCHMARK(snapshot);

int main(int argc, char** argv) {
  for (const std::string& name : policies::policy_names()) {
    benchmark::RegisterBenchmark(("distribution/" + name).c_str(), [name](benchmark::State& state) {
      distribution(state, name);
    })->ArgsProduct({{2, 12, 64, 200}});
    benchmark::RegisterBenchmark(("decide/" + name).c_str(),
                                 [name](benchmark::State& state) { decide(state, name); });
    benchmark::RegisterBenchmark(("learn/" + name).c_str(),
                                 [name](benchmark::State& state) { learn(state, name); });
    benchmark::RegisterBenchmark(
        ("decide_and_learn/" + name).c_str(),
        [name](benchmark::State& state) { decide_and_learn(state, name); });
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
