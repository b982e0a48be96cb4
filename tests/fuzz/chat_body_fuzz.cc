// Bodies of /v1/chat/completions and /v1/route, and what is sent on of them.

#include <boost/json/parse.hpp>

#include "env/query.h"
#include "env/query_text.h"
#include "env/translation/chat_to_messages.h"
#include "env/translation/limits.h"
#include "env/upstream.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

namespace {

boost::json::object parsed(std::string_view body) {
  boost::system::error_code error;
  const auto value = boost::json::parse(body, error);
  require(!error && value.is_object(), "what is spliced stays a JSON object");
  return value.get_object();
}

}  // namespace

FUZZ(chat_body) {
  constexpr std::size_t kBudget = 512;
  const auto query = env::parse_query(input, kBudget);
  if (!query) {
    require(!query.error().message.empty(), "a refusal says why");
    return;
  }
  require(query->text.size() <= kBudget, "the text keeps to its budget");
  require(env::is_utf8(query->text), "the text is UTF-8");

  const std::string spliced = env::splice_model(input, "some/model");
  const boost::json::object named = parsed(spliced);
  const auto* model = named.if_contains("model");
  require(model != nullptr && model->is_string() && model->get_string() == "some/model",
          "the model is the spliced one");
  const boost::json::object streamed = parsed(env::splice_stream_usage(spliced));
  const auto* options = streamed.if_contains("stream_options");
  require(options != nullptr, "a spliced body asks for the usage");
  if (const auto* object = options->if_object()) {
    const auto* usage = object->if_contains("include_usage");
    require(usage != nullptr && usage->is_bool() && usage->get_bool(), "and asks with true");
  }

  if (const auto translated = env::chat_to_messages(input, 16)) {
    require(parsed(*translated).contains("messages"), "a translated body has messages");
  }
}
