// Bodies of /v1/messages, and of the routes whose model the client names.

#include <boost/json/parse.hpp>

#include "env/query_text.h"
#include "env/request_query.h"
#include "env/translation/limits.h"
#include "env/translation/messages_to_chat.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

FUZZ(messages_body) {
  constexpr std::size_t kBudget = 512;
  if (const auto query = env::parse_messages_query(input, kBudget)) {
    require(query->text.size() <= kBudget, "the text keeps to its budget");
    require(env::is_utf8(query->text), "the text is UTF-8");
  }
  static_cast<void>(env::parse_passed_query(input).has_value());
  for (const bool stream_usage : {false, true}) {
    const auto translated = env::messages_to_chat(
        input, {.max_completion_tokens = stream_usage, .stream_usage = stream_usage});
    if (!translated) continue;
    boost::system::error_code error;
    const auto value = boost::json::parse(*translated, error);
    require(!error && value.is_object(), "a translated body is a JSON object");
    require(value.get_object().contains("messages"), "a translated body has messages");
  }
}
