#include "policies/change_detector.h"

#include <algorithm>
#include <cmath>

namespace yardmaster::policies {

namespace {

constexpr double kDrift = 0.2;      // deviations; smaller shifts are left to forgetting
constexpr double kThreshold = 40;   // deviations
constexpr double kBound = 3;        // of one standardised error
constexpr double kPriorCount = 20;  // errors of the expected size that are taken for seen
constexpr double kMemory = 2000;    // errors that the size is averaged over

}  // namespace

bool ChangeDetector::advance(Side& side, double standardised, double error) {
  side.level = std::max(0.0, side.level + standardised - kDrift);
  if (side.level == 0) {
    side = {};
    return false;
  }
  side.errors += error;
  ++side.count;
  return side.level > kThreshold;
}

bool ChangeDetector::add(double error, double deviation) {
  const double raw = error / deviation;
  if (!(deviation > 0) || !std::isfinite(raw)) return false;
  const double size = std::sqrt((kPriorCount + squares_) / (kPriorCount + count_));
  const double standardised = std::clamp(raw / size, -kBound, kBound);
  const double bounded = std::clamp(raw, -2 * kBound * size, 2 * kBound * size);
  squares_ += bounded * bounded;
  ++count_;
  if (count_ > kMemory) {
    squares_ *= kMemory / count_;
    count_ = kMemory;
  }
  const bool rose = advance(up_, standardised, error);
  const bool fell = advance(down_, -standardised, error);
  return rose || fell;
}

double ChangeDetector::shift() const {
  const Side& side = up_.level > down_.level ? up_ : down_;
  return side.count > 0 ? side.errors / side.count : 0;
}

void ChangeDetector::reset() { up_ = down_ = {}; }

std::array<double, ChangeDetector::kStateSize> ChangeDetector::state() const {
  return {up_.level,    up_.errors,  up_.count, down_.level,
          down_.errors, down_.count, squares_,  count_};
}

void ChangeDetector::restore(const std::array<double, kStateSize>& state) {
  up_ = {state[0], state[1], state[2]};
  down_ = {state[3], state[4], state[5]};
  squares_ = state[6];
  count_ = state[7];
}

}  // namespace yardmaster::policies
