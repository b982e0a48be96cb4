// Lines of the decision log, as `import` and warm start read them.

#include "replay/decision_log.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

FUZZ(decision_line) {
  const auto record = replay::from_json_line(input);
  if (!record) return;
  const Decision& decision = record->decision;
  require(decision.chosen < decision.candidates.size(), "the model is a candidate");
  require(decision.propensities.size() == decision.candidates.size(), "each has a propensity");
  const std::string line = replay::to_json_line(*record);
  const auto again = replay::from_json_line(line);
  require(again.has_value(), "what is exported can be imported");
  require(replay::to_json_line(*again) == line, "and is the same");
}
