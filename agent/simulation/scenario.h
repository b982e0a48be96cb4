#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"

namespace yardmaster::agent {

/// A round of a replay, from 0, as a number or as a part of the rounds.
struct ScenarioRound {
  double value = 0;
  bool percent = false;

  std::uint64_t of(std::uint64_t rounds) const;
};

/// What happens to one model at one round and stays so.
struct ScenarioEvent {
  enum class Kind {
    price,    ///< its costs and its price reference times `factor`
    quality,  ///< its quality times `factor`; the policy is not told
    add,      ///< no candidate before the round
    remove    ///< no candidate from the round on
  };

  Kind kind = Kind::price;
  std::string model;  ///< a name of the data; `best`: the best fixed model at cost and quality of
                      ///< the data
  double factor = 1;
  ScenarioRound round;
};

/// How many decisions lie between a choice and the learning of it.
struct FeedbackDelay {
  enum class Kind { fixed, exponential, uniform };

  Kind kind = Kind::fixed;
  std::uint64_t from = 0;  ///< the delay; the mean of an exponential; the least of a uniform one
  std::uint64_t to = 0;    ///< the largest of a uniform one

  std::uint64_t draw(Rng& rng) const;
};

/// A judge who values one model's answers wrongly.
struct JudgeBias {
  std::string model;
  double shift = 0;  ///< added to what the learner sees of its quality
};

/// How the learner hears of what it did. The score counts the true quality in any case.
struct FeedbackModel {
  FeedbackDelay delay;
  double rate = 1;         ///< part of the rows whose quality becomes known
  double judge_noise = 0;  ///< standard deviation of what is added to the quality seen
  std::vector<JudgeBias> biases;
};

/// MODEL=FACTOR@ROUND for a price or a quality, MODEL@ROUND for a model that is added or removed;
/// ROUND is a number or a part of the rounds such as 50%. Fails with invalid_argument.
Result<ScenarioEvent> parse_event(ScenarioEvent::Kind kind, std::string_view text);

/// N, exp:MEAN or uniform:LEAST:MOST. Fails with invalid_argument.
Result<FeedbackDelay> parse_delay(std::string_view text);

/// MODEL=SHIFT, such as gpt-4o=+0.1. Fails with invalid_argument.
Result<JudgeBias> parse_bias(std::string_view text);

}  // namespace yardmaster::agent
