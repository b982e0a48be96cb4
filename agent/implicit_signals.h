#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/decision.h"
#include "base/time.h"
#include "env/metrics.h"
#include "env/usage.h"
#include "replay/store.h"

namespace yardmaster::agent {

/// The judge of feedback that the daemon gives itself.
inline constexpr char kOwnJudge[] = "yardmaster";

/// Feedback of the daemon's own on a decision.
replay::FeedbackItem own_feedback(const env::MetricSpec& metric, const DecisionId& id, double value,
                                  Timestamp now);

/// What an outcome says of the metrics that the daemon measures itself, as feedback for its
/// decision. `finish`: how the answer ended; nothing where nobody looked (/v1/outcomes). A failure
/// says `error` alone, since its quality is 0 whatever else there is; a refusal of the client's own
/// mistake, and a call that was cancelled, say nothing.
std::vector<replay::FeedbackItem> implicit_feedback(std::span<const env::MetricSpec> metrics,
                                                    const DecisionId& id, const Outcome& outcome,
                                                    std::optional<env::Finish> finish);

/// The answers of the last minutes, so that a query which is asked again says something of the
/// answer before. Thread-safe, bounded.
class Regenerations {
 public:
  static constexpr std::chrono::minutes kWindow{10};
  static constexpr std::size_t kMost = 50'000;

  /// A query is answered by that decision; the decision that answered the same query before, within
  /// the window. `key` tells queries, callers and users apart.
  std::optional<DecisionId> note(const std::string& key, const DecisionId& decision, Timestamp now);

 private:
  struct Answer {
    std::string key;
    DecisionId decision;
    Timestamp time;
  };

  std::mutex mutex_;
  std::list<Answer> latest_;  // most recent first; guarded by mutex_, like by_key_
  std::map<std::string_view, std::list<Answer>::iterator>
      by_key_;  // keys in latest_; ordered as those of Sessions
};

}  // namespace yardmaster::agent
