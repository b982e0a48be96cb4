// What a decision and a learned row cost: 12 models, 76 features, the posterior of 5,000 rows.

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
  explicit Bench(const std::string& policy) {
    policies::PolicyOptions options;
    options.dimension = kDimension;
    for (std::size_t i = 0; i < kModels; ++i) options.models.push_back("m" + std::to_string(i));
    learner = std::move(policies::make_learner(policy, options).value());
    for (std::uint64_t t = 1; t <= 512; ++t) rows.push_back(row(t));
    for (std::uint64_t t = 0; t < 5000; ++t) (void)learner->learn(rows[t % rows.size()]);
    for (const std::string& model : learner->arms()) names.push_back(model);
    for (const std::string& name : names) candidates.push_back({name, 0.001, 0});
  }

  TrainingRow row(std::uint64_t sequence) {
    TrainingRow out;
    out.sequence = out.decision_sequence = sequence;
    for (std::size_t i = 0; i < kDimension; ++i) {
      out.features.values.push_back(static_cast<float>(0.11 * rng.normal()));
    }
    ArmOutcome outcome;
    outcome.model = "m" + std::to_string(rng.below(kModels));
    outcome.price_reference = 0.001;
    outcome.quality = rng.uniform() < 0.6 ? 1 : 0;
    outcome.cost_usd = 0.001 * rng.uniform();
    out.outcomes.push_back(outcome);
    return out;
  }

  void decide(std::uint64_t t) {
    const env::Observation observation{
        rows[t % rows.size()].features.values, candidates, {30, 0}, 5000 + t};
    (void)learner->live().distribution(observation, probabilities, {});
    benchmark::DoNotOptimize(probabilities.data());
  }

  Rng rng{1};
  std::unique_ptr<policies::Learner> learner;
  std::vector<TrainingRow> rows;
  std::vector<std::string> names;
  std::vector<env::Candidate> candidates;
  std::vector<double> probabilities = std::vector<double>(kModels);
};

void decide(benchmark::State& state, const std::string& policy) {
  Bench bench(policy);
  std::uint64_t t = 0;
  for (auto _ : state) bench.decide(t++);
}

void learn(benchmark::State& state, const std::string& policy) {
  Bench bench(policy);
  std::uint64_t t = 0;
  for (auto _ : state) (void)bench.learner->learn(bench.rows[t++ % bench.rows.size()]);
}

void decide_and_learn(benchmark::State& state, const std::string& policy) {
  Bench bench(policy);
  std::uint64_t t = 0;
  for (auto _ : state) {
    bench.decide(t);
    (void)bench.learner->learn(bench.rows[t++ % bench.rows.size()]);
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

BENCHMARK(best_of_normals)->Arg(2)->Arg(12)->Arg(64);
BENCHMARK(snapshot);

int main(int argc, char** argv) {
  for (const std::string& name : policies::policy_names()) {
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
