#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "env/query.h"

namespace yardmaster::agent {

/// One call as LiteLLM logs it: a line of its adaptive router ({"request_type","model","quality"}),
/// a spend log, or a StandardLoggingPayload (docs.litellm.ai, "StandardLoggingPayload
/// Specification"). What the line does not say, or says null, is absent.
struct LiteLlmCall {
  std::string model;
  std::string model_group;          ///< the public name that LiteLLM served the model under
  std::optional<env::Query> query;  ///< nothing where the line holds no text at all
  std::optional<double> quality;    ///< in [0, 1]; 0 for a failed call
  std::optional<double> cost_usd;
  std::optional<double> latency_s;  ///< to the last token
  std::optional<std::uint64_t> input_tokens;
  std::optional<std::uint64_t> output_tokens;
  std::optional<Timestamp> time;  ///< when the call began
};

/// Reads such a line. The text is the first there is of "messages", "prompt", "query" and
/// "request_type" (its underscores as blanks). Fails with invalid_argument on malformed JSON, no
/// model, a wrong type, a quality outside [0, 1], a negative cost or time, or nothing to learn
/// from; the message names the field.
Result<LiteLlmCall> parse_litellm_line(std::string_view line);

}  // namespace yardmaster::agent
