#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/decision.h"
#include "base/result.h"

namespace yardmaster::env {

/// A metric that feedback may carry, as the config declares it.
struct MetricSpec {
  enum class Type { number, boolean };
  enum class Optimize { max, min };
  /// Which value counts when several judges sent one: the judge that spoke first, the one that
  /// spoke last, or the mean over judges. A judge's own later value always replaces its earlier.
  enum class Judges { earliest, latest, mean };

  /// Who measures it: those who send feedback, or the daemon from what came of a call.
  enum class Source { client, error, first_token, latency, refusal, truncation, regeneration };

  std::string name;
  Type type = Type::number;
  double min = 0;
  double max = 1;
  Optimize optimize = Optimize::max;
  Judges judges = Judges::latest;
  Source source = Source::client;
};

/// A metric's part in quality.
struct MetricWeight {
  std::string metric;
  double weight = 1;
};

/// Turns a decision's feedback into quality in [0, 1]: the weighted mean of the objective's
/// metrics, each scaled by its declared range and turned round where less is better.
/// Immutable; any thread.
class QualityObjective {
 public:
  /// `parts` empty: the first declared metric alone. Fails with invalid_argument where a part
  /// names a metric that is not declared, a range is empty, or no weight is positive.
  static Result<QualityObjective> make(std::vector<MetricSpec> metrics,
                                       std::vector<MetricWeight> parts);

  const std::vector<MetricSpec>& metrics() const { return metrics_; }

  /// nullptr if no metric of that name is declared.
  const MetricSpec* find(std::string_view metric) const;

  /// Checks one value: not_found for an undeclared metric, out_of_range for a value outside the
  /// metric's range, not finite, or neither 0 nor 1 for a boolean.
  Status check(std::string_view metric, double value) const;

  /// Quality from all feedback of a decision in the order of arrival, nothing while a metric of
  /// the objective is missing.
  std::optional<double> quality(std::span<const Feedback> feedback) const;

 private:
  struct Part {
    std::size_t metric;
    double weight;
  };

  QualityObjective(std::vector<MetricSpec> metrics, std::vector<Part> parts)
      : metrics_(std::move(metrics)), parts_(std::move(parts)) {}

  std::vector<MetricSpec> metrics_;
  std::vector<Part> parts_;
};

}  // namespace yardmaster::env
