// Whole answers of upstreams: their usage, and their translation.

#include <boost/json/parse.hpp>

#include "env/query_text.h"
#include "env/route_usage.h"
#include "env/translation/chat_to_message.h"
#include "env/translation/message_to_chat.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

namespace {

void check_json(const std::string& body) {
  boost::system::error_code error;
  const auto value = boost::json::parse(body, error);
  require(!error && value.is_object(), "a translation is a JSON object");
}

}  // namespace

FUZZ(answer) {
  for (const auto route : {env::ApiRoute::chat_completions, env::ApiRoute::messages,
                           env::ApiRoute::embeddings, env::ApiRoute::responses}) {
    static_cast<void>(env::read_usage(route, input).has_value());
  }
  if (const auto chat = env::message_to_chat(input, 0)) check_json(*chat);
  if (const auto message = env::chat_to_message(input)) check_json(*message);
  check_json(env::anthropic_error_to_openai(input, 500));
  check_json(env::openai_error_to_anthropic(input, 429));
}
