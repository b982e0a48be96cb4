#include "env/simulated_world.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace yardmaster::env {
namespace {

// Chosen so that the demo's pool makes a fair exercise: the best model of each query is at most
// .25 ahead of the best single model in reward, the best model of each topic at least .03.
constexpr double kMiddlingSkill = 0.66;
constexpr double kMiddlingPrice = 1e-3;  // ModelSpec::price_reference(), USD
constexpr double kSkillPerDecade = 0.12;
constexpr double kTopicSkillSd = 0.15;
constexpr double kHiddenDifficultySd = 0.12;
constexpr double kNoiseSd = 0.12;

constexpr double kTypicalOutputTokens = 220;
constexpr double kBytesPerToken = 4;
constexpr std::size_t kCommonWordTopics = 4;  // a word of so many topics tells nothing

/// What a hashed number is for, so that no two uses share one.
enum class Purpose : std::uint64_t { topic_skill, verbosity, speed, difficulty, noise, length };

/// FNV-1a: the same on every machine, unlike std::hash.
std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

Rng keyed(std::uint64_t seed, Purpose purpose, std::uint64_t key) {
  return Rng(mix64(seed) + static_cast<std::uint64_t>(purpose), key);
}

bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Calls `visit` with each word of `text` in lower case (ASCII only).
template <class Visit>
void for_each_word(std::string_view text, Visit visit) {
  std::string word;
  for (const char c : text) {
    if (is_word_byte(c)) {
      word += (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!word.empty()) {
      visit(word);
      word.clear();
    }
  }
  if (!word.empty()) visit(word);
}

std::unordered_map<std::string, TopicMix> topic_words() {
  std::unordered_map<std::string, TopicMix> words;
  const auto& topics = simulated_topics();
  for (std::size_t t = 0; t < kTopics; ++t) {
    const auto mark = [&words, t](const std::string& word) { words[word][t] = 1; };
    for (const std::string_view form : topics[t].forms) for_each_word(form, mark);
    for (const std::string_view subject : topics[t].subjects) for_each_word(subject, mark);
  }
  for (const AnswerStyle& style : simulated_styles()) {
    for_each_word(style.tail, [&words](const std::string& word) { words.erase(word); });
  }
  for (auto entry = words.begin(); entry != words.end();) {
    double topics_of_word = 0;
    for (const double part : entry->second) topics_of_word += part;
    if (topics_of_word >= kCommonWordTopics) {
      entry = words.erase(entry);
      continue;
    }
    for (double& part : entry->second) part /= topics_of_word;
    ++entry;
  }
  return words;
}

const AnswerStyle& style_of(std::string_view text) {
  const auto styles = simulated_styles();
  for (const AnswerStyle& style : styles.subspan(1)) {
    if (text.ends_with(style.tail)) return style;
  }
  return styles.front();
}

}  // namespace

SimulatedWorld::SimulatedWorld(std::uint64_t seed) : seed_(seed), words_(topic_words()) {}

TopicMix SimulatedWorld::topics(std::string_view text) const {
  TopicMix mix{};
  double total = 0;
  for_each_word(text, [&](const std::string& word) {
    const auto found = words_.find(word);
    if (found == words_.end()) return;
    for (std::size_t t = 0; t < kTopics; ++t) mix[t] += found->second[t];
    total += 1;
  });
  if (total == 0) {
    mix[kTopics - 1] = 1;
    return mix;
  }
  for (double& part : mix) part /= total;
  return mix;
}

double SimulatedWorld::skill(const TopicMix& mix, const ModelSpec& model) const {
  double skill = kMiddlingSkill;
  if (model.input_usd_per_mtok && model.output_usd_per_mtok) {
    const double price = std::clamp(model.price_reference(), 1e-5, 1e-1);
    skill += kSkillPerDecade * std::log10(price / kMiddlingPrice);
  }
  // The topics' deviations are taken from their mean: what price buys on the whole is kept.
  Rng rng = keyed(seed_, Purpose::topic_skill, hash_text(model.name));
  std::array<double, kTopics> deviations;
  double mean = 0;
  for (double& deviation : deviations) {
    deviation = kTopicSkillSd * rng.normal();
    mean += deviation / kTopics;
  }
  for (std::size_t t = 0; t < kTopics; ++t) skill += mix[t] * (deviations[t] - mean);
  return skill;
}

double SimulatedWorld::expected_quality(std::string_view text, const ModelSpec& model) const {
  return skill(topics(text), model) - style_of(text).difficulty;
}

SimulatedOutcome SimulatedWorld::outcome(std::string_view text, const ModelSpec& model) const {
  const std::uint64_t text_key = hash_text(text);
  const std::uint64_t model_key = hash_text(model.name);
  const std::uint64_t pair_key = mix64(text_key) ^ model_key;
  SimulatedOutcome outcome;

  Rng difficulty = keyed(seed_, Purpose::difficulty, text_key);
  Rng noise = keyed(seed_, Purpose::noise, pair_key);
  outcome.quality =
      std::clamp(expected_quality(text, model) + kHiddenDifficultySd * difficulty.normal() +
                     kNoiseSd * noise.normal(),
                 0.0, 1.0);

  Rng verbosity = keyed(seed_, Purpose::verbosity, model_key);
  Rng length = keyed(seed_, Purpose::length, pair_key);
  const double tokens = kTypicalOutputTokens * style_of(text).length_factor *
                        std::exp(0.25 * verbosity.normal() + 0.3 * length.normal());
  outcome.output_tokens = static_cast<std::uint32_t>(std::clamp(tokens, 4.0, 4096.0));
  outcome.input_tokens =
      static_cast<std::uint32_t>(std::ceil(static_cast<double>(text.size()) / kBytesPerToken)) + 8;

  Rng speed = keyed(seed_, Purpose::speed, model_key);
  const double first_token_s = 0.15 + 0.5 * speed.uniform();
  const double tokens_per_s = 40 + 120 * speed.uniform();
  outcome.latency_s = first_token_s + outcome.output_tokens / tokens_per_s;
  outcome.cost_usd = model.cost_usd(outcome.input_tokens, outcome.output_tokens);
  return outcome;
}

}  // namespace yardmaster::env
