#include "agent/model_load.h"

#include <chrono>
#include <cmath>
#include <utility>

namespace yardmaster::agent {
namespace {

std::string again_in(std::chrono::microseconds time) {
  return "; again in " + std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) +
         " s";
}

}  // namespace

struct ModelLoad::Model {
  explicit Model(const env::ModelSpec& spec) : max_concurrent(spec.max_concurrent.value_or(0)) {
    if (spec.requests_per_minute) requests.emplace(*spec.requests_per_minute);
    if (spec.tokens_per_minute) {
      tokens.emplace(static_cast<double>(*spec.tokens_per_minute));
    }
  }

  /// Why it cannot take the query; empty: it can.
  std::string reason(double needed_tokens, Timestamp now) {
    if (max_concurrent > 0 && running >= max_concurrent) {
      return "at its limit of " + std::to_string(max_concurrent) + " calls at once";
    }
    if (requests && !requests->has(1, now)) {
      return "at its limit of " + std::to_string(std::llround(requests->limit())) +
             " requests a minute" + again_in(requests->until(1));
    }
    if (tokens && !tokens->has(needed_tokens, now)) {
      return "at its limit of " + std::to_string(std::llround(tokens->limit())) +
             " tokens a minute" + again_in(tokens->until(needed_tokens));
    }
    return {};
  }

  const std::uint32_t max_concurrent;  // 0: no limit
  std::mutex mutex;
  std::uint32_t running = 0;
  std::optional<TokenBucket> requests, tokens;
};

ModelLoad::ModelLoad(const std::vector<env::ModelSpec>& models) {
  for (const env::ModelSpec& spec : models) {
    const bool limited = spec.max_concurrent || spec.requests_per_minute || spec.tokens_per_minute;
    models_.push_back(limited ? std::make_unique<Model>(spec) : nullptr);
    has_limits_ |= limited;
  }
}

ModelLoad::~ModelLoad() = default;

void ModelLoad::add_reasons(double tokens, Timestamp now, std::vector<std::string>& reasons) const {
  if (!has_limits_) return;
  reasons.resize(models_.size());
  for (std::size_t i = 0; i < models_.size(); ++i) {
    if (models_[i] == nullptr || !reasons[i].empty()) continue;
    const std::lock_guard lock(models_[i]->mutex);
    reasons[i] = models_[i]->reason(tokens, now);
  }
}

ModelLoad::Call ModelLoad::begin(std::size_t index, double tokens, Timestamp now) {
  if (models_[index] == nullptr) return {};
  Model& model = *models_[index];
  const std::lock_guard lock(model.mutex);
  ++model.running;
  if (model.requests) {
    model.requests->level(now);
    model.requests->charge(1);
  }
  if (model.tokens) {
    model.tokens->level(now);
    model.tokens->charge(tokens);
  }
  return Call(model, tokens);
}

ModelLoad::Call::Call(Call&& other) noexcept
    : model_(std::exchange(other.model_, nullptr)), tokens_(other.tokens_) {}

ModelLoad::Call& ModelLoad::Call::operator=(Call&& other) noexcept {
  if (this == &other) return *this;
  end();
  model_ = std::exchange(other.model_, nullptr);
  tokens_ = other.tokens_;
  return *this;
}

void ModelLoad::Call::used(double tokens) {
  if (model_ == nullptr) return;
  const std::lock_guard lock(model_->mutex);
  if (model_->tokens) model_->tokens->charge(tokens - tokens_);
  tokens_ = tokens;
}

void ModelLoad::Call::again() {
  if (model_ == nullptr) return;
  const std::lock_guard lock(model_->mutex);
  if (model_->requests) model_->requests->charge(1);
}

void ModelLoad::Call::end() {
  if (model_ == nullptr) return;
  const std::lock_guard lock(model_->mutex);
  --model_->running;
  model_ = nullptr;
}

}  // namespace yardmaster::agent
