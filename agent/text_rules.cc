#include "agent/text_rules.h"

#include <algorithm>
#include <utility>

#include "env/query.h"
#include "env/query_text.h"

namespace yardmaster::agent {
namespace {

/// A text that fills its budget was cut; the cut may leave some bytes free, as it splits no
/// character.
constexpr std::size_t kCutFrom = env::kQueryTextBytes - 4;

/// So much of a cut text's end is left out at most.
constexpr std::size_t kMostLeftOut = 256;

constexpr std::string_view kSpaces = " \t\r\n";

bool has_digit(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The text without its last word and the space before it.
std::string_view without_last_word(std::string_view text) {
  const std::size_t space = text.find_last_of(kSpaces);
  if (space == std::string_view::npos) return {};
  const std::size_t last = text.substr(0, space).find_last_not_of(kSpaces);
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string_view last_word(std::string_view text) {
  const std::size_t space = text.find_last_of(kSpaces);
  return space == std::string_view::npos ? text : text.substr(space + 1);
}

std::string_view without_cut_end(std::string_view text) {
  std::string_view whole = without_last_word(text);
  while (has_digit(last_word(whole))) whole = without_last_word(whole);
  const std::string_view least = env::cut_at_character(text, text.size() - kMostLeftOut);
  return whole.size() > least.size() ? whole : least;
}

}  // namespace

Result<TextRules> TextRules::make(const StoreQueriesConfig& config) {
  TextRules rules;
  rules.keeps_queries_ = config.enabled;
  rules.max_bytes_ = config.max_bytes;
  rules.max_age_ = days(config.max_age_days);
  if (config.redact.empty() && config.patterns.empty()) return rules;
  auto redactor = env::Redactor::make(config.redact, config.patterns);
  if (!redactor) return fail(redactor.error());
  rules.redactor_ = std::move(*redactor);
  return rules;
}

std::string TextRules::query(std::string_view text) const {
  if (redactor_ == nullptr) return std::string(env::cut_at_character(text, max_bytes_));
  if (text.size() >= kCutFrom) text = without_cut_end(text);
  return std::string(env::cut_at_character(redactor_->redact(text), max_bytes_));
}

std::string TextRules::other(std::string text) const {
  return redactor_ == nullptr || text.empty() ? std::move(text) : redactor_->redact(text);
}

void TextRules::apply(DecisionRecord& record) const {
  std::optional<std::string>& text = record.decision.query;
  if (!keeps_queries_) text.reset();
  if (text) text = query(*text);
  if (record.outcome) record.outcome->error = other(std::move(record.outcome->error));
  for (Feedback& feedback : record.feedback) {
    feedback.comment = other(std::move(feedback.comment));
  }
}

void TextRules::forget(Decision& decision, Timestamp now) const {
  if (max_age_.count() > 0 && decision.time < now - max_age_) decision.query.reset();
}

}  // namespace yardmaster::agent
