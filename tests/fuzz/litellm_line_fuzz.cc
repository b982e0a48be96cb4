// Lines of LiteLLM's logs.

#include "agent/logs/litellm.h"
#include "agent/logs/log_format.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

FUZZ(litellm_line) {
  static_cast<void>(agent::detect_log_format(input).has_value());
  const auto call = agent::parse_litellm_line(input);
  if (!call) return;
  require(!call->model.empty() || !call->model_group.empty(), "a call names its model");
  require(!call->quality || (*call->quality >= 0 && *call->quality <= 1), "quality is in [0, 1]");
  require(!call->cost_usd || *call->cost_usd >= 0, "a cost is not negative");
}
