#pragma once

#include <string_view>

#include "base/result.h"
#include "env/query.h"

/// The bodies of the routes besides chat completions, as queries. Thread-safe. All fail with
/// invalid_argument as parse_query() does.
namespace yardmaster::env {

/// Reads a body of /v1/messages.
Result<Query> parse_messages_query(std::string_view body,
                                   std::size_t text_budget_bytes = kQueryTextBytes);

/// Reads what matters of a body that a model is sent by its name alone, such as one of
/// /v1/embeddings: model, stream, size.
Result<Query> parse_passed_query(std::string_view body);

}  // namespace yardmaster::env
