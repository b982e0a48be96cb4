// What the replay store costs: decisions logged a second, feedback synced a second, and the time
// that an append takes on its caller's thread. The store is on the disk of the temporary
// directory (TMPDIR); a feedback's time is mostly that disk's time for a sync.

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "replay/store.h"

namespace yardmaster::replay {
namespace {

/// Calls that are under way; whoever starts one waits while there are too many.
class InFlight {
 public:
  explicit InFlight(std::size_t most) : most_(most) {}

  void enter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return count_ < most_; });
    ++count_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    --count_;
    changed_.notify_one();
  }
  void drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::size_t most_;
  std::size_t count_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// A store in a directory of its own, and decisions as the daemon makes them: 12 models, 76
/// features, no query text.
class BenchStore {
 public:
  BenchStore() {
    std::string name = (std::filesystem::temp_directory_path() / "store-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    directory_ = name;
    StoreOptions options;
    options.directory = directory_;
    env::MetricSpec quality;
    quality.name = "quality";
    store_ = std::move(*Store::open(options, *env::QualityObjective::make({quality}, {})));
    for (int i = 0; i < 12; ++i) {
      example_.candidates.push_back("provider/model-" + std::to_string(i));
      example_.propensities.push_back(1.0 / 12);
    }
    example_.router = "auto";
    example_.features = {"static", 1, std::vector<float>(76, 0.5F)};
  }
  ~BenchStore() {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  Decision decision() {
    Decision out = example_;
    out.time = system_clock_now();
    out.id = DecisionId::make(out.time, rng_);
    return out;
  }

  Store& store() { return *store_; }

 private:
  std::filesystem::path directory_;
  std::unique_ptr<Store> store_;
  Decision example_;
  Rng rng_{1};
};

/// Decisions acknowledged a second with up to 1,024 under way; caller_ns is what an append takes
/// on the caller's thread, waking the writer included.
void decisions(benchmark::State& state) {
  BenchStore bench;
  InFlight in_flight(1024);
  std::chrono::nanoseconds calling{0};
  for (auto _ : state) {
    Decision made = bench.decision();
    in_flight.enter();
    const auto start = std::chrono::steady_clock::now();
    bench.store().append_decision(std::move(made), [&](const Status&) { in_flight.leave(); });
    calling += std::chrono::steady_clock::now() - start;
  }
  in_flight.drain();
  state.SetItemsProcessed(state.iterations());
  state.counters["caller_ns"] =
      static_cast<double>(calling.count()) / static_cast<double>(state.iterations());
}
BENCHMARK(decisions)->UseRealTime()->MinTime(3);

/// One decision at a time: how long a route answer waits for its log.
void decision_latency(benchmark::State& state) {
  BenchStore bench;
  for (auto _ : state) {
    std::atomic<bool> done{false};
    bench.store().append_decision(bench.decision(), [&](const Status&) {
      done = true;
      done.notify_one();
    });
    done.wait(false);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decision_latency)->UseRealTime();

/// Feedback acknowledged a second, each on its own decision, with range(0) calls under way.
void feedback(benchmark::State& state) {
  BenchStore bench;
  constexpr std::size_t kDecisions = 20'000;
  std::vector<std::string> ids;
  {
    InFlight in_flight(1024);
    for (std::size_t i = 0; i < kDecisions; ++i) {
      Decision made = bench.decision();
      ids.push_back(made.id.str());
      in_flight.enter();
      bench.store().append_decision(std::move(made), [&](const Status&) { in_flight.leave(); });
    }
    in_flight.drain();
  }
  InFlight in_flight(static_cast<std::size_t>(state.range(0)));
  std::size_t next = 0;
  for (auto _ : state) {
    FeedbackItem item;
    item.target.id = ids[next++ % ids.size()];
    item.feedback.metric = "quality";
    item.feedback.value = 0.5;
    item.feedback.time = system_clock_now();
    in_flight.enter();
    bench.store().append_feedback({std::move(item)},
                                  [&](const std::vector<FeedbackResult>&) { in_flight.leave(); });
  }
  in_flight.drain();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(feedback)->Arg(1)->Arg(16)->Arg(64)->Arg(512)->UseRealTime()->MinTime(2);

}  // namespace
}  // namespace yardmaster::replay

BENCHMARK_MAIN();
