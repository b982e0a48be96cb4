#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "env/model_pool.h"
#include "env/simulated_queries.h"

namespace yardmaster::env {

/// What part each topic has in a text; sums to 1.
using TopicMix = std::array<double, kTopics>;

/// What a simulated model makes of a query, and how good that is.
struct SimulatedOutcome {
  double quality = 0;    ///< in [0, 1]
  double latency_s = 0;  ///< to the last token
  std::uint32_t input_tokens = 0;
  std::uint32_t output_tokens = 0;
  std::optional<double> cost_usd;  ///< nothing where the model's prices are unknown
};

/// Models that never were: what each would answer to a query, how well, how fast and at what cost,
/// all a function of the seed, the query's text and the model's name and prices. So a daemon that
/// simulates its upstreams and a client that judges their answers agree without talking.
///
/// The rules: a model's skill grows with its price, by kSkillPerDecade for each tenfold, and
/// differs by topic; quality is skill on the text's topics, minus how hard the query is (common to
/// all models, part of it told by the text), plus noise. Any name and any price will do; a model
/// of unknown price has the skill of a middling one.
///
/// Immutable; any thread.
class SimulatedWorld {
 public:
  explicit SimulatedWorld(std::uint64_t seed);

  SimulatedOutcome outcome(std::string_view text, const ModelSpec& model) const;

  /// The quality that noise and hidden difficulty leave unchanged on average, before it is cut
  /// to [0, 1]: what can be known from the text.
  double expected_quality(std::string_view text, const ModelSpec& model) const;

  /// By the share of the topics' words; a text without any is everyday talk.
  TopicMix topics(std::string_view text) const;

 private:
  double skill(const TopicMix& mix, const ModelSpec& model) const;

  std::uint64_t seed_;
  std::unordered_map<std::string, TopicMix> words_;  ///< lower-case word -> its part in each topic
};

}  // namespace yardmaster::env
