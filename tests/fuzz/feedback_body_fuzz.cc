// Bodies of /v1/outcomes and /v1/feedback.

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cmath>

#include "agent/api/feedback_request.h"
#include "agent/api/json_fields.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

namespace {

void check_item(const boost::json::value& value) {
  std::size_t unknown = 0;
  const auto item = agent::read_feedback_item(value, "some-key", Timestamp(), unknown);
  if (!item) return;
  const Feedback& feedback = item->feedback;
  require(!std::isnan(feedback.value), "a value is one that a range can refuse");
  require(!feedback.metric.empty() && !item->target.id.empty(), "an item names both");
  require(feedback.key_scope == "some-key", "the key is the sender's");
  require(feedback.judge.size() <= 256 && feedback.idempotency_key.size() <= 256 &&
              feedback.comment.size() <= 4096 && item->target.id.size() <= 256,
          "texts are bounded");
}

}  // namespace

FUZZ(feedback_body) {
  const auto body = agent::parse_object(input);
  if (!body) return;
  std::size_t unknown = 0;
  if (const auto read = agent::read_outcome(*body, Timestamp(), unknown)) {
    for (const auto& amount : {read->outcome.cost_usd, read->outcome.latency_s}) {
      require(!amount || (*amount >= 0 && *amount <= 1e6), "amounts are in range");
    }
  }
  require(unknown <= body->size(), "no more unknown fields than fields");
  const auto* list = body->if_contains("feedback");
  if (list == nullptr || !list->is_array()) return check_item(*body);
  for (const auto& value : list->get_array()) check_item(value);
}
