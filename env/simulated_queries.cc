#include "env/simulated_queries.h"

#include "base/random.h"

namespace yardmaster::env {
namespace {

constexpr double kMixedShare = 0.4;

template <class T>
const T& pick(std::span<const T> from, Rng& rng) {
  return from[rng.below(from.size())];
}

std::string fill(std::string_view form, std::string_view subject) {
  const std::size_t hole = form.find("{}");
  std::string text(form.substr(0, hole));
  text += subject;
  text += form.substr(hole + 2);
  return text;
}

}  // namespace

std::string simulated_query(std::uint64_t seed, std::uint64_t index) {
  Rng rng(seed, index);
  const auto& topics = simulated_topics();
  const std::size_t of_form = rng.below(kTopics);
  const bool mixed = rng.uniform() < kMixedShare;
  const std::size_t of_subject = mixed ? rng.below(kTopics) : of_form;
  std::string text = fill(pick(topics[of_form].forms, rng), pick(topics[of_subject].subjects, rng));
  text += pick(simulated_styles(), rng).tail;
  return text;
}

}  // namespace yardmaster::env
