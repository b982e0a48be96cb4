// Lines of outcome data sets.

#include "env/outcome_data.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

FUZZ(outcome_line) {
  const auto example = env::parse_outcome_line(input);
  if (!example) return;
  require(!example->outcomes.empty(), "there is an outcome");
  for (const env::LoggedOutcome& outcome : example->outcomes) {
    require(!outcome.quality || (*outcome.quality >= 0 && *outcome.quality <= 1),
            "quality is in [0, 1]");
    require(!outcome.cost_usd || *outcome.cost_usd >= 0, "a cost is not negative");
    require(!outcome.latency_s || *outcome.latency_s >= 0, "nor is a latency");
  }
}
