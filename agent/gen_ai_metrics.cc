#include "agent/gen_ai_metrics.h"

namespace yardmaster::agent {

std::size_t GenAiMetrics::operation_of(env::ApiRoute route) {
  switch (route) {
    case env::ApiRoute::chat_completions:
    case env::ApiRoute::messages:
    case env::ApiRoute::responses:
      return 0;
    case env::ApiRoute::completions:
      return 1;
    case env::ApiRoute::embeddings:
      return 2;
  }
  return 0;
}

void GenAiMetrics::record(const GenAiCall& call) {
  if (call.input_tokens) input_tokens.record(static_cast<double>(*call.input_tokens));
  if (call.output_tokens) output_tokens.record(static_cast<double>(*call.output_tokens));
  if (call.first_token_s) first_token.record(*call.first_token_s);
  if (!call.duration_s) return;
  if (call.error) {
    failed[static_cast<std::size_t>(*call.error)].record(*call.duration_s);
  } else {
    succeeded.record(*call.duration_s);
  }
}

}  // namespace yardmaster::agent
