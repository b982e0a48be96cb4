#include "agent/simulation/scenario.h"

#include <charconv>
#include <cmath>
#include <optional>

namespace yardmaster::agent {
namespace {

std::optional<double> number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint64_t> count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ScenarioRound> parse_round(std::string_view text) {
  ScenarioRound round;
  round.percent = text.ends_with('%');
  if (round.percent) text.remove_suffix(1);
  const auto value = number(text);
  if (!value || *value < 0 || (round.percent ? *value > 100 : *value != std::floor(*value))) {
    return std::nullopt;
  }
  round.value = *value;
  return round;
}

}  // namespace

std::uint64_t ScenarioRound::of(std::uint64_t rounds) const {
  return static_cast<std::uint64_t>(percent ? value / 100 * static_cast<double>(rounds) : value);
}

std::uint64_t FeedbackDelay::draw(Rng& rng) const {
  switch (kind) {
    case Kind::exponential:
      return static_cast<std::uint64_t>(-std::log1p(-rng.uniform()) * static_cast<double>(from));
    case Kind::uniform:
      return from + rng.below(to - from + 1);
    case Kind::fixed:
      break;
  }
  return from;
}

Result<ScenarioEvent> parse_event(ScenarioEvent::Kind kind, std::string_view text) {
  const bool scaled = kind == ScenarioEvent::Kind::price || kind == ScenarioEvent::Kind::quality;
  const auto wrong = [&] {
    return fail(
        ErrorCode::invalid_argument,
        "'" + std::string(text) + "' is no " +
            (scaled ? "MODEL=FACTOR@ROUND with a factor from 0 up; write one like best=0.5@50%"
                    : "MODEL@ROUND; write one like gpt-4o@1000 or gpt-4o@50%"));
  };
  ScenarioEvent event;
  event.kind = kind;
  // From the right: names of models may hold both signs.
  const auto at = text.rfind('@');
  if (at == std::string_view::npos) return wrong();
  const auto round = parse_round(text.substr(at + 1));
  if (!round) return wrong();
  event.round = *round;
  std::string_view model = text.substr(0, at);
  if (scaled) {
    const auto equals = model.rfind('=');
    if (equals == std::string_view::npos) return wrong();
    const auto factor = number(model.substr(equals + 1));
    if (!factor || *factor < 0) return wrong();
    event.factor = *factor;
    model = model.substr(0, equals);
  }
  if (model.empty()) return wrong();
  event.model = model;
  return event;
}

Result<FeedbackDelay> parse_delay(std::string_view text) {
  constexpr std::string_view kExponential = "exp:", kUniform = "uniform:";
  FeedbackDelay delay;
  std::optional<std::uint64_t> from, to = 0;
  if (text.starts_with(kExponential)) {
    delay.kind = FeedbackDelay::Kind::exponential;
    from = count(text.substr(kExponential.size()));
  } else if (text.starts_with(kUniform)) {
    delay.kind = FeedbackDelay::Kind::uniform;
    const std::string_view bounds = text.substr(kUniform.size());
    const auto colon = bounds.find(':');
    from = count(bounds.substr(0, colon));
    to = colon == std::string_view::npos ? std::nullopt : count(bounds.substr(colon + 1));
  } else {
    from = count(text);
  }
  if (!from || !to || (delay.kind == FeedbackDelay::Kind::uniform && *from > *to)) {
    return fail(ErrorCode::invalid_argument,
                "'" + std::string(text) +
                    "' is no delay in decisions; write 500, exp:500 (its mean) or "
                    "uniform:100:900 (least and most)");
  }
  delay.from = *from;
  delay.to = *to;
  return delay;
}

Result<JudgeBias> parse_bias(std::string_view text) {
  const auto equals = text.rfind('=');
  const auto shift =
      equals == std::string_view::npos ? std::nullopt : number(text.substr(equals + 1));
  if (!shift || equals == 0) {
    return fail(ErrorCode::invalid_argument,
                "'" + std::string(text) + "' is no MODEL=SHIFT; write one like gpt-4o=+0.1");
  }
  return JudgeBias{std::string(text.substr(0, equals)), *shift};
}

}  // namespace yardmaster::agent
