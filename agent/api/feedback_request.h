#pragma once

#include <boost/json/fwd.hpp>
#include <cstddef>
#include <string_view>

#include "base/decision.h"
#include "base/result.h"
#include "base/time.h"
#include "replay/store.h"

/// What the bodies of /v1/outcomes and /v1/feedback say. Pure functions; any thread.
namespace yardmaster::agent {

/// Of the ids that clients choose.
inline constexpr std::size_t kMaxIdBytes = 256;

/// A body of /v1/outcomes.
struct OutcomeRequest {
  DecisionId id;
  Outcome outcome;
};

/// Reads a body of /v1/outcomes; `now` is the outcome's time, `unknown` the number of its fields
/// that nothing is known of. Fails with invalid_argument, with out_of_range for an amount that must
/// be a mistake of units, with not_found for what is no id of a decision.
Result<OutcomeRequest> read_outcome(const boost::json::object& body, Timestamp now,
                                    std::size_t& unknown);

/// Reads one item of /v1/feedback, sent with the API key of that name (empty: without keys), who is
/// the judge unless it names one. The number of fields that nothing is known of is added to
/// `unknown`. Whether the metric exists and takes the value is the store's to say. Fails with
/// invalid_argument, and with not_found for what is no id of a decision.
Result<replay::FeedbackItem> read_feedback_item(const boost::json::value& value,
                                                std::string_view key, Timestamp now,
                                                std::size_t& unknown);

}  // namespace yardmaster::agent
