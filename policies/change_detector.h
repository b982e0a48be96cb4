#pragma once

#include <array>
#include <cstddef>

namespace yardmaster::policies {

/// Tells when the mean of a stream of prediction errors has left 0: the two-sided cumulative sum
/// test (CUSUM; Page 1954). Errors are divided by the deviation that was expected of them and by
/// how much larger than that they have been on the whole, and bounded, so that neither a model
/// with noisier answers nor one outlier raises an alarm.
///
/// A shift of s deviations is found after some 40 / (s - .2) errors; without one an alarm comes
/// once in some hundred million (Siegmund's approximation): predictions of a model that is still
/// being learned err for a while in one direction, and must not raise one either. Not thread-safe.
class ChangeDetector {
 public:
  /// Takes the next error and the standard deviation that was expected of it, in the same units;
  /// true if the mean has changed. Errors of no or not finite deviation are passed over.
  bool add(double error, double deviation);

  /// The mean error since the change began; meaningful when add() has just returned true.
  double shift() const;

  /// Begins anew, but for what is known of the size of errors.
  void reset();

  /// The whole state, for saving; restored by assigning to it.
  static constexpr std::size_t kStateSize = 8;
  std::array<double, kStateSize> state() const;
  void restore(const std::array<double, kStateSize>& state);

 private:
  /// One direction: the test's sum, and the errors since it was last 0.
  struct Side {
    double level = 0;
    double errors = 0;
    double count = 0;
  };

  bool advance(Side& side, double standardised, double error);

  Side up_, down_;
  double squares_ = 0;  ///< of standardised errors
  double count_ = 0;
};

}  // namespace yardmaster::policies
