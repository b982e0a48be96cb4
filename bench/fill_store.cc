// Fills a store as months of traffic would: fill_store DIRECTORY DECISIONS. Decisions of the router
// "auto" on the models m0 to m11, as bench/serving.py configures them, spread evenly over the last
// 90 days, each with its outcome and one value of feedback.

#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "env/encoder.h"
#include "env/metrics.h"
#include "replay/store.h"

namespace yardmaster {
namespace {

constexpr std::size_t kModels = 12;
constexpr std::uint64_t kGroup = 500;  // decisions between two syncs
constexpr std::chrono::hours kSpan{24 * 90};

/// Waits for calls of the store, of which a failed one ends the program.
class Waiter {
 public:
  void begin() {
    const std::lock_guard lock(mutex_);
    ++open_;
  }
  void end(const Status& status) {
    if (!status) {
      std::fprintf(stderr, "fill_store: %s\n", status.error().message.c_str());
      std::_Exit(1);
    }
    const std::lock_guard lock(mutex_);
    if (--open_ == 0) all_done_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    all_done_.wait(lock, [this] { return open_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_done_;
  std::uint64_t open_ = 0;
};

class Traffic {
 public:
  Traffic(const env::Encoder& encoder, std::uint64_t decisions)
      : end_(system_clock_now() - std::chrono::minutes(1)),
        step_(std::chrono::duration_cast<std::chrono::microseconds>(kSpan) / decisions),
        next_(end_ - step_ * decisions) {
    example_.router = "auto";
    example_.features.encoder = encoder.name();
    example_.features.version = encoder.version();
    example_.features.values.resize(encoder.dimension());
    for (std::size_t i = 0; i < kModels; ++i) {
      example_.candidates.push_back("m" + std::to_string(i));
      example_.propensities.push_back(1.0 / kModels);
    }
    example_.price_reference = 0.0005;
    example_.estimated_cost_usd = 0.0004;
    example_.estimated_input_tokens = 250;
  }

  Decision decision() {
    Decision out = example_;
    out.time = next_;
    next_ += step_;
    out.id = DecisionId::make(out.time, rng_);
    out.chosen = rng_.below(kModels);
    const double scale = 1 / std::sqrt(static_cast<double>(out.features.values.size()));
    for (float& value : out.features.values) value = static_cast<float>(scale * rng_.normal());
    return out;
  }

  Outcome outcome(const Decision& decision) {
    Outcome out;
    out.time = decision.time + std::chrono::seconds(2);
    out.latency_s = 0.5 + rng_.uniform();
    out.input_tokens = 100 + rng_.below(400);
    out.output_tokens = 50 + rng_.below(300);
    out.cost_usd = 1e-6 * static_cast<double>(*out.output_tokens * (1 + decision.chosen));
    return out;
  }

  replay::FeedbackItem feedback(const Decision& decision) {
    replay::FeedbackItem item;
    item.target.id = decision.id.str();
    item.feedback.metric = "quality";
    item.feedback.value = rng_.uniform() < 0.6 ? 1 : 0;
    item.feedback.time = decision.time + std::chrono::seconds(60);
    return item;
  }

 private:
  Timestamp end_;
  std::chrono::microseconds step_;
  Timestamp next_;
  Decision example_;
  Rng rng_{2026};
};

Status fill(const char* directory, std::uint64_t decisions) {
  auto encoder = env::make_encoder("static");
  if (!encoder) return fail(encoder.error());
  env::MetricSpec quality;
  quality.name = "quality";
  auto objective = env::QualityObjective::make({quality}, {});
  if (!objective) return fail(objective.error());
  replay::StoreOptions options;
  options.directory = directory;
  options.reward_window = kSpan * 2;  // so that the feedback completes each row
  auto store = replay::Store::open(options, *objective);
  if (!store) return fail(store.error());

  Traffic traffic(**encoder, decisions);
  Waiter waiter;
  const auto done = [&waiter](const Status& status) { waiter.end(status); };
  for (std::uint64_t made = 0; made < decisions; made += kGroup) {
    std::vector<replay::FeedbackItem> feedback;
    for (std::uint64_t i = made; i < std::min(made + kGroup, decisions); ++i) {
      Decision decision = traffic.decision();
      Outcome outcome = traffic.outcome(decision);
      feedback.push_back(traffic.feedback(decision));
      const DecisionId id = decision.id;
      waiter.begin();
      (*store)->append_decision(std::move(decision), done);
      waiter.begin();
      (*store)->append_outcome(id, std::move(outcome), "", done);
    }
    waiter.begin();
    (*store)->append_feedback(std::move(feedback),
                              [&waiter](const std::vector<replay::FeedbackResult>& results) {
                                for (const auto& result : results) {
                                  if (result.error) return waiter.end(fail(*result.error));
                                }
                                waiter.end({});
                              });
    waiter.wait();
  }
  return {};
}

}  // namespace
}  // namespace yardmaster

int main(int argc, char** argv) {
  std::uint64_t decisions = 0;
  const std::string_view count = argc == 3 ? argv[2] : "";
  const auto read = std::from_chars(count.data(), count.data() + count.size(), decisions);
  if (decisions == 0 || read.ptr != count.data() + count.size()) {
    std::fputs("usage: fill_store DIRECTORY DECISIONS\n", stderr);
    return 2;
  }
  const yardmaster::Status filled = yardmaster::fill(argv[1], decisions);
  if (!filled) std::fprintf(stderr, "fill_store: %s\n", filled.error().message.c_str());
  return filled ? 0 : 1;
}
