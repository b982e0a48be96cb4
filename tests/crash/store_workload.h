#pragma once

#include <filesystem>
#include <string>

#include "base/random.h"
#include "replay/store.h"

/// What the writer that is killed appends, and what the test expects to find: all is made from
/// the number of the decision.
namespace yardmaster::crash {

inline Timestamp time_of(std::uint64_t n) {
  return Timestamp(std::chrono::seconds(1'767'225'600) + std::chrono::milliseconds(n));
}

inline DecisionId decision_id(std::uint64_t n) {
  Rng rng(42, n);
  return DecisionId::make(time_of(n), rng);
}

inline replay::StoreOptions store_options(const std::filesystem::path& directory) {
  replay::StoreOptions options;
  options.directory = directory;
  options.write_buffer_bytes = 256u << 10;  // so that kills hit flushes and compactions too
  options.recent_decisions = 256;
  options.reward_window = std::chrono::hours(24 * 365 * 100);
  return options;
}

/// The same, and all texts of the workload are beyond their age.
inline replay::StoreOptions forgetful_options(const std::filesystem::path& directory) {
  replay::StoreOptions options = store_options(directory);
  options.max_text_age = std::chrono::hours(1);
  return options;
}

inline env::QualityObjective objective() {
  env::MetricSpec quality;
  quality.name = "quality";
  return *env::QualityObjective::make({quality}, {});
}

inline Decision decision(std::uint64_t n) {
  Decision out;
  out.id = decision_id(n);
  out.time = time_of(n);
  out.router = "auto";
  out.session_id = "session-" + std::to_string(n / 4);
  out.query = std::string(200, 'q');
  out.features = {"static", 1, std::vector<float>(64, static_cast<float>(n))};
  out.candidates = {"a", "b"};
  out.propensities = {0.5, 0.5};
  out.chosen = n % 2;
  return out;
}

inline Outcome outcome(std::uint64_t n) {
  Outcome out;
  out.time = time_of(n);
  out.cost_usd = 0.001;
  return out;
}

inline double value(std::uint64_t n) { return static_cast<double>(n % 11) / 10; }

inline replay::FeedbackItem feedback(std::uint64_t n) {
  replay::FeedbackItem item;
  item.target.id = decision_id(n).str();
  item.feedback.metric = "quality";
  item.feedback.value = value(n);
  item.feedback.time = time_of(n);
  item.feedback.idempotency_key = "key-" + std::to_string(n);
  return item;
}

}  // namespace yardmaster::crash
