#include "agent/keys/key_account.h"

namespace yardmaster::agent {
namespace {

std::int64_t day_of(Timestamp time) {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

void resize(std::optional<TokenBucket>& bucket, double per_minute) {
  if (per_minute <= 0) {
    bucket.reset();
  } else if (!bucket) {
    bucket.emplace(per_minute);
  } else if (bucket->limit() != per_minute) {
    bucket->resize(per_minute);
  }
}

}  // namespace

KeyUsage& KeyUsage::operator+=(const KeyUsage& other) {
  requests += other.requests;
  rate_limited += other.rate_limited;
  over_budget += other.over_budget;
  input_tokens += other.input_tokens;
  output_tokens += other.output_tokens;
  cost_usd += other.cost_usd;
  feedback_stored += other.feedback_stored;
  return *this;
}

KeyAccount::KeyAccount(const ApiKey& key) { set_limits(key); }

void KeyAccount::set_limits(const ApiKey& key) {
  const std::lock_guard lock(mutex_);
  resize(requests_, key.requests_per_minute);
  resize(tokens_, static_cast<double>(key.tokens_per_minute));
  resize(feedback_, key.feedback_per_minute);
  budget_usd_per_day_ = key.budget_usd_per_day;
}

/// Days only go forward: what a late outcome says of yesterday changes nothing today.
void KeyAccount::start_day(Timestamp now) {
  if (day_of(now) <= day_) return;
  day_ = day_of(now);
  spent_today_ = 0;
}

std::optional<OverLimit> KeyAccount::take_request(Timestamp now) {
  const std::lock_guard lock(mutex_);
  start_day(now);
  ++usage_.requests;
  if (budget_usd_per_day_ > 0 && spent_today_ >= budget_usd_per_day_) {
    const auto midnight = std::chrono::ceil<std::chrono::days>(now + Timestamp::duration(1));
    return refuse({OverLimit::What::budget, midnight - now});
  }
  if (requests_ && !requests_->take(1, now)) {
    return refuse({OverLimit::What::requests, requests_->until(1)});
  }
  return std::nullopt;
}

std::optional<OverLimit> KeyAccount::take_tokens(double tokens, Timestamp now) {
  const std::lock_guard lock(mutex_);
  if (!tokens_ || tokens_->take(tokens, now)) return std::nullopt;
  return refuse({OverLimit::What::tokens, tokens_->until(tokens)});
}

std::optional<OverLimit> KeyAccount::take_feedback(std::size_t values, Timestamp now) {
  const std::lock_guard lock(mutex_);
  const auto amount = static_cast<double>(values);
  if (!feedback_ || feedback_->take(amount, now)) return std::nullopt;
  return refuse({OverLimit::What::feedback, feedback_->until(amount)});
}

OverLimit KeyAccount::refuse(OverLimit over) {
  ++(over.what == OverLimit::What::budget ? usage_.over_budget : usage_.rate_limited);
  return over;
}

void KeyAccount::count_feedback(std::uint64_t values) {
  const std::lock_guard lock(mutex_);
  usage_.feedback_stored += values;
}

void KeyAccount::count_outcome(std::uint64_t input_tokens, std::uint64_t output_tokens,
                               double cost_usd) {
  const std::lock_guard lock(mutex_);
  usage_.input_tokens += input_tokens;
  usage_.output_tokens += output_tokens;
  usage_.cost_usd += cost_usd;
}

KeyUsage KeyAccount::usage() const {
  const std::lock_guard lock(mutex_);
  return usage_;
}

void KeyAccount::charge_tokens(double tokens) {
  const std::lock_guard lock(mutex_);
  if (tokens_) tokens_->charge(tokens);
}

void KeyAccount::charge_usd(double usd, Timestamp time) {
  const std::lock_guard lock(mutex_);
  start_day(time);
  if (day_of(time) == day_) spent_today_ += usd;
}

KeyStanding KeyAccount::standing(Timestamp now) {
  const std::lock_guard lock(mutex_);
  start_day(now);
  return {standing_of(requests_, now), standing_of(tokens_, now), budget_usd_per_day_,
          spent_today_};
}

std::optional<LimitStanding> KeyAccount::standing_of(std::optional<TokenBucket>& bucket,
                                                     Timestamp now) const {
  if (!bucket) return std::nullopt;
  const double level = std::max(0.0, bucket->level(now));
  return LimitStanding{static_cast<std::uint64_t>(bucket->limit()),
                       static_cast<std::uint64_t>(level), bucket->until_full()};
}

}  // namespace yardmaster::agent
