#include "agent/hedging.h"

#include <algorithm>

namespace yardmaster::agent {
namespace {

constexpr double kMostAtOnce = 10;
constexpr double kLonger = 1.1;  // than it was waited for: out of the quantile's own bucket

}  // namespace

Hedging::Hedging(std::size_t models, HedgeSettings settings) : settings_(settings) {
  if (!settings_.enabled) return;
  for (std::size_t i = 0; i < models; ++i) models_.push_back(std::make_unique<Model>());
}

std::optional<Hedging::Seconds> Hedging::wait(std::size_t model, bool stream) const {
  const LatencySketch& times = models_[model]->times(stream);
  if (times.count() < settings_.min_calls) return std::nullopt;
  const auto late = times.quantile(settings_.quantile);
  if (!late) return std::nullopt;
  return std::max(Seconds(*late), Seconds(settings_.min_wait));
}

void Hedging::answered(std::size_t model, bool stream, Seconds time) {
  models_[model]->times(stream).add(time.count());
}

void Hedging::given_up(std::size_t model, bool stream, Seconds time) {
  LatencySketch& times = models_[model]->times(stream);
  // One that was given up earlier could have been fast as well as slow.
  const auto late = times.quantile(settings_.quantile);
  if (late && time.count() >= *late) times.add(kLonger * time.count());
}

void Hedging::begin() {
  const std::lock_guard lock(mutex_);
  allowed_ = std::min(allowed_ + settings_.max_share, kMostAtOnce);
}

bool Hedging::take() {
  const std::lock_guard lock(mutex_);
  // What was added up in tenths is one only nearly.
  constexpr double kOne = 1 - 1e-9;
  if (allowed_ < kOne) return false;
  allowed_ -= 1;
  return true;
}

void Hedging::give_back() {
  const std::lock_guard lock(mutex_);
  allowed_ += 1;
}

}  // namespace yardmaster::agent
